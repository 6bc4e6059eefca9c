/// What a source says about names: which globals it reads and writes and where, and which event types it emits
/// literally. Only for sources that Lua has compiled; for others it stops where it no longer understands.
struct SourceFacts: Sendable {
  struct Global: Hashable, Sendable {
    let name: String
    let line: Int
    /// Whether it stands within a function, so that it happens later than loading.
    let isInFunction: Bool
    let isWrite: Bool
    /// The name after the dot in `os.time`.
    let field: String?
  }

  /// `emit("OrderPaid", …)`.
  struct Emit: Hashable, Sendable {
    let type: String
    let line: Int
  }

  /// `event.price`, where `event` is the first parameter of the function that begins at `functionLine`.
  struct ParameterField: Hashable, Sendable {
    let functionLine: Int
    let parameter: String
    let field: String
    let line: Int
  }

  fileprivate(set) var globals: [Global] = []
  fileprivate(set) var emits: [Emit] = []
  /// `send("Withdraw", …)`, `ask("Withdraw", …)`: commands.
  fileprivate(set) var sends: [Emit] = []
  /// `publish("warehouse", …)` and `request("payments", …)`: destinations.
  fileprivate(set) var messages: [Emit] = []
  fileprivate(set) var parameterFields: [ParameterField] = []

  init(_ tokens: Tokens) {
    var reader = ScopeReader(tokens: tokens)
    reader.readFile()
    self = reader.facts
  }

  fileprivate init() {}
}

/// Follows Lua's grammar far enough to know what each name means: statements and scopes exactly, expressions without
/// their precedence. Nesting is as deep as Lua's compiler allows (200 levels).
private struct ScopeReader {
  /// A name that a scope declares; the line of its function if it is a function's first parameter.
  struct Local {
    let name: Substring
    let parameterOf: Int?
  }

  let tokens: Tokens
  var facts = SourceFacts()
  private let texts: [Substring]
  private var at = 0
  private var locals: [Local] = []
  private var functionDepth = 0

  init(tokens: Tokens) {
    self.tokens = tokens
    texts = tokens.all.map { Substring(tokens.text($0)) }
  }

  // MARK: tokens

  private var isAtEnd: Bool { at >= texts.count }
  private var kind: Token.Kind? { tokens.kind(at) }
  private var line: Int { tokens.all[min(at, texts.count - 1)].line }

  private func sees(_ text: Substring) -> Bool {
    at < texts.count && texts[at] == text && tokens.all[at].kind != .string
  }

  private mutating func take(_ text: Substring) -> Bool {
    guard sees(text) else { return false }
    at += 1
    return true
  }

  private mutating func takeName() -> Substring? {
    guard kind == .name else { return nil }
    at += 1
    return texts[at - 1]
  }

  // MARK: statements

  mutating func readFile() {
    guard !texts.isEmpty else { return }
    readBlock()
  }

  /// Up to the keyword that ends the block, or to what is not understood.
  private mutating func readBlock() {
    let outer = locals.count
    readStatements()
    locals.removeLast(locals.count - outer)
  }

  private mutating func readStatements() {
    while !isAtEnd, !sees("end"), !sees("else"), !sees("elseif"), !sees("until") {
      let before = at
      readStatement()
      if at == before {
        at = texts.count
        return
      }
    }
  }

  private mutating func readStatement() {
    if take(";") || take("break") { return }
    if take("goto") {
      _ = takeName()
    } else if take("::") {
      _ = takeName()
      _ = take("::")
    } else if take("do") {
      readBlock()
      _ = take("end")
    } else if take("while") {
      readExpression()
      _ = take("do")
      readBlock()
      _ = take("end")
    } else if take("repeat") {
      readRepeat()
    } else if take("if") {
      readIf()
    } else if take("for") {
      readFor()
    } else if take("function") {
      readFunctionStatement()
    } else if take("local") {
      readLocal()
    } else if take("return") {
      let ends = isAtEnd || sees("end") || sees("else") || sees("elseif") || sees("until") || sees(";")
      if !ends { readExpressions() }
    } else {
      readExpressionStatement()
    }
  }

  private mutating func readRepeat() {
    let outer = locals.count
    readStatements()
    if take("until") { readExpression() }  // sees the block's locals
    locals.removeLast(locals.count - outer)
  }

