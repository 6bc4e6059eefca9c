import Engine
import Events

/// W2 with a `read` in each call, of a document that each event changes: how fast a consumer catches up that reads.
struct ReadingLoad: Sendable {
  let name: String
  let summary: String
  /// Of the projection.
  let key: String

  static let subjects = ReadingLoad(
    name: "read", summary: "W2 with a read in each call, of a projection whose key is the subject", key: "subject")
  static let computed = ReadingLoad(
    name: "read-computed", summary: "W2 with a read in each call, of a projection whose key is in the data",
    key: "data.n")

  private static let count = 200_000

  private func source(_ reads: Bool) -> String {
    """
    projection "seen" {
      key = "\(key)",
      initial = { count = 0, sum = 0 },
      on = { Ping = function(seen, event) seen.count = seen.count + 1  seen.sum = seen.sum + event.data.n end },
    }
    consumer "react" {
      from = "start", reads = { "seen" },
      on = { Ping = function(event)
        local seen = \(reads ? "read(\"seen\", event.\(key))" : "{ sum = event.data.n }")
        emit("Pong", { n = seen.sum })
      end },
    }
    """
  }

  var workload: Workload {
    Workload(name, summary) { run in
      let figures = try await run.inRounds(name) {
        try await rate(run, reads: false)
      } value: {
        try await rate(run, reads: true)
      }
      return [
        BenchResult(
          name, summary, unit: "reactions/s", figures, floorWhat: "the same without the read",
          budget: .partOfFloor(0.1))
      ]
    }
  }

  private func rate(_ run: BenchRun, reads: Bool) async throws -> Double {
    try await BenchHost.with(run) { host in
      try await host.append(host.batches(Self.count, type: "Ping", recordBytes: 120))
      let time = try await seconds {
        try await host.deploy(source(reads))
        try await host.wait(for: UInt64(Self.count * 2))
      }
      return Double(Self.count) / time
    }
  }
}
