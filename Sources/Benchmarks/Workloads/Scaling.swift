import Engine
import Events

/// How the cost of a call grows with the number of consumers that hear the same events.
enum ScalingConsumers {
  static let workload: Workload = Workload(
    "scale-consumers", "cost of a call when 1, 10 and 100 consumers hear the same events"
  ) {
    run in
    let points = try await Scaling.points(run, "scale-consumers", [1, 10, 100]) { consumers in
      let source = (0..<consumers).map { number in
        """
        consumer "many \(number)" {
          from = "start", on = { Ping = function(event) if event.data.n < 0 then emit("Pong") end end },
        }
        """
      }
      return try await Scaling.cost(
        run, events: events, calls: events * consumers, source: source.joined(separator: "\n"), emits: 0
      ) { _ in "Ping" }
    }
    return [
      BenchResult(
        "scale-consumers", workload.summary, unit: "µs/call", axis: "consumers", points,
        floorWhat: "with one consumer", budget: .timesFloor(1.5))
    ]
  }

  private static let events = 40_000
}

/// How the cost of an event grows when consumers divide the types of events among each other.
enum ScalingHearing {
  static let workload: Workload = Workload(
    "scale-hearing", "cost of an event when 1, 10 and 100 consumers share the types among them"
  ) { run in
    let points = try await Scaling.points(run, "scale-hearing", [1, 10, 100]) { consumers in
      let source = (0..<consumers).map { Reacting.consumer("one of many \($0)", hears: "Ping\($0)") }
      return try await Scaling.cost(
        run, events: events, calls: events, source: source.joined(separator: "\n"), emits: events
      ) { "Ping\($0 % consumers)" }
    }
    return [
      BenchResult(
        "scale-hearing", workload.summary, unit: "µs/event", axis: "consumers", points,
        floorWhat: "with one consumer", budget: .timesFloor(1.5))
    ]
  }

  private static let events = 200_000
}

/// How the cost of a reaction grows with the number of subjects.
enum ScalingSubjects {
  static let workload: Workload = Workload("scale-subjects", "cost of a reaction with 1 to a million subjects") { run in
    let points = try await Scaling.points(run, "scale-subjects", [1, 100, 10_000, 1_000_000]) { subjects in
      1e6 / (try await Reacting.rate(run, count: 400_000, subjects: subjects))
    }
    return [
      BenchResult(
        "scale-subjects", workload.summary, unit: "µs/event", axis: "subjects", points, floorWhat: "with one subject",
        budget: .timesFloor(1.5))
    ]
  }
}

/// How the cost of a reaction grows with the length of the log.
enum ScalingEvents {
  static let workload: Workload = Workload("scale-events", "cost of a reaction with 10 thousand to 10 million events") {
    run in
    let sizes = [10_000, 100_000, 1_000_000, 10_000_000].filter { $0 <= max(10_000, run.events) }
    let points = try await Scaling.points(run, "scale-events", sizes) { count in
      1e6 / (try await Reacting.rate(run, count: count))
    }
    return [
      BenchResult(
        "scale-events", workload.summary, unit: "µs/event", axis: "events", points,
        floorWhat: "with 10 thousand events", budget: .timesFloor(1.5))
    ]
  }
}

enum Scaling {
  /// The cost at each size, beside that of the handler alone, in one loop on one core.
  static func points(
    _ run: BenchRun, _ what: String, _ sizes: [Int], _ cost: (Int) async throws -> Double
  ) async throws -> [BenchResult.Point] {
    var points: [BenchResult.Point] = []
    for size in sizes {
      // The largest take long enough for one round to do.
      let rounds = size < 1_000_000 ? run.rounds : 1
      var (values, floors): ([Double], [Double]) = ([], [])
      for round in 1...rounds {
        run.progress("\(what): \(FigureText.size(Double(size))), round \(round) of \(rounds)")
        try run.goOn()
        floors.append(1e6 / (try Reacting.floor()))
        values.append(try await cost(size))
      }
      points.append(.init(size: Double(size), value: BenchResult.median(values), floor: BenchResult.median(floors)))
    }
    return points
  }

  /// µs for each of `calls`, from the deploy of consumers of events that are in the log until all are through.
  static func cost(
    _ run: BenchRun, events count: Int, calls: Int, source: String, emits: Int, type: @escaping (Int) -> String
  ) async throws -> Double {
    try await BenchHost.with(run) { host in
      let events = BenchEvents(hash: host.engine.hash, recordBytes: 120, type: type)
      try await host.append(stride(from: 0, to: count, by: 1000).lazy.map { events.batch(1000, first: $0) })
      let time = try await seconds {
        try await host.deploy(source)
        try await host.wait(for: UInt64(count + emits))
        while await host.engine.status().readers.contains(where: { $0.lag > 0 }) {
          try run.goOn()
          try await Task.sleep(for: .microseconds(200))
        }
      }
      return time * 1e6 / Double(calls)
    }
  }
}
