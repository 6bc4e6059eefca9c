import Foundation
import TestKit
import Testing

/// The simulator itself, in release: thousands of runs of a debug build would take an hour.
@Suite(.serialized) struct SimulationTests {
  @Test func `seeds that have failed once run first`() throws {
    for seed in try Simulate.failedSeeds() { try Simulate.expectGood(["--seed", seed]) }
  }

  @Test func `a thousand lives keep the six promises`() throws {
    let base = UInt64.random(in: 1_000_000...999_000_000)
    print("simulating 1000 runs from seed 1, and 200 from seed \(base)")
    let output = try Simulate.expectGood(["--seed", "1", "--runs", "1000"])
    let line = try #require(
      output.firstMatch(
        of: /1000 runs .* (\d+) commands, (\d+) reads, (\d+) timers, (\d+) instances \((\d+) moved/))
    let heard = try #require(output.firstMatch(of: /1000 runs .* (\d+) told by name \((\d+) late/))
    #expect(
      Int(line.1)! > 2000 && Int(line.2)! > 2000 && Int(line.3)! > 2000 && Int(line.4)! > 500 && Int(line.5)! > 50
        && Int(heard.1)! > 1000 && Int(heard.2)! > 30,
      "too little was done to mean anything: \(heard.0)")
    try Simulate.expectGood(["--seed", "\(base)", "--runs", "200"])
  }

  @Test func `a seed is the same run in every process, down to the bytes of the log`() throws {
    let arguments = ["--seed", "5000", "--runs", "40", "--digests"]
    let first = try Simulate.run(arguments)
    let second = try Simulate.run(arguments + ["--jobs", "1"])
    func digests(_ output: String) -> Set<Substring> {
      Set(output.split(separator: "\n").filter { $0.hasPrefix("50") })
    }
    #expect(digests(first.output).count == 40)
    #expect(digests(first.output) == digests(second.output))
  }

  @Test(arguments: [
    "skipped-sync", "early-acknowledgement", "lost-effects", "forgotten-follower", "voided-result", "wrong-order",
    "overtaking", "lost-verb", "duplicate-as-new", "stale-decision", "remembered-reads", "wrong-snapshot",
    "hasty-clock", "exchanged-timers", "wrong-time", "lost-wake", "undo-in-order", "old-answer", "lost-mail",
    "deaf-instance", "lost-bell", "early-deadline", "forced-move", "lost-step",
  ])
  func `a planted bug is found`(bug: String) throws {
    let result = try Simulate.run(["--seed", "1", "--runs", "1500", "--bug", bug])
    #expect(result.code == 1 && result.output.contains("broken promise:"), "\(bug): \(result.output)")
    #expect(result.output.contains("run it again: make simulate SEED="), "\(bug): \(result.output)")
  }
}

private enum Simulate {
  static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  struct Result {
    var code: Int32
    var output: String
  }

  static func failedSeeds() throws -> [String] {
    let file = root.appending(path: "Tests/SimulationTests/failed-seeds.txt")
    return try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
      .filter { !$0.hasPrefix("#") }.map { String($0.prefix { $0 != " " }) }
  }

  @discardableResult
  static func expectGood(_ arguments: [String]) throws -> String {
    let result = try run(arguments)
    #expect(result.code == 0, "simulate \(arguments.joined(separator: " "))\n\(result.output)")
    return result.output
  }

  /// `make test` builds the program before the tests; its hashing is seeded anew in each process.
  static func run(_ arguments: [String]) throws -> Result {
    let ended = try RunningProgram(root.appending(path: ".build/release/simulate").path, arguments).finish()
    return Result(code: ended.code, output: ended.out + ended.err)
  }
}
