/// Control records are lists of fields: tag (u8) · length (u32) · value. An unknown tag is skipped, so a record can
/// gain fields; a field may repeat; a nested value is again a list of fields.
extension ByteWriter {
  package mutating func field<Value: FixedWidthInteger>(_ tag: UInt8, _ value: Value) {
    append(tag)
    append(UInt32(MemoryLayout<Value>.size))
    append(value)
  }

  package mutating func field(_ tag: UInt8, _ value: UnsafeRawBufferPointer) {
    append(tag)
    append(UInt32(value.count))
    append(value)
  }

  package mutating func field(_ tag: UInt8, _ value: [UInt8]) { value.withUnsafeBytes { field(tag, $0) } }

  package mutating func field(_ tag: UInt8, _ text: String) {
    var text = text
    text.withUTF8 { field(tag, UnsafeRawBufferPointer($0)) }
  }

  package mutating func field(_ tag: UInt8, nested: (inout ByteWriter) -> Void) {
    append(tag)
    let at = count
    append(UInt32(0))
    nested(&self)
    patch(UInt32(count - at - 4), at: at)
  }

  /// A whole control record: header, then the fields that `body` writes.
  package mutating func record(_ kind: RecordKind, skippable: Bool = false, body: (inout ByteWriter) -> Void) {
    let start = count
    append(kind.rawValue)
    append(skippable ? RecordHeader.skippable : UInt8(0))
    append(UInt16(0))
    append(UInt32(0))
    body(&self)
    patch(UInt32(count - start), at: start + 4)
  }
}

/// Iterates the fields of a control record or of a nested value.
package struct FieldReader: Sequence, IteratorProtocol {
  package struct Field {
    package let tag: UInt8
    package let value: UnsafeRawBufferPointer

    /// The value as an unsigned integer of 1, 2, 4 or 8 bytes; 0 for another length.
    package var integer: UInt64 {
      guard let base = value.baseAddress else { return 0 }
      return switch value.count {
      case 1: UInt64(base.integer(UInt8.self, at: 0))
      case 2: UInt64(base.integer(UInt16.self, at: 0))
      case 4: UInt64(base.integer(UInt32.self, at: 0))
      case 8: base.integer(UInt64.self, at: 0)
      default: 0
      }
    }
    package var text: String { value.text }
    package var array: [UInt8] { Array(value) }
    package var fields: FieldReader { FieldReader(value) }
  }

  private var rest: UnsafeRawBufferPointer

  /// `bytes`: the fields alone. For a record, pass what follows its 8-byte header.
  package init(_ bytes: UnsafeRawBufferPointer) { rest = bytes }

  package init(record: UnsafeRawBufferPointer) {
    rest = UnsafeRawBufferPointer(rebasing: record[RecordHeader.size...])
  }

  package mutating func next() -> Field? {
    guard rest.count >= 5, let base = rest.baseAddress else { return nil }
    let length = Int(base.integer(UInt32.self, at: 1))
    guard rest.count - 5 >= length else { return nil }
    defer { rest = UnsafeRawBufferPointer(rebasing: rest[(5 + length)...]) }
    return Field(tag: base.load(as: UInt8.self), value: UnsafeRawBufferPointer(rebasing: rest[5..<(5 + length)]))
  }

  /// Whether the fields fill `bytes` exactly.
  package static func isValid(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var reader = FieldReader(bytes)
    while reader.next() != nil {}
    return reader.rest.isEmpty
  }
}
