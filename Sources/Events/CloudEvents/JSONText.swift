internal import CBytes

/// Writing JSON text.
extension ByteWriter {
  /// The string with its quotes, control characters and quotes escaped. `bytes` are UTF-8.
  package mutating func appendJSON(string bytes: UnsafeRawBufferPointer) {
    append(UInt8(ascii: "\""))
    var plain = 0
    for index in 0..<bytes.count {
      let byte = bytes[index]
      if byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\") { continue }
      append(UnsafeRawBufferPointer(rebasing: bytes[plain..<index]))
      appendEscape(byte)
      plain = index + 1
    }
    append(UnsafeRawBufferPointer(rebasing: bytes[plain...]))
    append(UInt8(ascii: "\""))
  }

  package mutating func appendJSON(string text: String) {
    var text = text
    text.withUTF8 { appendJSON(string: UnsafeRawBufferPointer($0)) }
  }

  /// Decimal digits, with a sign when negative.
  package mutating func appendDecimal(_ value: Int64) {
    if value < 0 { append(UInt8(ascii: "-")) }
    appendDecimal(value.magnitude)
  }

  package mutating func appendDecimal(_ value: UInt64) {
    var digits = 1
    var bound: UInt64 = 10
    while digits < 20 && value >= bound {
      digits += 1
      if digits < 20 { bound *= 10 }
    }
    appendDecimal(value, digits: digits)
  }

  /// Exactly `digits` decimal digits, with zeros in front.
  package mutating func appendDecimal(_ value: UInt64, digits: Int) {
    let place = reserve(digits)
    var rest = value
    for index in stride(from: digits - 1, through: 0, by: -1) {
      place.storeBytes(of: UInt8(ascii: "0") + UInt8(rest % 10), toByteOffset: index, as: UInt8.self)
      rest /= 10
    }
    advance(digits)
  }

  /// A string with the base64 of `bytes`.
  package mutating func appendBase64(_ bytes: UnsafeRawBufferPointer) {
    append(UInt8(ascii: "\""))
    let length = md_base64_length(bytes.count)
    let place = reserve(length).assumingMemoryBound(to: UInt8.self)
    md_base64_encode(bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count, place)
    advance(length)
    append(UInt8(ascii: "\""))
  }

  private mutating func appendEscape(_ byte: UInt8) {
    switch byte {
    case UInt8(ascii: "\""): append("\\\"" as StaticString)
    case UInt8(ascii: "\\"): append("\\\\" as StaticString)
    case UInt8(ascii: "\n"): append("\\n" as StaticString)
    case UInt8(ascii: "\r"): append("\\r" as StaticString)
    case UInt8(ascii: "\t"): append("\\t" as StaticString)
    default:
      append("\\u00" as StaticString)
      for digit in [byte >> 4, byte & 15] {
        append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
      }
    }
  }
}
