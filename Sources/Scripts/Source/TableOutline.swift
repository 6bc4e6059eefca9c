/// A table constructor as it is written: its keys with their lines. It gives load errors the line of the key they are
/// about, which Lua itself no longer knows when the table exists, and finds keys that are written twice.
struct TableOutline: Sendable {
  struct Entry: Sendable {
    let key: String
    let line: Int
    /// The table constructor that is the value, if it is one.
    let table: Int?
  }

  /// The line of its "{".
  let line: Int
  fileprivate(set) var entries: [Entry] = []

  /// Every constructor of a source, in the order of their "{".
  static func all(in tokens: Tokens) -> [TableOutline] {
    var reader = OutlineReader(tokens: tokens)
    reader.run()
    return reader.outlines
  }
}

/// All constructors of one source, and the questions that are asked of them.
struct SourceOutline: Sendable {
  let tokens: Tokens
  private let tables: [TableOutline]
  /// For each line, the word and name of the declaration that begins there, and its body.
  private let bodies: [(word: String, name: String, line: Int, table: Int)]

  init(_ tokens: Tokens) {
    self.tokens = tokens
    var reader = OutlineReader(tokens: tokens)
    reader.run()
    tables = reader.outlines
    bodies = reader.bodies
  }

  /// The line of the key at the end of `path` in the body of the declaration `name`; the deepest line that is known
  /// otherwise; nil when the body is not written as one table where the declaration stands.
  func line(of path: [String], in name: String, near line: Int) -> Int? {
    let candidates = bodies.filter { $0.name == name && $0.line >= line }
    guard let body = candidates.min(by: { $0.line < $1.line }) else { return nil }
    var table = tables[body.table]
    var found: Int?
    for key in path {
      guard let entry = table.entries.last(where: { $0.key == key }) else { return found }
      found = entry.line
      guard let next = entry.table else { return found }
      table = tables[next]
    }
    return found
  }

  /// Keys that stand twice in one constructor, with both lines: Lua keeps the last.
  var repeatedKeys: [(key: String, first: Int, last: Int)] {
    tables.flatMap { table in
      var first: [String: Int] = [:]
      return table.entries.compactMap { entry in
        defer { first[entry.key] = first[entry.key] ?? entry.line }
        return first[entry.key].map { (entry.key, $0, entry.line) }
      }
    }
  }
}

/// Walks the tokens once. Lua's blocks are regular, so a stack of what is open is enough: a key is a name or string
/// followed by "=" right after "{", "," or ";" while the innermost open thing is a constructor.
private struct OutlineReader {
  enum Open {
    case table(Int)
    case group, block
  }

  let tokens: Tokens
  var outlines: [TableOutline] = []
  var bodies: [(word: String, name: String, line: Int, table: Int)] = []
  private var open: [Open] = []

  init(tokens: Tokens) { self.tokens = tokens }

  mutating func run() {
    for index in tokens.all.indices {
      switch tokens.all[index].kind {
      case .symbol: symbol(at: index)
      case .keyword: keyword(at: index)
      case .name, .string, .number: break
      }
    }
  }

  private mutating func symbol(at index: Int) {
    switch tokens.text(tokens.all[index]) {
    case "{":
      open.append(.table(outlines.count))
      noteBody(at: index)
      outlines.append(TableOutline(line: tokens.all[index].line))
      key(at: index + 1)
    case ",", ";": key(at: index + 1)
    case "(", "[": open.append(.group)
    case "}", ")", "]": if !open.isEmpty { open.removeLast() }
    default: break
    }
  }

  private mutating func keyword(at index: Int) {
    switch tokens.text(tokens.all[index]) {
    // A `for` or `while` opens with its `do`, an `if` with itself.
    case "function", "do", "if", "repeat": open.append(.block)
    case "end", "until": if case .block? = open.last { open.removeLast() }
    default: break
    }
  }

  /// `word "name" {`, `word("name", {` and `word("name") {` begin the body of a declaration.
  private mutating func noteBody(at index: Int) {
    var at = index - 1
    if tokens.isSymbol(at, ",") || tokens.isSymbol(at, ")") { at -= 1 }
    guard tokens.kind(at) == .string, let name = tokens.literal(at) else { return }
    at -= 1
    if tokens.isSymbol(at, "(") { at -= 1 }
    guard tokens.kind(at) == .name else { return }
    let word = tokens.all[at]
    bodies.append((tokens.text(word), name, word.line, outlines.count))
  }

  private mutating func key(at index: Int) {
    guard case .table(let table)? = open.last else { return }
    if tokens.kind(index) == .name, tokens.isSymbol(index + 1, "=") {
      add(tokens.text(tokens.all[index]), at: index, value: index + 2, to: table)
    } else if tokens.isSymbol(index, "["), let key = tokens.literal(index + 1), tokens.isSymbol(index + 2, "]"),
      tokens.isSymbol(index + 3, "=")
    {
      add(key, at: index, value: index + 4, to: table)
    }
  }

  private mutating func add(_ key: String, at index: Int, value: Int, to table: Int) {
    // Constructors are numbered by their "{": one that is this value comes next.
    let nested = tokens.isSymbol(value, "{") ? nextTable(before: value) : nil
    outlines[table].entries.append(
      TableOutline.Entry(key: key, line: tokens.all[index].line, table: nested))
  }

  /// The number that the constructor whose "{" is the token `brace` will have: between the key and it none opens.
  private func nextTable(before brace: Int) -> Int { outlines.count }
}
