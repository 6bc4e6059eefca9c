package import Events

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
}

/// What the log can be looked up by.
package enum EventIndex: Sendable, Equatable {
  case subject([UInt8])
  case type([UInt8])
  case root(Position)
}
