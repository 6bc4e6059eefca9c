/// A model of what JSON the door takes: RFC 8259 read slowly, one byte after the other, plus the rules on surrogates
/// and depth. The scanner must agree with it on everything.
struct StrictJSON {
  private let bytes: [UInt8]
  private var at = 0
  private let maximumDepth: Int

  /// Whether `bytes` are exactly one value whose containers nest at most `depth` levels.
  static func isValue(_ bytes: [UInt8], depth: Int = 64) -> Bool {
    guard String(validating: bytes, as: UTF8.self) != nil else { return false }
    var model = StrictJSON(bytes: bytes, maximumDepth: depth)
    model.space()
    guard model.value(depth: 0) else { return false }
    model.space()
    return model.at == bytes.count
  }

  private init(bytes: [UInt8], maximumDepth: Int) {
    self.bytes = bytes
    self.maximumDepth = maximumDepth
  }

  private var next: UInt8? { at < bytes.count ? bytes[at] : nil }

  private mutating func take(_ character: Character) -> Bool {
    guard next == character.asciiValue else { return false }
    at += 1
    return true
  }

  private mutating func space() {
    while let byte = next, [0x20, 0x09, 0x0A, 0x0D].contains(byte) { at += 1 }
  }

  private mutating func value(depth: Int) -> Bool {
    switch next {
    case UInt8(ascii: "{"): return depth < maximumDepth && object(depth: depth + 1)
    case UInt8(ascii: "["): return depth < maximumDepth && array(depth: depth + 1)
    case UInt8(ascii: "\""): return string()
    case UInt8(ascii: "t"): return word("true")
    case UInt8(ascii: "f"): return word("false")
    case UInt8(ascii: "n"): return word("null")
    default: return number()
    }
  }

  private mutating func word(_ text: String) -> Bool {
    for character in text where !take(character) { return false }
    return true
  }

  private mutating func object(depth: Int) -> Bool {
    at += 1
    space()
    if take("}") { return true }
    while true {
      guard next == UInt8(ascii: "\""), string() else { return false }
      space()
      guard take(":") else { return false }
      space()
      guard value(depth: depth) else { return false }
      space()
      if take("}") { return true }
      guard take(",") else { return false }
      space()
    }
  }

  private mutating func array(depth: Int) -> Bool {
    at += 1
    space()
    if take("]") { return true }
    while true {
      guard value(depth: depth) else { return false }
      space()
      if take("]") { return true }
      guard take(",") else { return false }
      space()
    }
  }

  private mutating func string() -> Bool {
    at += 1
    while let byte = next {
      at += 1
      if byte == UInt8(ascii: "\"") { return true }
      if byte < 0x20 { return false }
      if byte == UInt8(ascii: "\\"), !escape() { return false }
    }
    return false
  }

  private mutating func escape() -> Bool {
    guard let letter = next else { return false }
    at += 1
    if letter != UInt8(ascii: "u") { return "\"\\/bfnrt".utf8.contains(letter) }
    guard let unit = unit() else { return false }
    if (0xDC00...0xDFFF).contains(unit) { return false }
    guard (0xD800...0xDBFF).contains(unit) else { return true }
    guard take("\\"), take("u"), let low = self.unit() else { return false }
    return (0xDC00...0xDFFF).contains(low)
  }

  private mutating func unit() -> UInt32? {
    guard at + 4 <= bytes.count else { return nil }
    let digits = bytes[at..<(at + 4)]
    guard digits.allSatisfy({ Character(UnicodeScalar($0)).isHexDigit && $0 < 0x80 }) else { return nil }
    at += 4
    return UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
  }

  private mutating func number() -> Bool {
    _ = take("-")
    if !take("0"), !digits() { return false }
    if take("."), !digits() { return false }
    if take("e") || take("E") {
      if !take("+") { _ = take("-") }
      return digits()
    }
    return true
  }

  private mutating func digits() -> Bool {
    let start = at
    while let byte = next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { at += 1 }
    return at > start
  }
}
