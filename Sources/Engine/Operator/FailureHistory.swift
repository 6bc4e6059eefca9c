import Events
package import LogStorage

/// Every failed call of a unit as the log tells them: from the one that made it a dead letter back to the first. Each
/// failure names the commit of the one before, so nothing of it is kept in memory.
package struct FailureHistory: Sendable {
  package struct Attempt: Sendable, Equatable {
    package var unit: ProgressRecord.FailedUnit
    /// The generation of the scripts that ran.
    package var generation: UInt32
  }

  package var reader: UInt32
  /// The newest first; at least one.
  package var attempts: [Attempt]

  /// Nil when the log has no dead letter of this name, open or resolved. At most `limit` attempts. Blocks on the disk.
  package static func read(_ id: LetterID, from log: LogReader, limit: Int = 1000) throws -> FailureHistory? {
    guard let (record, generation) = try progress(ofCommit: id.commit, in: log),
      record.failed.indices.contains(Int(id.index)),
      record.failed[Int(id.index)].disposition != .retry
    else { return nil }
    let last = record.failed[Int(id.index)]
    var history = FailureHistory(reader: record.reader, attempts: [Attempt(unit: last, generation: generation)])
    var previous = last.previous
    while previous > 0, history.attempts.count < limit,
      let (record, generation) = try progress(ofCommit: previous, in: log),
      record.reader == history.reader,
      let unit = record.failed.first(where: { $0.position == last.position && $0.key == last.key })
    {
      history.attempts.append(Attempt(unit: unit, generation: generation))
      previous = unit.previous
    }
    return history
  }

  private static func progress(
    ofCommit number: UInt64, in log: LogReader
  ) throws -> (record: ProgressRecord, generation: UInt32)? {
    var found: (ProgressRecord, UInt32)?
    try log.replay(fromCommit: number) { commit in
      guard commit.number == number else { return false }
      for record in commit.records where record.kind == .progress && found == nil {
        found = ProgressRecord(FieldReader(record: record.whole)).map { ($0, commit.generation) }
      }
      return false
    }
    return found
  }
}
