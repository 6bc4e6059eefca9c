/// Reads an event, command, message or timer in place. One layout serves the four (docs/log-format.md, "Entry"):
///
///     0 u8 kind · 1 u8 flags · 2 u16 depth · 4 u32 length · 8 u64 cause · 16 u64 root (0: itself)
///     24 u32 data length · 28 u32 attributes length · 32 u16 subject length · 34 u16 contract version
///     36 u8 type length · 37 u8 data encoding · 38 u16 zero · 40 type, subject, data, attributes
///
/// A command's `type` is its name and `subject` its target; a message's are destination and key; a timer's are the
/// type and subject it will emit. The bytes must outlive the view, and must have passed `isValid`.
@frozen
package struct EntryView {
  package static let headerSize = 40
  /// The largest data of an event, in bytes.
  package static let maximumData = 1 << 20
  /// How deep a chain of causes may grow before `emit` refuses.
  package static let maximumDepth: UInt16 = 1000

  @usableFromInline let base: UnsafeRawPointer

  @inlinable package init(_ base: UnsafeRawPointer) { self.base = base }

  @inlinable package var rawKind: UInt8 { base.load(as: UInt8.self) }
  @inlinable package var depth: UInt16 { base.integer(UInt16.self, at: 2) }
  @inlinable package var length: Int { Int(base.integer(UInt32.self, at: 4)) }
  /// 0: none.
  @inlinable package var cause: UInt64 { base.integer(UInt64.self, at: 8) }
  /// 0: this entry is its own root.
  @inlinable package var root: UInt64 { base.integer(UInt64.self, at: 16) }
  @inlinable var dataLength: Int { Int(base.integer(UInt32.self, at: 24)) }
  @inlinable package var attributesLength: Int { Int(base.integer(UInt32.self, at: 28)) }
  @inlinable var subjectLength: Int { Int(base.integer(UInt16.self, at: 32)) }
  @inlinable package var contractVersion: UInt16 { base.integer(UInt16.self, at: 34) }
  @inlinable var typeLength: Int { Int(base.integer(UInt8.self, at: 36)) }
  @inlinable package var dataEncoding: DataEncoding {
    DataEncoding(rawValue: base.integer(UInt8.self, at: 37)) ?? .none
  }

  @inlinable package var whole: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: length) }
  @inlinable package var type: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: base + Self.headerSize, count: typeLength)
  }
  @inlinable package var subject: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: base + Self.headerSize + typeLength, count: subjectLength)
  }
  @inlinable package var data: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: base + Self.headerSize + typeLength + subjectLength, count: dataLength)
  }
  @inlinable package var attributes: EntryAttributes {
    EntryAttributes(
      UnsafeRawBufferPointer(
        start: base + Self.headerSize + typeLength + subjectLength + dataLength, count: attributesLength))
  }

  /// Whether `bytes` hold exactly one entry whose lengths agree. Checked once when bytes come from a file.
  package static func isValid(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard bytes.count >= headerSize, let base = bytes.baseAddress else { return false }
    let view = EntryView(base)
    guard view.length == bytes.count, (1...4).contains(view.rawKind),
      DataEncoding(rawValue: base.integer(UInt8.self, at: 37)) != nil, base.integer(UInt16.self, at: 38) == 0
    else { return false }
    let content = view.typeLength + view.subjectLength + view.dataLength + view.attributesLength
    return headerSize + content == bytes.count && EntryAttributes.isValid(view.attributes.bytes)
  }
}

/// What the data bytes of an entry are.
@frozen
package enum DataEncoding: UInt8, Sendable {
  case none = 0
  /// JSON text, byte for byte as it came.
  case json = 1
  /// Bytes of another content type.
  case binary = 2
}
