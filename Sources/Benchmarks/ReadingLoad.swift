import Engine
import Events

/// W2 with a `read` in each call, of a document that each event changes: how fast a consumer catches up that reads.
struct ReadingLoad {
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

  func run(_ rounds: Int, _ folder: String, _ workers: Int) async throws -> BenchResult {
    var (rates, floors): ([Double], [Double]) = ([], [])
    for _ in 0..<rounds {
      floors.append(try await rate(false, folder, workers))
      rates.append(try await rate(true, folder, workers))
    }
    return .rate(
      name, summary, unit: "reactions/s", rounds: rates, floorWhat: "the same without the read", floors: floors,
      atLeast: 0.1)
  }

  private func rate(_ reads: Bool, _ folder: String, _ workers: Int) async throws -> Double {
    let host = try BenchHost(in: folder, workers: workers)
    let batches = stride(from: 0, to: Self.count, by: 1000).map {
      host.batch(1000, type: "Ping", recordBytes: 120, first: $0)
    }
    try await host.append(batches, inFlight: 32)
    let (time, _) = try await seconds {
      try await host.deploy(source(reads))
      try await host.wait(for: UInt64(Self.count * 2))
    }
    try await host.stop()
    return Double(Self.count) / time
  }
}