  private mutating func readIf() {
    repeat {
      readExpression()
      _ = take("then")
      readBlock()
    } while take("elseif")
    if take("else") { readBlock() }
    _ = take("end")
  }

  private mutating func readFor() {
    let outer = locals.count
    var names: [Substring] = []
    repeat { if let name = takeName() { names.append(name) } } while take(",")
    if take("=") || take("in") { readExpressions() }
    _ = take("do")
    locals += names.map { Local(name: $0, parameterOf: nil) }
    readBlock()
    _ = take("end")
    locals.removeLast(locals.count - outer)
  }

  private mutating func readFunctionStatement() {
    let nameLine = line
    guard let name = takeName() else { return }
    note(name, line: nameLine, isWrite: sees("("), field: nil)
    var isMethod = false
    while sees(".") || sees(":") {
      isMethod = sees(":")
      at += 1
      _ = takeName()
    }
    readFunctionBody(isMethod: isMethod, line: nameLine)
  }

  private mutating func readLocal() {
    let functionLine = line
    if take("function") {
      guard let name = takeName() else { return }
      locals.append(Local(name: name, parameterOf: nil))
      readFunctionBody(isMethod: false, line: functionLine)
      return
    }
    var names: [Substring] = []
    repeat {
      if let name = takeName() { names.append(name) }
      if take("<") {
        _ = takeName()
        _ = take(">")
      }
    } while take(",")
    if take("=") { readExpressions() }
    locals += names.map { Local(name: $0, parameterOf: nil) }
  }

  private mutating func readExpressionStatement() {
    var targets: [(name: Substring, line: Int)] = []
    repeat {
      if let name = readSuffixed(statement: true) { targets.append(name) }
    } while take(",")
    let isAssignment = take("=")
    if isAssignment { readExpressions() }
    for target in targets { note(target.name, line: target.line, isWrite: isAssignment, field: nil) }
  }

  // MARK: expressions

  private mutating func readExpressions() { repeat { readExpression() } while take(",") }

  private static let unary: Set<Substring> = ["not", "-", "#", "~"]
  private static let binary: Set<Substring> = [
    "+", "-", "*", "/", "//", "%", "^", "..", "==", "~=", "<", "<=", ">", ">=", "and", "or", "&", "|", "~", "<<", ">>",
  ]

  private mutating func readExpression() {
    while true {
      while !isAtEnd, kind != .string, Self.unary.contains(texts[at]) { at += 1 }
      readOperand()
      guard !isAtEnd, kind != .string, Self.binary.contains(texts[at]) else { return }
      at += 1
    }
  }

  private mutating func readOperand() {
    switch kind {
    case .number?, .string?: at += 1
    case .keyword? where take("nil") || take("true") || take("false"): break
    case .keyword? where sees("function"):
      let functionLine = line
      at += 1
      readFunctionBody(isMethod: false, line: functionLine)
    case .symbol? where take("..."): break
    case .symbol? where sees("{"): readTable()
    case .name?: _ = readSuffixed(statement: false)
    case .symbol? where sees("("): _ = readSuffixed(statement: false)
    default: break
    }
  }

  private mutating func readTable() {
    at += 1
    while !isAtEnd, !sees("}") {
      let before = at
      if take("[") {
        readExpression()
        _ = take("]")
        _ = take("=")
      } else if kind == .name, tokens.isSymbol(at + 1, "=") {
        at += 2
      }
      readExpression()
      if !take(","), !take(";"), !sees("}") { break }
      if at == before { break }
    }
    _ = take("}")
  }

  private mutating func readFunctionBody(isMethod: Bool, line functionLine: Int) {
    let outer = locals.count
    if isMethod { locals.append(Local(name: "self", parameterOf: nil)) }
    _ = take("(")
    var isFirst = !isMethod
    while !isAtEnd, !sees(")") {
      if let name = takeName() {
        locals.append(Local(name: name, parameterOf: isFirst ? functionLine : nil))
        isFirst = false
      } else if !take("..."), !take(",") {
        break
      }
    }
    _ = take(")")
    functionDepth += 1
    readBlock()
    functionDepth -= 1
    _ = take("end")
    locals.removeLast(locals.count - outer)
  }

