import Events
import LogStorage
import Scripts

@testable import Engine

extension World {
  /// Sends a command; the answer is there once it is durable.
  @discardableResult
  func send(_ command: String, _ subject: String, _ data: String = "{}", id: String? = nil) -> SentCommand {
    let answer = Box<CommandOutcome>()
    let job = CommandJob(event(command, subject, data, id: id, kind: .command)) { answer.value = $0 }
    put(.command(job))
    return SentCommand(job: job, answer: answer)
  }

  /// A command that was sent, and what its sender was told.
  final class SentCommand {
    let job: CommandJob
    private let answer: Box<CommandOutcome>
    var outcome: CommandOutcome? { answer.value }

    init(job: CommandJob, answer: Box<CommandOutcome>) { (self.job, self.answer) = (job, answer) }
  }

  /// Its sender does not wait any longer.
  func stopWaiting(for command: SentCommand) { put(.commandWaited(command.job)) }

  struct Ended: Equatable, CustomStringConvertible {
    var command: UInt64
    var result: OutcomeRecord.Result
    var reason: String?
    var description: String { "\(command) \(result)\(reason.map { ": \($0)" } ?? "")" }
  }

  /// Every outcome in the log.
  func outcomes() throws -> [Ended] {
    var found: [Ended] = []
    try opened.reader.replay(fromCommit: 1) { commit in
      for record in commit.records where record.kind == .outcome {
        guard let outcome = OutcomeRecord(FieldReader(record: record.whole)) else { continue }
        found += outcome.commands.map { Ended(command: $0, result: outcome.result, reason: outcome.reason) }
      }
      return true
    }
    return found
  }

  /// Every command in the log.
  func commands() throws -> [Seen] {
    var positions: Set<UInt64> = []
    try opened.reader.replay(fromCommit: 1) { commit in
      var position = commit.firstPosition.rawValue
      for record in commit.records where record.takesPosition {
        if record.kind == .command { positions.insert(position) }
        position += 1
      }
      return true
    }
    return try events().filter { positions.contains($0.position) }
  }

  /// The commands of the log that have no outcome, and those that have several.
  func misended() throws -> (without: [UInt64], repeated: [UInt64]) {
    var counts: [UInt64: Int] = [:]
    for outcome in try outcomes() { counts[outcome.command, default: 0] += 1 }
    let commands = try commands().map(\.position)
    return (commands.filter { counts[$0] == nil }, counts.filter { $0.value > 1 }.keys.sorted())
  }
}
