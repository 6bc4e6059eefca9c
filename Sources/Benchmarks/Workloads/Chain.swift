import Engine
import Events
import LogStorage

/// Five consumers, each of which hears what the one before has emitted.
enum Chain {
  static let workload: Workload = Workload("chain", "five reactions in a row on an idle host, durable") { run in
    try await BenchHost.with(run) { host in
      try await host.deploy(
        (1...5).map { step in
          "consumer \"step \(step)\" { on = { Step\(step) = function(event) emit(\"Step\(step + 1)\", event.data) end } }"
        }.joined(separator: "\n"))
      let sync = try SyncFloor(folder: run.folder, bytes: CommitHeader.size + recordBytes)
      let figures = try await run.inPairs("chain", pairs: 150) {
        try sync.once()
      } value: {
        try await time(host)
      }
      return [
        BenchResult(
          "chain", workload.summary, unit: "µs", figures, floorWhat: Latency.floorWhat, budget: .timesFloor(3))
      ]
    }
  }

  private static let recordBytes = 120

  /// µs from an append to the durable end of what it has set off.
  private static func time(_ host: BenchHost) async throws -> Double {
    let last = host.engine.durable.rawValue
    let batches = host.batches(1, type: "Step1", recordBytes: recordBytes)
    return try await seconds {
      try await host.append(batches)
      try await host.wait(for: last + 6)
    } * 1e6
  }
}
