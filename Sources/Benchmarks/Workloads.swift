import Engine
import Events
import Foundation

/// The workloads of the performance budget (docs/performance.md).
package enum Workload: String, CaseIterable, Sendable {
  case w1 = "W1"
  case w2 = "W2"
  case blocked
  case manyBlocked = "many-blocked"
  case read
  case readComputed = "read-computed"
  case w3 = "W3"
  case rebuild
  case chain

  package var summary: String {
    switch self {
    case .w1: "append 200-byte events, durable"
    case .w2: "consume, run Lua, emit, durable"
    case .blocked: "W2 with 100 of 10,000 keys blocked, and tried again meanwhile"
    case .manyBlocked: "W2 with 10,000 of 1,000,000 keys blocked"
    case .read: ReadingLoad.subjects.summary
    case .readComputed: ReadingLoad.computed.summary
    case .w3: "fold events into documents in SQLite"
    case .rebuild: "fold three changed projections anew beside the old ones, in one pass over the log"
    case .chain: "five reactions in a row on an idle host, durable"
    }
  }

  /// Runs the workload `rounds` times in `folder`, its floor between the rounds.
  package func run(rounds: Int, folder: String, workers: Int) async throws -> BenchResult {
    switch self {
    case .w1: try await Self.append(rounds, folder, workers)
    case .w2: try await Self.react(rounds, folder, workers)
    case .blocked: try await BlockedKeysLoad.few.run(rounds, folder, workers)
    case .manyBlocked: try await BlockedKeysLoad.many.run(rounds, folder, workers)
    case .read: try await ReadingLoad.subjects.run(rounds, folder, workers)
    case .readComputed: try await ReadingLoad.computed.run(rounds, folder, workers)
    case .w3: try await Self.project(rounds, folder, workers)
    case .rebuild: try await Self.rebuild(rounds, folder, workers)
    case .chain: try await Self.chain(rounds, folder, workers)
    }
  }

  private static func append(_ rounds: Int, _ folder: String, _ workers: Int) async throws -> BenchResult {
    let (count, perBatch, bytes) = (1_000_000, 1000, 200)
    var (rates, floors): ([Double], [Double]) = ([], [])
    for _ in 0..<rounds {
      floors.append(try Floors.rawWrite(bytes: count * bytes, folder: folder) / Double(bytes))
      let host = try BenchHost(in: folder, workers: workers)
      let batches = stride(from: 0, to: count, by: perBatch).map {
        host.batch(perBatch, type: "Measured", recordBytes: bytes, first: $0)
      }
      let (time, _) = try await seconds { try await host.append(batches, inFlight: 32) }
      rates.append(Double(count) / time)
      try await host.stop()
    }
    return .rate(
      "W1", w1.summary, unit: "events/s", rounds: rates, floorWhat: "the same bytes by 1 MiB write + fdatasync",
      floors: floors, atLeast: 0.4)
  }

  static let reaction = """
    consumer "react" {
      from = "start",
      on = { Ping = function(event) emit("Pong", { n = event.data.n + 1 }) end },
    }
    """

  private static func react(_ rounds: Int, _ folder: String, _ workers: Int) async throws -> BenchResult {
    let count = 400_000
    var (rates, floors): ([Double], [Double]) = ([], [])
    for _ in 0..<rounds {
      let host = try BenchHost(in: folder, workers: workers)
      floors.append(
        try Floors.react(host.batch(200_000, type: "Ping", recordBytes: 120, first: 0), source: reaction))
      let batches = stride(from: 0, to: count, by: 1000).map {
        host.batch(1000, type: "Ping", recordBytes: 120, first: $0)
      }
      try await host.append(batches, inFlight: 32)
      let (time, _) = try await seconds {
        try await host.deploy(reaction)
        try await host.wait(for: UInt64(count * 2))
      }
      rates.append(Double(count) / time)
      try await host.stop()
    }
    return .rate(
      "W2", w2.summary, unit: "reactions/s", rounds: rates,
      floorWhat: "decode + handler + encode in a loop, no log, one core", floors: floors, atLeast: 0.7)
  }

  private static func project(_ rounds: Int, _ folder: String, _ workers: Int) async throws -> BenchResult {
    var (rates, floors): ([Double], [Double]) = ([], [])
    for _ in 0..<rounds {
      floors.append(try Projecting.floor(in: folder))
      rates.append(try await Projecting.folds(in: folder, workers: workers))
    }
    return .rate(
      "W3", w3.summary, unit: "folds/s", rounds: rates, floorWhat: "a row for each event by a prepared statement",
      floors: floors, atLeastInAll: 100_000)
  }

  private static func rebuild(_ rounds: Int, _ folder: String, _ workers: Int) async throws -> BenchResult {
    var (rates, floors): ([Double], [Double]) = ([], [])
    for _ in 0..<rounds {
      let (together, apart) = try await Rebuilding.folds(in: folder, workers: workers)
      rates.append(together)
      floors.append(apart)
    }
    return .rate(
      "rebuild", rebuild.summary, unit: "folds/s", rounds: rates, floorWhat: "the same three one after the other",
      floors: floors, atLeastInAll: 100_000)
  }

  private static func chain(_ rounds: Int, _ folder: String, _ workers: Int) async throws -> BenchResult {
    var (times, floors): ([Double], [Double]) = ([], [])
    let host = try BenchHost(in: folder, workers: workers)
    try await host.deploy(
      (1...5).map { step in
        "consumer \"step \(step)\" { on = { Step\(step) = function(event) emit(\"Step\(step + 1)\", event.data) end } }"
      }.joined(separator: "\n"))
    for _ in 0..<rounds {
      floors.append(try Floors.oneSync(count: 50, folder: folder))
      var samples: [Double] = []
      for _ in 0..<50 {
        try await Task.sleep(for: .milliseconds(2))
        let last = host.engine.durable.rawValue
        let batch = host.batch(1, type: "Step1", recordBytes: 120, first: 1)
        let (time, _) = try await seconds {
          try await host.append([batch], inFlight: 1)
          try await host.wait(for: last + 6)
        }
        samples.append(time * 1e6)
      }
      times.append(BenchResult.median(samples))
    }
    try await host.stop()
    return .time(
      "chain", chain.summary, rounds: times, floorWhat: "one 4 KiB append + fdatasync", floors: floors, atMost: 3)
  }
}

extension Machine {
  /// This machine, as the system describes it.
  package static var current: Machine {
    let info = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    let model = info.split(separator: "\n").first { $0.hasPrefix("model name") }
      .flatMap { $0.split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) } }
    return Machine(
      processor: model ?? "unknown processor", cores: ProcessInfo.processInfo.activeProcessorCount,
      system: ProcessInfo.processInfo.operatingSystemVersionString)
  }
}
