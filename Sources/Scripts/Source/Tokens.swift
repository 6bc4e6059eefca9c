/// A token of Lua source, as far as hints and warnings need to know it.
struct Token: Hashable, Sendable {
  enum Kind: Sendable { case name, keyword, string, number, symbol }

  let kind: Kind
  let start: Int
  let end: Int
  let line: Int
}

/// The tokens of a Lua source. Source that Lua would refuse gives some tokens all the same and never fails: Lua's own
/// compiler judges a script, these tokens only tell where things stand in it.
struct Tokens: Sendable {
  let bytes: [UInt8]
  private(set) var all: [Token] = []
  /// Where each line begins; line n is at n - 1.
  private(set) var lineStarts: [Int] = [0]

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
    var scanner = Scanner(bytes: bytes)
    scanner.run()
    all = scanner.tokens
    lineStarts = scanner.lineStarts
  }

  func text(_ token: Token) -> String { String(decoding: bytes[token.start..<token.end], as: UTF8.self) }

  func text(ofLine line: Int) -> String {
    guard line >= 1, line <= lineStarts.count else { return "" }
    let start = lineStarts[line - 1]
    var end = line < lineStarts.count ? lineStarts[line] : bytes.count
    while end > start, bytes[end - 1] == UInt8(ascii: "\n") || bytes[end - 1] == UInt8(ascii: "\r") { end -= 1 }
    return String(decoding: bytes[start..<end], as: UTF8.self)
  }

  func tokens(ofLine line: Int) -> [Token] { all.filter { $0.line == line } }

  func isSymbol(_ index: Int, _ symbol: StaticString) -> Bool { matches(index, .symbol, symbol) }
  func isKeyword(_ index: Int, _ word: StaticString) -> Bool { matches(index, .keyword, word) }
  func isName(_ index: Int, _ name: StaticString) -> Bool { matches(index, .name, name) }

  func kind(_ index: Int) -> Token.Kind? { all.indices.contains(index) ? all[index].kind : nil }

  private func matches(_ index: Int, _ kind: Token.Kind, _ text: StaticString) -> Bool {
    guard all.indices.contains(index), all[index].kind == kind else { return false }
    let token = all[index]
    guard token.end - token.start == text.utf8CodeUnitCount else { return false }
    return (0..<text.utf8CodeUnitCount).allSatisfy { bytes[token.start + $0] == text.utf8Start[$0] }
  }

  /// What a string literal says when it contains no escapes, else nil.
  func literal(_ index: Int) -> String? {
    guard kind(index) == .string else { return nil }
    let token = all[index]
    let quote = bytes[token.start]
    guard quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'"), token.end - token.start >= 2 else { return nil }
    let content = bytes[(token.start + 1)..<(token.end - 1)]
    return content.contains(UInt8(ascii: "\\")) ? nil : String(decoding: content, as: UTF8.self)
  }
}

/// Cuts source bytes into tokens: names, keywords, strings short and long, numbers, symbols; comments are left out.
private struct Scanner {
  static let keywords: Set<String> = [
    "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in", "local", "nil",
    "not", "or", "repeat", "return", "then", "true", "until", "while",
  ]
  static let longSymbols = ["...", "..", "==", "~=", "<=", ">=", "//", "::", "<<", ">>"].map { Array($0.utf8) }

  let bytes: [UInt8]
  var at = 0
  var line = 1
  var tokens: [Token] = []
  var lineStarts = [0]

  func peek(_ ahead: Int = 0) -> UInt8 { at + ahead < bytes.count ? bytes[at + ahead] : 0 }

  mutating func advance(_ count: Int = 1) {
    for _ in 0..<count where at < bytes.count {
      if bytes[at] == UInt8(ascii: "\n") {
        line += 1
        lineStarts.append(at + 1)
      }
      at += 1
    }
  }

  mutating func run() {
    while at < bytes.count {
      switch peek() {
      case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"), UInt8(ascii: "\n"), 0x0B, 0x0C: advance()
      case UInt8(ascii: "-") where peek(1) == UInt8(ascii: "-"): comment()
      case UInt8(ascii: "\""), UInt8(ascii: "'"): shortString()
      case UInt8(ascii: "[") where longBracket() != nil: take(.string) { $0.longString($0.longBracket()!) }
      case let byte where Self.startsName(byte): name()
      case let byte where Self.isDigit(byte) || byte == UInt8(ascii: ".") && Self.isDigit(peek(1)): number()
      default: symbol()
      }
    }
  }

  mutating func take(_ kind: Token.Kind, _ body: (inout Scanner) -> Void) {
    let (start, startLine) = (at, line)
    body(&self)
    tokens.append(Token(kind: kind, start: start, end: at, line: startLine))
  }

  mutating func comment() {
    advance(2)
    if let level = longBracket() {
      longString(level)
    } else {
      while at < bytes.count, peek() != UInt8(ascii: "\n") { advance() }
    }
  }

  /// The number of "=" in a long bracket that opens here, or nil.
  func longBracket() -> Int? {
    guard peek() == UInt8(ascii: "[") else { return nil }
    var level = 0
    while peek(1 + level) == UInt8(ascii: "=") { level += 1 }
    return peek(1 + level) == UInt8(ascii: "[") ? level : nil
  }

  mutating func longString(_ level: Int) {
    advance(level + 2)
    while at < bytes.count {
      if peek() == UInt8(ascii: "]"), (0..<level).allSatisfy({ peek(1 + $0) == UInt8(ascii: "=") }),
        peek(1 + level) == UInt8(ascii: "]")
      {
        advance(level + 2)
        return
      }
      advance()
    }
  }

  mutating func shortString() {
    take(.string) {
      let quote = $0.peek()
      $0.advance()
      while $0.at < $0.bytes.count, $0.peek() != quote, $0.peek() != UInt8(ascii: "\n") {
        $0.advance($0.peek() == UInt8(ascii: "\\") ? 2 : 1)
      }
      if $0.peek() == quote { $0.advance() }
    }
  }

  mutating func name() {
    take(.name) {
      while $0.at < $0.bytes.count, Self.startsName($0.peek()) || Self.isDigit($0.peek()) { $0.advance() }
    }
    let last = tokens[tokens.count - 1]
    if Self.keywords.contains(String(decoding: bytes[last.start..<last.end], as: UTF8.self)) {
      tokens[tokens.count - 1] = Token(kind: .keyword, start: last.start, end: last.end, line: last.line)
    }
  }

  mutating func number() {
    take(.number) {
      while $0.at < $0.bytes.count {
        let byte = $0.peek()
        let isSign = byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-")
        let afterExponent = $0.at > 0 && [UInt8(ascii: "e"), UInt8(ascii: "E")].contains($0.bytes[$0.at - 1])
        guard Self.startsName(byte) || Self.isDigit(byte) || byte == UInt8(ascii: ".") || isSign && afterExponent
        else { return }
        $0.advance()
      }
    }
  }

  mutating func symbol() {
    take(.symbol) { scanner in
      let long = Self.longSymbols.first { symbol in
        symbol.enumerated().allSatisfy { scanner.peek($0.offset) == $0.element }
      }
      scanner.advance(long?.count ?? 1)
    }
  }

  static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

  static func startsName(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
      || byte == UInt8(ascii: "_")
  }
}
