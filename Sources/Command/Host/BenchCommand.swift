import ArgumentParser
import Benchmarks
import Client
import Foundation

/// `moondance bench`
struct BenchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measure this machine: the workloads of the performance budget, each beside its floor.",
    discussion: """
      Everything lies in a temporary folder below --data and is removed at the end, also after Ctrl-C. Each floor (the \
      simplest loop that does only the work that cannot be left out) is measured in the same run. Figures are medians of \
      the rounds. Those with the large log (restart, memory, idle) share one log of --events events, which takes some \
      2 GB of the disk and half a minute to make.

      \(workloadList)

      EXAMPLES
        moondance bench
        moondance bench W1 chain --rounds 5
        moondance bench scale
        moondance bench restart memory --events 100000
        moondance bench --json > figures.json
      """)

  private static var workloadList: String {
    Workload.all.map { "  " + $0.name.padding(toLength: 17, withPad: " ", startingAt: 0) + $0.summary }
      .joined(separator: "\n")
  }

  @Argument(help: "Which workloads; \"scale\" stands for all whose names begin with it. (default: all)")
  var workloads: [String] = []

  @Option(help: "How often each is measured.")
  var rounds = 3

  @Option(help: ArgumentHelp("The folder whose disk is measured.", valueName: "folder"))
  var data = "."

  @Option(help: "Threads that run scripts.")
  var workers = max(2, ProcessInfo.processInfo.activeProcessorCount)

  @Option(help: "How many events the large log has, and scale-events goes up to.")
  var events = 10_000_000

  @Option(help: "How many subjects the events of the large log are of. (default: a tenth of the events)")
  var subjects: Int?

  @Option(
    help: ArgumentHelp(
      "The moondance whose daemon is measured, such as one from before a change. (default: this one)",
      valueName: "path"))
  var program: String?

  @Flag(help: "Print JSON.")
  var json = false

  @Option(
    help: ArgumentHelp(
      "Write the figures and plots into this folder's performance.md and performance/.", valueName: "folder",
      visibility: .hidden))
  var report: String?

  func validate() throws {
    guard (1...99).contains(rounds) else { throw ValidationError("--rounds takes a number from 1 to 99") }
    guard (1...256).contains(workers) else { throw ValidationError("--workers takes a number from 1 to 256") }
    guard (1000...1_000_000_000).contains(events) else {
      throw ValidationError("--events takes a number from 1000 to 1000000000")
    }
    if let subjects, !(1...events).contains(subjects) {
      throw ValidationError("--subjects takes a number from 1 to that of the events")
    }
    _ = try chosen()
  }

  func run() async throws {
    Interrupt.listen()
    let progress = BenchProgress()
    let folder = "\(data)/bench-\(ProcessInfo.processInfo.processIdentifier)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let run = BenchRun(
      rounds: rounds, workers: workers, events: events, subjects: subjects ?? max(1, events / 10),
      program: try program ?? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"), folder: folder,
      isInterrupted: { Interrupt.isRaised }, progress: { progress.show($0) })
    let machine = Machine.current
    if !json { print("\(machine.processor), \(machine.cores) cores, \(machine.system)") }
    var table = TextTable(FigureText.header, numbers: FigureText.numbers)
    var results: [BenchResult] = []
    for workload in try chosen() {
      let part: [BenchResult]
      do {
        part = try await workload.measure(run)
      } catch {
        progress.end()
        // A daemon that gets the same signal may be gone before anybody looks at the flag.
        guard !Interrupt.isRaised else { throw ExitCode(130) }
        throw Failure(description: "\(workload.name): \(error)")
      }
      progress.end()
      results += part
      if !json { table.lines(part.flatMap(FigureText.rows)).forEach { print($0) } }
    }
    let report = BenchReport(machine: machine, results: results)
    if json {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      print(String(decoding: try encoder.encode(report), as: UTF8.self))
    } else {
      print(Self.notes(results))
    }
    if let folder = self.report { try PerformanceDocument(report).write(to: folder) }
  }

  struct Failure: Error, CustomStringConvertible {
    var description: String
  }

  private func chosen() throws -> [Workload] {
    if workloads.isEmpty { return Workload.all }
    return try workloads.flatMap { name in
      let found = Workload.named(name)
      guard !found.isEmpty else {
        let known = Workload.all.map(\.name).joined(separator: ", ")
        throw ValidationError("there is no workload \"\(name)\"; there are \(known)")
      }
      return found
    }
  }

  /// What each figure and its floor are.
  private static func notes(_ results: [BenchResult]) -> String {
    (["", "FLOORS"] + results.map { "  \($0.name): \($0.what); floor: \($0.floorWhat)" }).joined(separator: "\n")
  }
}

/// A line on the terminal that says what is being measured: after two seconds, and only when somebody looks.
final class BenchProgress: Sendable {
  private let began = ContinuousClock.now
  private let isShown = isatty(2) != 0

  func show(_ what: String) {
    guard isShown, ContinuousClock.now - began > .seconds(2) else { return }
    FileHandle.standardError.write(Data("\r\(what)\u{1B}[K".utf8))
  }

  /// Takes the line away.
  func end() {
    if isShown { FileHandle.standardError.write(Data("\r\u{1B}[K".utf8)) }
  }
}
