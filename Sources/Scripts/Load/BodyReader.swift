internal import Events
internal import LuaRuntime

/// Turns the body of a `consumer` into a declaration, or says what is wrong with it and where.
struct BodyReader {
  let declared: LoadRun.Declared
  let file: String
  let scriptHash: ContentHash
  let interpreter: Interpreter
  let outline: SourceOutline
  private(set) var errors: [LoadError] = []

  init(
    declared: LoadRun.Declared, file: String, scriptHash: ContentHash, interpreter: Interpreter, outline: SourceOutline
  ) {
    self.declared = declared
    self.file = file
    self.scriptHash = scriptHash
    self.interpreter = interpreter
    self.outline = outline
  }

  /// Nil when there are errors.
  mutating func read() -> LoadedConsumer? {
    guard let body = declared.body else {
      fail([], "\(declared.word) \"\(declared.name)\" has no body", "write \(declared.word) \"\(declared.name)\" { on = { … } }")
      return nil
    }
    var parts = Parts()
    var entries: [(String, LuaRef)] = []
    interpreter.state.with(body) { body in
      _ = body.forEach { key, value in
        if let name = key.text, let held = value.hold() {
          entries.append((name, held))
        } else {
          fail([], "\(declared.word) \"\(declared.name)\" has an entry without a name", "write on = { … }")
        }
        return true
      }
    }
    for (name, ref) in entries {
      interpreter.state.with(ref) { value in read(name, value, ref, &parts) }
    }
    if parts.handlers.isEmpty, errors.isEmpty {
      fail([], "consumer \"\(declared.name)\" hears nothing", "write on = { OrderPlaced = function(event) … end }")
    }
    guard errors.isEmpty else { return nil }
    let sorted = parts.handlers.sorted { $0.declaration.pattern.description.utf8.lexicographicallyPrecedes($1.declaration.pattern.description.utf8) }
    let declaration = ConsumerDeclaration(
      name: declared.name, file: file, line: declared.line, scriptHash: scriptHash, from: parts.from,
      retry: parts.retry, exhausted: parts.exhausted, key: parts.rule, handlers: sorted.map(\.declaration))
    return LoadedConsumer(declaration: declaration, handlers: sorted.map(\.function), key: parts.key)
  }

  private struct Parts {
    var handlers: [(declaration: HandlerDeclaration, function: LuaRef)] = []
    var from = Start.now
    var retry = RetryPolicy.standard
    var exhausted = Exhausted.block
    var rule = KeyRule.subject
    var key = KeyFunctions.none
  }

  private mutating func fail(_ path: [String], _ what: String, _ hint: String? = nil) {
    let line = path.isEmpty ? nil : outline.line(of: path, in: declared.name, near: declared.line)
    errors.append(LoadError(file: file, line: line ?? declared.line, what: what, hint: hint))
  }

  private mutating func read(_ name: String, _ value: LuaSlot, _ ref: LuaRef, _ parts: inout Parts) {
    switch name {
    case "on": readHandlers(value, &parts)
    case "from": readFrom(value, &parts)
    case "retry": readRetry(value, &parts)
    case "exhausted": readExhausted(value, &parts)
    case "key":
      var reader = KeyReader(interpreter: interpreter)
      if let key = reader.read(value, ref) { (parts.rule, parts.key) = key }
      for problem in reader.problems { fail(problem.path, problem.what, problem.hint) }
    default: failUnknown(name, value)
    }
  }

  private mutating func failUnknown(_ name: String, _ value: LuaSlot) {
    let hint: String? =
      if value.kind == .function {
        "event types go into on = { \(name) = function(event) … end }"
      } else if ["retries", "attempts", "maxRetries", "max_retries"].contains(name) {
        "write retry = { attempts = \(value.kind == .integer ? value.shown : "3") }"
      } else {
        NearestName.of(name, among: Words.consumer.keys.map(\.name)).map { "did you mean \($0)?" }
      }
    fail([name], "\(declared.word) \"\(declared.name)\" has no key \"\(name)\"", hint)
  }

