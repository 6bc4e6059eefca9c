/// The rules for names that come from outside (design, section 12). Names are compared and hashed as bytes.
package enum NameRule: Sendable {
  /// Event and command types, names in HTTP paths: ASCII `[A-Za-z0-9._-]`, 1–128 bytes.
  case type
  /// Names of declarations: UTF-8 to 128 bytes without control characters.
  case declaration
  /// Subjects and keys: UTF-8 to 256 bytes without control characters; empty means "no subject".
  case subject

  package static let maximumTypeBytes = 128
  package static let maximumDeclarationBytes = 128
  package static let maximumSubjectBytes = 256

  /// Whether `bytes` keep this rule. Bytes are expected to be valid UTF-8; `type` checks for ASCII itself.
  @inlinable
  package func allows(_ bytes: UnsafeRawBufferPointer) -> Bool {
    switch self {
    case .type:
      guard (1...Self.maximumTypeBytes).contains(bytes.count) else { return false }
      for byte in bytes where !Self.isTypeByte(byte) { return false }
      return true
    case .declaration:
      guard (1...Self.maximumDeclarationBytes).contains(bytes.count) else { return false }
      return !Self.containsControl(bytes)
    case .subject:
      return bytes.count <= Self.maximumSubjectBytes && !Self.containsControl(bytes)
    }
  }

  package func allows(_ text: String) -> Bool {
    var text = text
    return text.withUTF8 { allows(UnsafeRawBufferPointer($0)) }
  }

  @inlinable
  package static func isTypeByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
      true
    default: false
    }
  }

  /// C0 controls, DEL and, in UTF-8, the C1 controls (C2 80 … C2 9F).
  @inlinable
  package static func containsControl(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var previous: UInt8 = 0
    for byte in bytes {
      if byte < 0x20 || byte == 0x7F { return true }
      if previous == 0xC2 && byte >= 0x80 && byte < 0xA0 { return true }
      previous = byte
    }
    return false
  }

  /// Types beginning so are the host's: neither the door nor `emit` makes them.
  package static let hostPrefix = "moondance."

  /// Whether only the host makes events of this type.
  package static func isHostType(_ type: UnsafeRawBufferPointer) -> Bool {
    guard type.count >= hostPrefix.utf8.count else { return false }
    return zip(type, hostPrefix.utf8).allSatisfy { $0 == $1 }
  }
}
