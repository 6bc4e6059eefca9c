/// The place of an event, command, message or timer in the log: 1, 2, 3 … without gaps.
///
/// `Position.start` (0) stands before the first entry, so a cursor at 0 has read nothing.
@frozen
package struct Position: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
  package var rawValue: UInt64

  @inlinable package init(rawValue: UInt64) { self.rawValue = rawValue }
  @inlinable package init(_ rawValue: UInt64) { self.rawValue = rawValue }

  /// Before the first entry.
  @inlinable package static var start: Position { Position(0) }

  @inlinable package static func < (left: Position, right: Position) -> Bool { left.rawValue < right.rawValue }
  @inlinable package static func + (left: Position, right: UInt64) -> Position { Position(left.rawValue + right) }
  @inlinable package var next: Position { Position(rawValue + 1) }

  package var description: String { String(rawValue) }
}
