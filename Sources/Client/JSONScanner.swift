/// What is wrong with a JSON text, and where.
package struct JSONMistake: Error, Equatable, Sendable {
  /// In bytes from the beginning.
  package let offset: Int
  package let what: String
}

/// Walks over JSON (RFC 8259, strictly) and tells where its parts are, so that they are passed on exactly as written.
package struct JSONScanner {
  private let bytes: [UInt8]
  private var at = 0
  private static let deepest = 512

  package init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// - Throws: what is wrong when `bytes` are not exactly one JSON value.
  package static func check(_ bytes: [UInt8]) throws(JSONMistake) {
    var scanner = JSONScanner(bytes)
    try scanner.value(depth: 0)
    scanner.space()
    if scanner.at < bytes.count { throw scanner.mistake("there is more after the end of the value") }
    if String(validating: bytes, as: UTF8.self) == nil { throw JSONMistake(offset: 0, what: "the text is not UTF-8") }
  }

  /// The members of the object that `bytes` are: names as written, without escapes undone, and where the values stand.
  package static func members(_ bytes: [UInt8]) throws(JSONMistake) -> [(name: String, value: Range<Int>)] {
    var scanner = JSONScanner(bytes)
    var members: [(String, Range<Int>)] = []
    scanner.space()
    guard scanner.peek == UInt8(ascii: "{") else { throw scanner.mistake("here should be an object") }
    try scanner.object(depth: 0) { name, value in
      members.append((String(decoding: bytes[(name.lowerBound + 1)..<(name.upperBound - 1)], as: UTF8.self), value))
    }
    return members
  }

  /// Where the elements of the array in `range` stand.
  package static func elements(_ bytes: [UInt8], in range: Range<Int>) throws(JSONMistake) -> [Range<Int>] {
    var scanner = JSONScanner(bytes)
    scanner.at = range.lowerBound
    var elements: [Range<Int>] = []
    guard scanner.peek == UInt8(ascii: "[") else { throw scanner.mistake("here should be an array") }
    try scanner.array(depth: 0) { elements.append($0) }
    return elements
  }

  private var peek: UInt8? { at < bytes.count ? bytes[at] : nil }

  private func mistake(_ what: String) -> JSONMistake { JSONMistake(offset: at, what: what) }

  private mutating func space() {
    while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { at += 1 }
  }

  private mutating func value(depth: Int) throws(JSONMistake) {
    space()
    guard depth <= Self.deepest else { throw mistake("it is nested too deeply") }
    switch peek {
    case nil: throw mistake("the text ends where a value should be")
    case UInt8(ascii: "{")?: try object(depth: depth) { _, _ in }
    case UInt8(ascii: "[")?: try array(depth: depth) { _ in }
    case UInt8(ascii: "\"")?: try string()
    case let byte? where byte == UInt8(ascii: "-") || Self.isDigit(byte): try number()
    case UInt8(ascii: "t")?: try word("true")
    case UInt8(ascii: "f")?: try word("false")
    case UInt8(ascii: "n")?: try word("null")
    case UInt8(ascii: "'")?: throw mistake("strings stand in double quotes")
    default: throw mistake("this begins no value; text stands in double quotes")
    }
  }

  private mutating func object(depth: Int, _ member: (Range<Int>, Range<Int>) -> Void) throws(JSONMistake) {
    at += 1
    space()
    if peek == UInt8(ascii: "}") {
      at += 1
      return
    }
    while true {
      space()
      guard peek == UInt8(ascii: "\"") else {
        throw mistake(peek == nil ? "the object is not closed with }" : "here should be a name in double quotes")
      }
      let name = at
      try string()
      let nameEnd = at
      space()
      guard peek == UInt8(ascii: ":") else { throw mistake("here should be a colon") }
      at += 1
      space()
      let start = at
      try value(depth: depth + 1)
      member(name..<nameEnd, start..<at)
      space()
      if peek == UInt8(ascii: "}") { break }
      guard peek == UInt8(ascii: ",") else {
        throw mistake(peek == nil ? "the object is not closed with }" : "here should be a comma or }")
      }
      at += 1
    }
    at += 1
  }

  private mutating func array(depth: Int, _ element: (Range<Int>) -> Void) throws(JSONMistake) {
    at += 1
    space()
    if peek == UInt8(ascii: "]") {
      at += 1
      return
    }
    while true {
      space()
      let start = at
      try value(depth: depth + 1)
      element(start..<at)
      space()
      if peek == UInt8(ascii: "]") { break }
      guard peek == UInt8(ascii: ",") else {
        throw mistake(peek == nil ? "the array is not closed with ]" : "here should be a comma or ]")
      }
      at += 1
    }
    at += 1
  }

  private mutating func string() throws(JSONMistake) {
    at += 1
    while let byte = peek {
      switch byte {
      case UInt8(ascii: "\""):
        at += 1
        return
      case UInt8(ascii: "\\"):
        at += 1
        guard let escape = peek else { break }
        if escape == UInt8(ascii: "u") {
          guard at + 4 < bytes.count, bytes[(at + 1)...(at + 4)].allSatisfy(Self.isHexadecimal) else {
            throw mistake("after \\u come four hexadecimal digits")
          }
          at += 5
        } else if "\"\\/bfnrt".utf8.contains(escape) {
          at += 1
        } else {
          throw mistake("there is no such escape")
        }
      case 0..<0x20: throw mistake("a string has no line breaks or control characters; write \\n")
      default: at += 1
      }
    }
    throw mistake("the string is not closed with a double quote")
  }

  private mutating func number() throws(JSONMistake) {
    if peek == UInt8(ascii: "-") { at += 1 }
    if peek == UInt8(ascii: "0") {
      at += 1
      if let byte = peek, Self.isDigit(byte) { throw mistake("a number does not begin with 0") }
    } else {
      try digits()
    }
    if peek == UInt8(ascii: ".") {
      at += 1
      try digits()
    }
    if peek == UInt8(ascii: "e") || peek == UInt8(ascii: "E") {
      at += 1
      if peek == UInt8(ascii: "+") || peek == UInt8(ascii: "-") { at += 1 }
      try digits()
    }
  }

  private mutating func digits() throws(JSONMistake) {
    guard let first = peek, Self.isDigit(first) else { throw mistake("here should be a digit") }
    while let byte = peek, Self.isDigit(byte) { at += 1 }
  }

  private mutating func word(_ word: StaticString) throws(JSONMistake) {
    let length = word.utf8CodeUnitCount
    let matches = word.withUTF8Buffer { at + length <= bytes.count && bytes[at..<(at + length)].elementsEqual($0) }
    guard matches else { throw mistake("this begins no value; text stands in double quotes") }
    at += length
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

  private static func isHexadecimal(_ byte: UInt8) -> Bool {
    isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
  }
}
