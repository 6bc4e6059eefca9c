package import Engine
package import Events
package import Scripts

/// Durable entries as the door reads them.
///
/// Called on reading threads, several at once; calls block. Callers bound every call by what is durable. An error is one
/// of reading the log; nothing is skipped silently.
package protocol EventReading: Sendable {
  /// Calls `body` for the entries at `from` … `through` in order, until it returns false or the range ends. The entry is
  /// good during the call only; `committed` is its commit time in microseconds since 1970.
  func visit(
    from: Position, through: Position, _ body: (_ entry: EntryView, _ position: Position, _ committed: Int64) -> Bool
  ) throws

  /// The same for single positions, in ascending order.
  func visit(
    _ positions: [Position], _ body: (_ entry: EntryView, _ position: Position, _ committed: Int64) -> Bool
  ) throws

  /// Up to `limit` positions in `from` … `through`, ascending, of entries about a subject, of a type, or with a root
  /// other than themselves. Entries that merely share a hash may be among them.
  func positions(_ index: EventIndex, from: Position, through: Position, limit: Int) throws -> [Position]

  /// The failures that made dead letters of units, for `ids`, which ascend, until `body` returns false. What is not
  /// durable, and ids that the log never gave, are passed over.
  func failures(of ids: [LetterID], _ body: (_ id: LetterID, _ failure: FailureHistory.Attempt) throws -> Bool) throws

  /// Every failure of a unit up to the one that made it this letter; nil when the durable log never gave this id.
  func history(of id: LetterID) throws -> FailureHistory?

  /// How a command ended that was decided; nil when the durable log has no outcome of it.
  func outcome(of command: Position) throws -> CommandOutcome?

  /// The state that an aggregate makes of a subject's events up to a durable position. `isHead`: it was the last one.
  func state(of subject: [UInt8], aggregate: String, at: Position, isHead: Bool) -> SubjectReading.Answer

  /// The data of an event as the newest version of its contract has them.
  func newestData(of event: EntryView, at position: Position, committed: Int64) -> NewestData

  /// The last position that was committed at or before `time`, in microseconds since 1970.
  func position(until time: Int64) throws -> Position

  /// The instances at places that the host has named, in the same order.
  func reports(of places: [ProcessPlace]) throws -> [ProcessReport]

  /// The running instance of the first of these keys that has one; nil when none has.
  func report(of keys: [ProcessKey]) throws -> ProcessReport?

  /// What an instance has done.
  func timeline(of report: ProcessReport) throws -> ProcessTimeline

  /// The subject of the event that started an instance.
  func subject(of report: ProcessReport) throws -> [UInt8]

  /// What a reader would repeat that is set back to `first`.
  func preview(
    ofRewinding reader: HostStatus.Reader, to first: Position, durable: Position
  ) throws -> RewindPreview
}

/// What the log can be looked up by.
package enum EventIndex: Sendable, Equatable {
  case subject([UInt8])
  case type([UInt8])
  case root(Position)
}
