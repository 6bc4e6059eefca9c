/// Looks at the line that Lua's compiler stumbled over and says what was probably meant.
struct SyntaxHint {
  let tokens: Tokens
  /// The line and words of the compiler's message, without place.
  let line: Int
  let message: String

  /// The error that a person can act on. The line is the one to change, which is not always the one Lua names.
  func error(file: String) -> LoadError {
    if let (line, hint) = missingComma() { return LoadError(file: file, line: line, what: message, hint: hint) }
    let hint = operators() ?? keys() ?? statements() ?? unclosed()
    return LoadError(file: file, line: line, what: message, hint: hint)
  }

  /// The token that the message names with "near", or nil.
  private var near: Int? {
    guard let range = message.lastRange(of: "near '") else { return nil }
    let text = String(message[range...].dropFirst(6).dropLast())
    return tokens.all.indices.last { tokens.all[$0].line == line && tokens.text(tokens.all[$0]) == text }
  }

  private func text(_ index: Int) -> String { tokens.text(tokens.all[index]) }

  /// Indices of the tokens of the line.
  private var onLine: [Int] { tokens.all.indices.filter { tokens.all[$0].line == line } }

  /// Two entries of a table with nothing between them.
  private func missingComma() -> (Int, String)? {
    guard message.contains("'}' expected"), let near, near > 0 else { return nil }
    let before = tokens.all[near - 1]
    let beginsEntry = tokens.kind(near) == .name || tokens.kind(near) == .string || tokens.isSymbol(near, "[")
    let endsEntry =
      tokens.isKeyword(near - 1, "end") || tokens.isSymbol(near - 1, "}") || tokens.isSymbol(near - 1, ")")
      || before.kind == .string || before.kind == .number || before.kind == .name
      || tokens.isKeyword(near - 1, "true") || tokens.isKeyword(near - 1, "false")
    // The name of a key that Lua cannot read (`order.placed`) stands before a symbol, not before another entry.
    guard beginsEntry, endsEntry else { return nil }
    return (before.line, "is a comma missing after the \(quoted(tokens.text(before)))?")
  }

  private func operators() -> String? {
    for index in onLine where tokens.kind(index) == .symbol {
      let next = index + 1
      switch (text(index), tokens.kind(next) == .symbol ? text(next) : "") {
      case ("!", "="): return "\"not equal\" is written ~="
      case ("!", "=="): return "\"not equal\" is written ~="
      case ("!", _): return "\"not\" is written not: if not done then"
      case ("&", "&"): return "\"and\" is written and"
      case ("|", "|"): return "\"or\" is written or"
      case ("+", "+"): return increment(at: index, operation: "+", right: "1")
      case ("+", "="), ("-", "="), ("/", "="), ("%", "="), ("..", "="), ("*", "="):
        guard tokens.all[index].end == tokens.all[next].start, !tokens.isKeyword(next + 1, "function") else { continue }
        return increment(at: index, operation: text(index), right: restOfLine(after: next))
      default: continue
      }
    }
    return nil
  }

  /// `n += 1` as `n = n + 1`.
  private func increment(at index: Int, operation: String, right: String) -> String? {
    var start = index
    while start > 0, tokens.all[start - 1].line == line,
      tokens.all[start - 1].end == tokens.all[start].start
        || start == index
    {
      start -= 1
    }
    guard start < index else { return nil }
    let left = String(decoding: tokens.bytes[tokens.all[start].start..<tokens.all[index - 1].end], as: UTF8.self)
    return "write \(left) = \(left) \(operation) \(right)"
  }

  private func restOfLine(after index: Int) -> String {
    let rest = onLine.filter { $0 > index }
    guard let first = rest.first, let last = rest.last else { return "1" }
    // Up to what ends the statement or the entry.
    var depth = 0
    let end = rest.first { index in
      if tokens.isSymbol(index, "(") || tokens.isSymbol(index, "{") { depth += 1 }
      if tokens.isSymbol(index, ")") || tokens.isSymbol(index, "}") { depth -= 1 }
      let isSeparator = tokens.isSymbol(index, ",") || tokens.isSymbol(index, ";")
      return depth < 0 || tokens.isKeyword(index, "end") || depth == 0 && isSeparator
    }
    let until = end.map { $0 - 1 } ?? last
    guard until >= first else { return "1" }
    return String(decoding: tokens.bytes[tokens.all[first].start..<tokens.all[until].end], as: UTF8.self)
  }

