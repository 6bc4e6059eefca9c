import Engine
import Events

/// W2: a consumer reads events, calls Lua and emits one for each.
enum Reacting {
  static let workload: Workload = Workload("W2", "consume, run Lua, emit, durable") { run in
    let figures = try await run.inRounds("W2") {
      try floor()
    } value: {
      try await rate(run, count: 400_000)
    }
    let floorWhat = "decode + handler + encode in a loop, no log, one core"
    let cores = Double(max(1, min(run.workers, Machine.current.cores)))
    return [
      BenchResult(
        "W2", workload.summary, unit: "reactions/s", figures, floorWhat: floorWhat, budget: .partOfFloor(0.7)),
      BenchResult(
        "W2-per-core", "the same, for each core that there is", unit: "reactions/s",
        (figures.values.map { $0 / cores }, figures.floors), floorWhat: floorWhat, budget: .nothing),
    ]
  }

  static let source = consumer("react", hears: "Ping")

  static func consumer(_ name: String, hears type: String) -> String {
    """
    consumer "\(name)" {
      from = "start",
      on = { \(type) = function(event) emit("Pong", { n = event.data.n + 1 }) end },
    }
    """
  }

  /// Reactions a second in one loop on one core.
  static func floor() throws -> Double {
    let events = BenchEvents(hash: StableHash(seed: 1), type: "Ping", recordBytes: 120).batch(200_000, first: 0)
    return try Floors.react(events, source: source)
  }

  /// Reactions a second to events that are in the log already.
  static func rate(_ run: BenchRun, count: Int, subjects: Int = 10_000) async throws -> Double {
    try await BenchHost.with(run) { host in
      let events = BenchEvents(hash: host.engine.hash, type: "Ping", recordBytes: 120, subjects: subjects)
      try await host.append(stride(from: 0, to: count, by: 1000).lazy.map { events.batch(1000, first: $0) })
      let time = try await seconds {
        try await host.deploy(source)
        try await host.wait(for: UInt64(count * 2))
      }
      return Double(count) / time
    }
  }
}
