package import Events

/// A key of a reader, as bytes: the subject of an event, or what `key =` gave.
///
/// An event without subject is its own key: a zero byte and its position, which no subject can be.
package struct KeyBytes: Hashable, Sendable, CustomStringConvertible {
  package let bytes: [UInt8]

  package init(_ bytes: UnsafeRawBufferPointer) { self.bytes = Array(bytes) }
  package init(_ bytes: [UInt8]) { self.bytes = bytes }
  package init(_ text: String) { bytes = Array(text.utf8) }

  private static let ownMark: UInt8 = 0
  private static let unkeyedMark: UInt8 = 1

  /// The key of an event that has none: itself.
  package static func own(_ position: Position) -> KeyBytes { KeyBytes(marked: ownMark, position) }

  /// Where a unit waits whose key could not be computed: the `key` function failed.
  package static func unkeyed(_ position: Position) -> KeyBytes { KeyBytes(marked: unkeyedMark, position) }

  private init(marked mark: UInt8, _ position: Position) {
    bytes = withUnsafeBytes(of: position.rawValue.littleEndian) { [mark] + Array($0) }
  }

  package var isUnkeyed: Bool { bytes.count == 9 && bytes[0] == Self.unkeyedMark }

  /// Whether these are the bytes of a key that an event is to itself: scripts see none.
  static func isOwn(_ bytes: UnsafeRawBufferPointer) -> Bool { bytes.count == 9 && bytes[0] == ownMark }

  /// The key as scripts see it, and effects go by: nothing for an event that goes by itself.
  func forScripts<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    bytes.withUnsafeBytes { bytes in
      body(KeyBytes.isOwn(bytes) ? UnsafeRawBufferPointer(start: nil, count: 0) : bytes)
    }
  }

  package func hash(_ hash: StableHash) -> UInt64 { bytes.withUnsafeBytes { hash($0) } }

  /// For people: `#12` stands for the event at position 12 itself.
  package var description: String {
    guard bytes.count == 9, bytes[0] <= Self.unkeyedMark else { return String(decoding: bytes, as: UTF8.self) }
    return "#\(bytes.withUnsafeBytes { $0.baseAddress!.integer(UInt64.self, at: 1) })"
  }
}
