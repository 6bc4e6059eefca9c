import Engine
import Events

/// W1: events appended without a door, a thousand a request, several requests under way.
enum Appending {
  static let workload: Workload = Workload("W1", "append 200-byte events, durable") { run in
    let figures = try await run.inRounds("W1") {
      try floor(run)
    } value: {
      try await rate(run)
    }
    return [
      BenchResult(
        "W1", workload.summary, unit: "events/s", figures, floorWhat: "the same bytes by 1 MiB write + fdatasync",
        budget: .partOfFloor(0.4))
    ]
  }

  private static let (count, recordBytes) = (1_000_000, 200)

  static func floor(_ run: BenchRun) throws -> Double {
    try Floors.rawWrite(bytes: count * recordBytes, folder: run.folder) / Double(recordBytes)
  }

  static func rate(_ run: BenchRun) async throws -> Double {
    try await BenchHost.with(run) { host in
      let batches = host.batches(count, type: "Measured", recordBytes: recordBytes)
      return Double(count) / (try await seconds { try await host.append(batches) })
    }
  }
}
