import Foundation

/// A workload of the performance budget (docs/performance.md).
package struct Workload: Sendable {
  package let name: String
  package let summary: String
  package let measure: @Sendable (BenchRun) async throws -> [BenchResult]

  init(_ name: String, _ summary: String, _ measure: @escaping @Sendable (BenchRun) async throws -> [BenchResult]) {
    (self.name, self.summary, self.measure) = (name, summary, measure)
  }

  package static let all: [Workload] = [
    Appending.workload, Reacting.workload, Projecting.workload, Posting.workload, Streaming.workload,
    Latency.workload, Chain.workload, CatchingUp.workload, Restarting.workload, Resident.workload, Idling.workload,
    ScalingConsumers.workload, ScalingHearing.workload, ScalingSubjects.workload, ScalingEvents.workload,
    BlockedKeysLoad.few.workload, BlockedKeysLoad.many.workload, ReadingLoad.subjects.workload,
    ReadingLoad.computed.workload, Rebuilding.workload,
  ]

  /// Those that a name on the command line stands for: one, or all whose names begin with it and "-"; none when nobody
  /// has it.
  package static func named(_ name: String) -> [Workload] {
    let name = name.lowercased()
    return all.filter { $0.name.lowercased() == name || $0.name.lowercased().hasPrefix(name + "-") }
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
