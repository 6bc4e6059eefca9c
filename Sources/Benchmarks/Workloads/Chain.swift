import Engine
import Events

/// Five consumers, each of which hears what the one before has emitted.
enum Chain {
  static let workload: Workload = Workload("chain", "five reactions in a row on an idle host, durable") { run in
    try await BenchHost.with(run) { host in
      try await host.deploy(
        (1...5).map { step in
          "consumer \"step \(step)\" { on = { Step\(step) = function(event) emit(\"Step\(step + 1)\", event.data) end } }"
        }.joined(separator: "\n"))
      let figures = try await run.inRounds("chain") {
        try Floors.oneSync(count: samples, folder: run.folder)
      } value: {
        try await time(host)
      }
      return [
        BenchResult(
          "chain", workload.summary, unit: "µs", figures, floorWhat: "one 4 KiB append + fdatasync",
          budget: .timesFloor(3))
      ]
    }
  }

  private static let samples = 100

  /// µs from an append to the durable end of what it has set off, median.
  private static func time(_ host: BenchHost) async throws -> Double {
    var times: [Double] = []
    for _ in 0..<samples {
      try await Task.sleep(for: .milliseconds(2))
      let last = host.engine.durable.rawValue
      let batches = host.batches(1, type: "Step1", recordBytes: 120)
      let time = try await seconds {
        try await host.append(batches)
        try await host.wait(for: last + 6)
      }
      times.append(time * 1e6)
    }
    return BenchResult.median(times)
  }
}