  /// A name or an expression in parentheses with what is called on it. For a statement that is a bare name, the name is
  /// given back instead of noted: what follows decides whether it is written.
  private mutating func readSuffixed(statement: Bool) -> (name: Substring, line: Int)? {
    let nameLine = isAtEnd ? 0 : line
    let name = takeName()
    if name == nil {
      guard take("(") else { return nil }
      readExpression()
      _ = take(")")
    }
    let isBare = !startsSuffix
    if let name {
      if isBare, statement { return (name, nameLine) }
      let field = sees(".") && tokens.kind(at + 1) == .name ? String(texts[at + 1]) : nil
      note(name, line: nameLine, isWrite: false, field: field)
      noteEmit(name)
    }
    while !isAtEnd {
      if take(".") {
        _ = takeName()
      } else if take("[") {
        readExpression()
        _ = take("]")
      } else if take(":") {
        _ = takeName()
      } else if take("(") {
        if !sees(")") { readExpressions() }
        _ = take(")")
      } else if sees("{") {
        readTable()
      } else if kind == .string {
        at += 1
      } else {
        break
      }
    }
    return nil
  }

  private var startsSuffix: Bool { kind == .string || sees(".") || sees("[") || sees(":") || sees("(") || sees("{") }

  // MARK: facts

  private mutating func note(_ name: Substring, line: Int, isWrite: Bool, field: String?) {
    if let local = locals.last(where: { $0.name == name }) {
      if let functionLine = local.parameterOf, let field, !isWrite {
        facts.parameterFields.append(
          SourceFacts.ParameterField(
            functionLine: functionLine, parameter: String(name), field: field, line: line))
      }
      return
    }
    facts.globals.append(
      SourceFacts.Global(
        name: String(name), line: line, isInFunction: functionDepth > 0, isWrite: isWrite, field: field))
  }

  private mutating func noteEmit(_ name: Substring) {
    if ["after", "at", "rollback"].contains(name) { return noteSecond(name) }
    guard ["emit", "send", "ask", "publish", "request"].contains(name), !locals.contains(where: { $0.name == name })
    else {
      return
    }
    let argument = sees("(") ? at + 1 : at
    let isWhole = argument == at || tokens.isSymbol(argument + 1, ",") || tokens.isSymbol(argument + 1, ")")
    guard isWhole, let type = tokens.literal(argument) else { return }
    let fact = SourceFacts.Emit(type: type, line: line)
    switch name {
    case "emit": facts.emits.append(fact)
    case "send", "ask": facts.sends.append(fact)
    default: facts.messages.append(fact)
    }
    if name == "request" { noteReply(from: argument) }
  }

  /// `after("15m", "OrderOverdue", …)`, `rollback("no stock", "OrderFailed")`: an event of that type comes of it.
  private mutating func noteSecond(_ name: Substring) {
    guard sees("("), !locals.contains(where: { $0.name == name }) else { return }
    var depth = 0
    var index = at
    while let kind = tokens.kind(index) {
      if kind == .symbol {
        if "({[".contains(texts[index]) { depth += 1 }
        if ")}]".contains(texts[index]) { depth -= 1 }
        if depth == 0 { return }
        if depth == 1, texts[index] == "," { break }
      }
      index += 1
    }
    let isWhole = tokens.isSymbol(index + 2, ",") || tokens.isSymbol(index + 2, ")")
    guard isWhole, let type = tokens.literal(index + 1) else { return }
    facts.emits.append(SourceFacts.Emit(type: type, line: line))
  }

  /// `reply = "PaymentAnswered"` among the arguments of a request: an event of that type comes of it.
  private mutating func noteReply(from start: Int) {
    var depth = 1
    var index = start
    while depth > 0, let kind = tokens.kind(index) {
      if kind == .symbol {
        if "({[".contains(texts[index]) { depth += 1 }
        if ")}]".contains(texts[index]) { depth -= 1 }
      } else if tokens.isName(index, "reply"), tokens.isSymbol(index + 1, "="), let type = tokens.literal(index + 2) {
        facts.emits.append(SourceFacts.Emit(type: type, line: tokens.all[index].line))
      }
      index += 1
    }
  }
}
