/// Cuts valid JSON into its parts without decoding them, so that what the daemon gives byte for byte is shown so.
enum JSONSlices {
  /// The elements of an array.
  static func elements(of array: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
    parts(of: array).map(trimmed).filter { !$0.isEmpty }
  }

  /// The value of an object's member.
  static func member(_ name: String, of object: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
    let key = Array("\"\(name)\"".utf8)
    for part in parts(of: object) {
      let part = trimmed(part)
      guard part.starts(with: key) else { continue }
      let rest = trimmed(part.dropFirst(key.count))
      if rest.first == UInt8(ascii: ":") { return trimmed(rest.dropFirst()) }
    }
    return nil
  }

  /// What stands between the outermost brackets, cut at its commas.
  private static func parts(of text: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
    let inner = trimmed(text).dropFirst().dropLast()
    var parts: [ArraySlice<UInt8>] = []
    var (start, depth, isText, isEscaped) = (inner.startIndex, 0, false, false)
    for index in inner.indices {
      let byte = inner[index]
      if isText {
        if !isEscaped, byte == UInt8(ascii: "\"") { isText = false }
        isEscaped = !isEscaped && byte == UInt8(ascii: "\\")
        continue
      }
      switch byte {
      case UInt8(ascii: "\""): isText = true
      case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
      case UInt8(ascii: ",") where depth == 0:
        parts.append(inner[start..<index])
        start = index + 1
      default: break
      }
    }
    parts.append(inner[start...])
    return parts
  }

  private static func trimmed(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
    var text = text.drop(while: isSpace)
    while let last = text.last, isSpace(last) { text.removeLast() }
    return text
  }
}
