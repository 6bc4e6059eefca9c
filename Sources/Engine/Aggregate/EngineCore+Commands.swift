import DequeModule
package import Events
package import LogStorage
import Scripts

/// Commands from outside: into the log, and back with their outcome (design, section 5.4).
extension EngineCore {
  func take(_ job: CommandJob) {
    let command = job.batch.entry(0)
    let owners = generation?.scripts.owners
    guard owners?[command.type] != nil else { return job.answer(.unowned(near: owners?.near(command.type.text))) }
    takeAppend(AppendJob(job))
  }

  /// Notes where a command stands, when the accepted request is one; false when it is not. `commit`: what it is in, or
  /// the last one when all of it was there before.
  func noteAppended(_ append: AcceptedAppend, commit: UInt64) -> Bool {
    guard let job = append.job.command else { return false }
    guard case .appended(let first, _, _, let duplicates) = append.outcome else { return false }
    job.position = first.rawValue
    if duplicates > 0, !isUndecided(job) {
      answer(job, .decidedBefore(position: first), commit: commit)
    } else if case let letter = duplicates > 0 ? letter(of: job) : nil, job.isOverdue || isStopping || letter != nil {
      answer(job, .pending(position: first, letter: letter), commit: commit)
    } else {
      awaited[job.position, default: []].append(job)
    }
    return true
  }

  /// The reader that decides a command, while it is declared.
  private func owner(of job: CommandJob) -> ReaderState? {
    guard let owner = generation?.scripts.owners[job.batch.entry(0).type] else { return nil }
    return control.reader(named: owner.aggregate, kind: .aggregate)
  }

  /// Whether the log has no outcome of a command that came before. A dead letter that is skipped has none either.
  private func isUndecided(_ job: CommandJob) -> Bool {
    guard let reader = owner(of: job) else { return false }
    if job.position > reader.cursor { return true }
    let key = KeyBytes(job.batch.entry(0).subject)
    return reader.blocked[key]?.queue.contains(job.position) == true || letter(of: job) != nil
  }

  /// The dead letter that a command is.
  private func letter(of job: CommandJob) -> LetterID? {
    guard let reader = owner(of: job), !reader.letters.isEmpty else { return nil }
    var found: LetterID?
    reader.letters.forEach { letter in
      if letter.position == job.position { found = letter.id }
      return found == nil
    }
    return found
  }

  /// Its sender does not wait any longer.
  func waited(_ job: CommandJob) {
    if job.isAnswered { return }
    guard job.position > 0 else {
      job.isOverdue = true
      return
    }
    guard awaited[job.position] != nil else { return }
    awaited[job.position]!.removeAll { $0 === job }
    if awaited[job.position]!.isEmpty { awaited[job.position] = nil }
    answer(job, .pending(position: Position(job.position), letter: letter(of: job)), commit: control.commit)
  }

  /// The host stops: what is in the log is decided after the next start.
  func stopWaitingForOutcomes() {
    for (position, jobs) in awaited.sorted(by: { $0.key < $1.key }) {
      for job in jobs { answer(job, .pending(position: Position(position), letter: nil), commit: control.commit) }
    }
    awaited = [:]
  }

  /// Answers when `commit` is durable.
  func answer(_ job: CommandJob, _ outcome: CommandOutcome, commit: UInt64) {
    if commit <= durableCommit { return job.answer(outcome) }
    commandAnswers.append((commit, job, outcome))
  }

  /// Tells who waits for them how commands ended, or that they will not by themselves.
  func tellSenders(_ outcomes: [OutcomeRecord], commit: UInt64) {
    if awaited.isEmpty { return }
    for record in outcomes {
      for command in record.commands {
        guard let jobs = awaited.removeValue(forKey: command) else { continue }
        for job in jobs { answer(job, CommandOutcome(record, of: Position(command)), commit: commit) }
      }
    }
  }

  func tellSenders(ofGivenUp failed: [ProgressRecord.FailedUnit], commit: UInt64) {
    if awaited.isEmpty { return }
    for (index, unit) in failed.enumerated() where unit.disposition != .retry {
      guard let jobs = awaited.removeValue(forKey: unit.position) else { continue }
      let letter = LetterID(commit: commit, index: UInt32(index))
      for job in jobs { answer(job, .pending(position: Position(unit.position), letter: letter), commit: commit) }
    }
  }
}

extension CommandOutcome {
  /// What a record says of one of its commands.
  package init(_ record: OutcomeRecord, of command: Position) {
    switch record.result {
    case .accepted:
      self = .accepted(
        position: command, first: Position(record.effects.first), count: Int(record.effects.count))
    case .rejected: self = .rejected(position: command, reason: record.reason ?? "no reason was given")
    case .discarded, .unowned: self = .discarded(position: command)
    }
  }

  /// How the log says that a command ended that was decided; nil when it has no outcome up to `last`. Looks on from the
  /// command, which is seldom far from its outcome. Blocks on the disk.
  package static func find(_ command: Position, in log: LogReader, through last: UInt64) throws -> CommandOutcome? {
    guard let chunk = try log.chunk(from: command, limitBytes: 1, through: command) else { return nil }
    var found: CommandOutcome?
    try log.replay(fromCommit: chunk.commit(of: command).number) { commit in
      if commit.number > last { return false }
      for record in commit.records where record.kind == .outcome {
        guard let outcome = OutcomeRecord(FieldReader(record: record.whole)),
          outcome.commands.contains(command.rawValue)
        else { continue }
        found = CommandOutcome(outcome, of: command)
      }
      return found == nil
    }
    return found
  }
}
