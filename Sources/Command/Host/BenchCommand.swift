import ArgumentParser
import Benchmarks
import Foundation

/// `moondance bench`
struct BenchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measure this machine: the workloads of the performance budget, each beside its floor.",
    discussion: """
      Each workload runs in a temporary folder below --data; its floor (the simplest loop that does only the work that \
      cannot be left out) is measured in the same run. Figures are medians of the rounds.

      \(Workload.allCases.map { "  \($0.rawValue.padding(toLength: 6, withPad: " ", startingAt: 0)) \($0.summary)" }.joined(separator: "\n"))

      EXAMPLES
        moondance bench
        moondance bench W1 chain --rounds 5
        moondance bench --json > figures.json
      """)

  @Argument(help: "Which workloads. (default: all)")
  var workloads: [String] = []

  @Option(help: "How often each is measured.")
  var rounds = 3

  @Option(help: ArgumentHelp("The folder whose disk is measured.", valueName: "folder"))
  var data = "."

  @Option(help: "Threads that run scripts.")
  var workers = max(2, ProcessInfo.processInfo.activeProcessorCount)

  @Flag(help: "Print JSON.")
  var json = false

  func validate() throws {
    guard (1...99).contains(rounds) else { throw ValidationError("--rounds takes a number from 1 to 99") }
    _ = try chosen()
  }

  func run() async throws {
    let machine = Machine.current
    var results: [BenchResult] = []
    if !json { print("\(machine.processor), \(machine.cores) cores, \(machine.system)") }
    for workload in try chosen() {
      let result = try await workload.run(rounds: rounds, folder: data, workers: workers)
      results.append(result)
      if !json { show(result) }
    }
    if json {
      struct Report: Encodable {
        var machine: Machine
        var results: [BenchResult]
      }
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      print(String(decoding: try encoder.encode(Report(machine: machine, results: results)), as: UTF8.self))
    }
  }

  private func chosen() throws -> [Workload] {
    if workloads.isEmpty { return Workload.allCases }
    return try workloads.map { name in
      guard let workload = Workload.allCases.first(where: { $0.rawValue.lowercased() == name.lowercased() }) else {
        let known = Workload.allCases.map(\.rawValue).joined(separator: ", ")
        throw ValidationError("there is no workload \"\(name)\"; there are \(known)")
      }
      return workload
    }
  }

  private func show(_ result: BenchResult) {
    func number(_ value: Double) -> String { value >= 1000 ? "\(Int(value.rounded()))" : String(format: "%.1f", value) }
    print(
      """
      \(result.name): \(number(result.value)) \(result.unit) — \(result.what)
        floor \(number(result.floor)) \(result.unit) (\(result.floorWhat)); \
      \(String(format: "%.2f", result.ratio)) × the floor, budget \(result.target): \(result.meetsTarget ? "met" : "not met")
      """)
  }
}
