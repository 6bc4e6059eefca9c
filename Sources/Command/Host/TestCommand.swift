import ArgumentParser
import Foundation
import Rehearsal
import Scripts

/// `moondance test`
struct TestCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "test",
    abstract: "Run the tests of the scripts: the files that end in _test.lua.",
    discussion: """
      Each test is played on the log and engine of the daemon, in memory and with a clock of its own, under every schedule: \
      one event after the other, events in one batch, with a restart after every commit, and with every call made twice. \
      It fails when a step does not hold, and when the scripts make something else under another schedule. Exits with 1 \
      when a test fails or a file does not load.

      EXAMPLES
        moondance test
        moondance test shop/handlers --filter stock
        moondance test --json
      """)

  @Argument(help: "The folder with the scripts and their tests.")
  var handlers = "handlers"

  @Option(help: ArgumentHelp("Only tests in whose name or file this stands.", valueName: "text"))
  var filter: String?

  @Flag(help: "Print JSON.")
  var json = false

  func run() throws {
    let folder: HandlersFolder
    var tests: [ScriptTest]
    do throws(HandlersFolder.Refused) {
      folder = try HandlersFolder(handlers)
      let files = try HandlersFolder.read(FolderReader(folder: handlers, readsTests: true)).files
      tests = try HandlersFolder.loaded(TestLoader.load(files, modules: folder.reading.files.filter(\.isModule)))
    } catch {
      throw error.told(asJSON: json)
    }
    if tests.isEmpty {
      write("there are no tests in \(handlers): write one in a file whose name ends in _test.lua\n", to: .standardError)
      throw ExitCode(1)
    }
    if let filter { tests.removeAll { !$0.name.contains(filter) && !$0.file.contains(filter) } }
    if tests.isEmpty {
      write("no test has \"\(filter ?? "")\" in its name or file\n", to: .standardError)
      throw ExitCode(1)
    }
    try play(tests, on: Rehearsal(folder.scripts))
  }

  private func play(_ tests: [ScriptTest], on rehearsal: Rehearsal) throws {
    var reports: [Report] = []
    for test in tests {
      let began = ContinuousClock.now
      let result = rehearsal.run(test)
      let report = Report(result, milliseconds: Int((ContinuousClock.now - began) / .milliseconds(1)))
      reports.append(report)
      if !json { write(report.text, to: .standardOutput) }
    }
    let failed = reports.count { !$0.passed }
    if json {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      write(String(decoding: try encoder.encode(["tests": reports]), as: UTF8.self) + "\n", to: .standardOutput)
    } else {
      let noun = reports.count == 1 ? "test" : "tests"
      write(
        "\(reports.count) \(noun), each under \(Schedule.allCases.count) schedules: "
          + (failed == 0 ? "all hold\n" : "\(failed) \(failed == 1 ? "fails" : "fail")\n"), to: .standardOutput)
    }
    if failed > 0 { throw ExitCode(1) }
  }

  private struct Report: Encodable {
    var name: String
    var file: String
    var line: Int
    var passed: Bool
    var milliseconds: Int
    var problem: TestResult.Problem?

    init(_ result: TestResult, milliseconds: Int) {
      (name, file, line, problem) = (result.name, result.file, result.line, result.problem)
      self.milliseconds = milliseconds
      passed = problem == nil
    }

    var text: String {
      guard let problem else { return "holds  \(name)  \(file):\(line)\n" }
      let schedule = problem.schedule == .oneByOne ? "" : " (\(problem.schedule.rawValue))"
      return "FAILS  \(name)\n       \(problem.file):\(problem.line): \(problem.what)\(schedule)\n"
        + problem.details.map { "         \($0)\n" }.joined()
    }
  }

  private func write(_ text: String, to handle: FileHandle) { handle.write(Data(text.utf8)) }
}