  /// Event types with a dot, a dash or a star must stand in quotes and brackets; a key is followed by "=".
  private func keys() -> String? {
    for index in onLine where tokens.kind(index) == .name {
      if index > 0, tokens.all[index - 1].line == line, tokens.all[index - 1].end == tokens.all[index].start {
        continue
      }
      var end = index
      while let kind = tokens.kind(end + 1), tokens.all[end + 1].start == tokens.all[end].end,
        kind == .name || kind == .number || kind == .keyword || ["-", ".", "*"].contains(text(end + 1))
      {
        end += 1
      }
      let isKey = tokens.isSymbol(end + 1, "=") && tokens.isKeyword(end + 2, "function")
      let key = String(decoding: tokens.bytes[tokens.all[index].start..<tokens.all[end].end], as: UTF8.self)
      if end > index, isKey { return "write [\"\(key)\"] = function" }
      if tokens.isSymbol(index + 1, ":"), tokens.isKeyword(index + 2, "function") || tokens.isSymbol(index + 2, "{") {
        return "a key is followed by =: write \(text(index)) = \(text(index + 2))"
      }
    }
    return nil
  }

  private func statements() -> String? {
    for index in onLine {
      if tokens.isKeyword(index, "function"), tokens.kind(index + 1) == .name, message.contains("'(' expected") {
        return "in a table write \(text(index + 1)) = function"
      }
      if tokens.isKeyword(index, "if") || tokens.isKeyword(index, "elseif"),
        message.contains("'then' expected near '='")
      {
        return "\"equal\" is written =="
      }
      if tokens.isName(index, "elif") || tokens.isName(index, "elsif") { return "write elseif" }
      if tokens.isSymbol(index, "="), tokens.isSymbol(index + 1, ">") {
        return "a function is written function(event) … end"
      }
      if tokens.isSymbol(index, ")"), tokens.isSymbol(index + 1, "{") {
        return "blocks have no braces: function(event) … end, if … then … end"
      }
    }
    return nil
  }

  private func unclosed() -> String? {
    if let near, tokens.isSymbol(near, "}") || tokens.isSymbol(near, ")"), message.hasPrefix("unexpected symbol") {
      return "an \"end\" is missing before the \(quoted(text(near)))"
    }
    if message.contains("<eof> expected near 'end'") {
      let isSplit = tokens.all.indices.contains { tokens.isKeyword($0, "else") && tokens.isKeyword($0 + 1, "if") }
      return isSplit ? "\"else if\" is written elseif" : "there is one \"end\" too many, here or above"
    }
    guard message.contains("near <eof>") else { return nil }
    if let opened = message.lastRange(of: "(to close '") {
      let rest = message[opened...].dropFirst(11)
      let word = String(rest.prefix { $0 != "'" })
      let line = rest.lastRange(of: "at line ").map { rest[$0...].dropFirst(8).prefix { $0.isNumber } } ?? ""
      let closing = word == "{" ? "}" : word == "(" ? ")" : word == "[" ? "]" : word == "repeat" ? "until" : "end"
      return "the \(quoted(word)) of line \(line) needs \(closing == "end" ? "an" : "a") \(quoted(closing))"
    }
    // Opened in the last line, Lua does not say where.
    let missing = message.dropFirst().prefix { $0 != "'" }
    return message.hasPrefix("'") ? "a \"\(missing)\" is missing at the end" : nil
  }

  private func quoted(_ text: String) -> String { text.hasPrefix("\"") ? text : "\"\(text)\"" }
}

extension StringProtocol {
  /// Where `other` begins last, or nil.
  func lastRange(of other: String) -> Index? {
    var found: Index?
    var at = startIndex
    while at < endIndex {
      if self[at...].hasPrefix(other) { found = at }
      at = index(after: at)
    }
    return found
  }

  func contains(_ other: String) -> Bool { lastRange(of: other) != nil }
}
