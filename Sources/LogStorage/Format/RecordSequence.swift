package import Events

/// A record of a commit's body: an entry (it has a position) or a control record.
@frozen
package struct RecordView {
  @usableFromInline let base: UnsafeRawPointer

  @inlinable init(_ base: UnsafeRawPointer) { self.base = base }

  @inlinable package var rawKind: UInt8 { base.load(as: UInt8.self) }
  /// Nil for a kind that this version does not know and may skip.
  package var kind: RecordKind? { RecordKind(rawValue: rawKind) }
  @inlinable package var flags: UInt8 { base.load(fromByteOffset: 1, as: UInt8.self) }
  @inlinable package var length: Int { Int(base.integer(UInt32.self, at: 4)) }
  @inlinable package var takesPosition: Bool { RecordKind.takesPosition(rawKind) }
  @inlinable package var whole: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: length) }
  /// The record as an entry. Only for the kinds event, command, message and timer.
  @inlinable package var entry: EntryView { EntryView(base) }
  /// The fields of a control record.
  package var fields: FieldReader { FieldReader(record: whole) }
}

/// The records of a commit that has been checked, in order.
@frozen
package struct RecordSequence: Sequence, IteratorProtocol {
  @usableFromInline var rest: UnsafeRawBufferPointer

  @inlinable init(_ body: UnsafeRawBufferPointer) { rest = body }

  @inlinable
  package mutating func next() -> RecordView? {
    guard rest.count >= RecordHeader.size, let base = rest.baseAddress else { return nil }
    let record = RecordView(base)
    precondition(record.length >= RecordHeader.size && record.length <= rest.count, "a body is checked before use")
    rest = UnsafeRawBufferPointer(start: base + record.length, count: rest.count - record.length)
    return record
  }
}
