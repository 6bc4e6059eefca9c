import Engine
import Events
import LogStorage
import Scripts

/// A new consumer goes over a log that does not fit into the memory that the engine keeps of it.
enum CatchingUp {
  static let workload: Workload = Workload(
    "catchup", "a new consumer goes over the whole log, which it reads from the disk"
  ) {
    run in
    try await BenchHost.with(run) { host in
      let events = BenchEvents(hash: host.engine.hash, type: "Measured", recordBytes: 200)
      try await host.append(stride(from: 0, to: count, by: 1000).lazy.map { events.batch(1000, first: $0) })
      var number = 0
      let figures = try await run.inRounds("catchup") {
        try floor(host)
      } value: {
        number += 1
        return try await rate(host, consumer: "late \(number)")
      }
      return [
        BenchResult(
          "catchup", workload.summary, unit: "events/s", figures,
          floorWhat: "read the log and call the handler in a loop, one core", budget: .partOfFloor(0.7))
      ]
    }
  }

  private static let count = 1_000_000

  private static func source(_ name: String) -> String {
    """
    consumer "\(name)" {
      from = "start",
      on = { Measured = function(event) if event.data.n % 1000 == 999 then emit("Thousand", event.data) end end },
    }
    """
  }

  private static func rate(_ host: BenchHost, consumer name: String) async throws -> Double {
    let before = host.engine.durable.rawValue
    let time = try await seconds {
      try await host.deploy(source(name))
      try await host.wait(for: before + UInt64(count / 1000))
    }
    return Double(count) / time
  }

  private static func floor(_ host: BenchHost) throws -> Double {
    let scripts = try Generation.load([SourceFile(path: "bench.lua", text: source("floor"))]).get()
    let worker = try scripts.makeWorker(hash: host.engine.hash, logName: "bench", logID: (1, 2))
    let start = ContinuousClock.now
    var position = Position(1)
    let last = Position(UInt64(count))
    while position <= last {
      guard let chunk = try host.engine.reader.chunk(from: position, limitBytes: 1 << 20, through: last) else { break }
      let effects = EntryBatch(hash: host.engine.hash, capacity: 1 << 16)
      for at in position.rawValue...chunk.lastPosition.rawValue {
        let entry = chunk.entry(Position(at))
        let outcome = worker.call(
          consumer: 0, handler: 0, event: entry, position: Position(at), recorded: 0, now: 0, key: entry.subject,
          readerNumber: 1, into: effects)
        guard case .done = outcome else { throw BenchError("the handler of the floor failed: \(outcome)") }
      }
      position = Position(chunk.lastPosition.rawValue + 1)
    }
    return Double(count) / (ContinuousClock.now - start).seconds
  }
}