  private mutating func readHandlers(_ value: LuaSlot, _ parts: inout Parts) {
    guard value.kind == .table else {
      return fail(
        ["on"], "on is \(Self.article(value)); a table is wanted", "write on = { OrderPlaced = function(event) … end }")
    }
    var found: [(String?, LuaRef?, LuaKind, Int)] = []
    _ = value.forEach { key, function in
      let line = function.source?.line ?? 0
      found.append((key.text, function.kind == .function ? function.hold() : nil, function.kind, line))
      return true
    }
    for (type, function, kind, line) in found {
      guard let type, kind != .integer || type != "" else {
        fail(["on"], "on has an entry without an event type", "write on = { OrderPlaced = function(event) … end }")
        continue
      }
      guard let pattern = TypePattern(type) else {
        fail(
          ["on", type], "\"\(type)\" is no event type",
          "a type has letters, digits, \".\", \"_\" and \"-\"; a \"*\" may stand at the end only")
        continue
      }
      guard let function else {
        fail(
          ["on", type], "on.\(type) is \(Self.article(kind)); a function is wanted",
          "write \(type) = function(event) … end")
        continue
      }
      parts.handlers.append((HandlerDeclaration(pattern: pattern, line: line), function))
    }
  }

  private mutating func readFrom(_ value: LuaSlot, _ parts: inout Parts) {
    if let position = value.integer, position > 0 {
      parts.from = .position(Position(UInt64(position)))
    } else if value.text == "now" {
      parts.from = .now
    } else if value.text == "start" {
      parts.from = .start
    } else if let text = value.text, let time = Timestamp.microseconds(text) {
      parts.from = .time(time)
    } else {
      fail(
        ["from"], "from is \(value.kind == .string ? "\"\(value.shown)\"" : value.shown)",
        "write from = \"now\", \"start\", a position such as 813, or a time such as \"2026-01-31T12:00:00Z\"")
    }
  }

  private mutating func readExhausted(_ value: LuaSlot, _ parts: inout Parts) {
    guard let exhausted = value.text.flatMap({ Exhausted(rawValue: $0) }) else {
      return fail(["exhausted"], "exhausted is \(value.kind == .string ? "\"\(value.shown)\"" : value.shown)", "write exhausted = \"block\" or \"skip\"")
    }
    parts.exhausted = exhausted
  }

  private mutating func readRetry(_ value: LuaSlot, _ parts: inout Parts) {
    if value.boolean == false {
      parts.retry = .never
      return
    }
    guard value.kind == .table else {
      return fail(
        ["retry"], "retry is \(Self.article(value)); a table or false is wanted",
        "write retry = { attempts = \(value.integer.map { String($0) } ?? "3") }")
    }
    var policy = RetryPolicy.standard
    var problems: [(String, String, String?)] = []
    _ = value.forEach { key, value in
      let name = key.text ?? key.shown
      if let problem = Self.set(name, value, in: &policy) { problems.append((name, problem.what, problem.hint)) }
      return true
    }
    for (name, what, hint) in problems { fail(["retry", name], what, hint) }
    parts.retry = policy
  }

  private static func set(
    _ name: String, _ value: LuaSlot, in policy: inout RetryPolicy
  ) -> (what: String, hint: String?)? {
    switch name {
    case "attempts":
      guard let attempts = value.integer, (1...1000).contains(attempts) else {
        return ("retry.attempts is \(value.shown); a whole number from 1 to 1000 is wanted", nil)
      }
      policy.attempts = Int(attempts)
    case "first", "cap":
      guard let span = value.text.flatMap({ Span.microseconds($0) }) else {
        return ("retry.\(name) is \(article(value)); a span is wanted", "a span is text with a unit: \"200ms\"")
      }
      if name == "first" { policy.first = span } else { policy.cap = span }
    case "factor":
      guard let factor = value.number, (1...100).contains(factor) else {
        return ("retry.factor is \(value.shown); a number from 1 to 100 is wanted", nil)
      }
      policy.factor = factor
    case "jitter":
      guard let jitter = value.number, (0...1).contains(jitter) else {
        return ("retry.jitter is \(value.shown); a number from 0 to 1 is wanted", nil)
      }
      policy.jitter = jitter
    default:
      let near = NearestName.of(name, among: Words.retry.keys.map(\.name)).map { "did you mean \($0)?" }
      return ("retry has no key \"\(name)\"", near)
    }
    return nil
  }

  static func article(_ value: LuaSlot) -> String { article(value.kind) }

  static func article(_ kind: LuaKind) -> String {
    switch kind {
    case .string: "text"
    case .none: "nil"
    case .null: "null"
    default: "a \(kind.name)"
    }
  }
}
