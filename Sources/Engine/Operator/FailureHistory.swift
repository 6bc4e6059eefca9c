import Events
package import LogStorage

/// Every failed call of a unit as the log tells them: from the one that made it a dead letter back to the first. Each
/// failure names the commit of the one before, so nothing of it is kept in memory.
package struct FailureHistory: Sendable {
  package struct Attempt: Sendable, Equatable {
    package var unit: ProgressRecord.FailedUnit
    /// The generation of the scripts that ran.
    package var generation: UInt32

    package init(unit: ProgressRecord.FailedUnit, generation: UInt32) {
      (self.unit, self.generation) = (unit, generation)
    }
  }

  package var reader: UInt32
  /// The newest first; at least one.
  package var attempts: [Attempt]
  /// False when there are earlier attempts, which went over a limit.
  package var isComplete: Bool

  package init(reader: UInt32, attempts: [Attempt], isComplete: Bool = true) {
    (self.reader, self.attempts, self.isComplete) = (reader, attempts, isComplete)
  }

  /// Nil when the log has no dead letter of this name, open or resolved. At most `limit` attempts with about `limitBytes`
  /// of text, and at least the last. Blocks on the disk.
  package static func read(
    _ id: LetterID, from log: LogReader, limit: Int = 1000, limitBytes: Int = 4 << 20
  ) throws -> FailureHistory? {
    var found: (reader: UInt32, attempt: Attempt)?
    try forEach(of: [id], in: log) { _, reader, attempt in
      found = (reader, attempt)
      return false
    }
    guard let (reader, last) = found else { return nil }
    var history = FailureHistory(reader: reader, attempts: [last])
    var bytes = last.unit.textBytes
    var previous = last.unit.previous
    while previous > 0 {
      guard history.attempts.count < limit, bytes < limitBytes else {
        history.isComplete = false
        break
      }
      guard let (record, generation) = try progress(ofCommit: previous, in: log), record.reader == reader,
        let unit = record.failed.first(where: { $0.position == last.unit.position && $0.key == last.unit.key })
      else { break }
      history.attempts.append(Attempt(unit: unit, generation: generation))
      bytes += unit.textBytes
      previous = unit.previous
    }
    return history
  }

  /// The failures that made letters of units, for `ids`, which ascend, until `body` returns false. Ids that the log never
  /// gave are passed over. Letters of one commit, and of commits that lie close together, are read at one go. Blocks on
  /// the disk.
  package static func forEach(
    of ids: [LetterID], in log: LogReader,
    _ body: (_ id: LetterID, _ reader: UInt32, _ attempt: Attempt) throws -> Bool
  ) throws {
    var next = 0
    var isDone = false
    while next < ids.count, !isDone {
      let first = next
      try log.replay(fromCommit: ids[next].commit) { commit in
        while next < ids.count, ids[next].commit < commit.number { next += 1 }
        guard next < ids.count, ids[next].commit - commit.number <= nearby else { return false }
        guard ids[next].commit == commit.number else { return true }
        let record = progress(of: commit)
        while next < ids.count, ids[next].commit == commit.number, !isDone {
          let (id, index) = (ids[next], Int(ids[next].index))
          next += 1
          guard let record, record.failed.indices.contains(index), record.failed[index].disposition != .retry else {
            continue
          }
          isDone = try !body(id, record.reader, Attempt(unit: record.failed[index], generation: commit.generation))
        }
        return !isDone
      }
      // The log ends before this commit.
      if next == first { return }
    }
  }

  /// Over so many commits it is quicker to read on than to look the next one up.
  private static var nearby: UInt64 { 64 }

  private static func progress(
    ofCommit number: UInt64, in log: LogReader
  ) throws -> (record: ProgressRecord, generation: UInt32)? {
    var found: (ProgressRecord, UInt32)?
    try log.replay(fromCommit: number) { commit in
      if commit.number == number { found = progress(of: commit).map { ($0, commit.generation) } }
      return false
    }
    return found
  }

  private static func progress(of commit: CommitHeader) -> ProgressRecord? {
    for record in commit.records where record.kind == .progress {
      return ProgressRecord(FieldReader(record: record.whole))
    }
    return nil
  }
}

extension ProgressRecord.FailedUnit {
  /// What a program that shows it has to hold, about.
  fileprivate var textBytes: Int {
    log.reduce(message.utf8.count + traceback.utf8.count + 256) { $0 + $1.utf8.count }
  }
}
