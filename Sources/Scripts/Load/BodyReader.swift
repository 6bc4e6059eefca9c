internal import Events
internal import LuaRuntime

/// Turns the body of a `consumer`, a `rule`, an `aggregate` or a `destination` into a declaration, or says what is
/// wrong with it and where.
struct BodyReader: DeclarationReader {
  let declared: LoadRun.Declared
  private let scriptHash: ContentHash
  let interpreter: Interpreter
  let outline: SourceOutline?
  var errors: [LoadError] = []

  init(declared: LoadRun.Declared, scriptHash: ContentHash, interpreter: Interpreter, outline: SourceOutline?) {
    self.declared = declared
    self.scriptHash = scriptHash
    self.interpreter = interpreter
    self.outline = outline
  }

  /// Nil when there are errors.
  mutating func read() -> LoadedConsumer? {
    var parts = Parts()
    parts.retry = usualRetry
    let entryHint =
      isRule
      ? Self.whenHint
      : isDestination ? Self.placeHint : isAggregate ? Self.commandsHint : isProcess ? Self.runHint : Self.onHint
    guard readBody(entryHint: entryHint, { $0.read($1, $2, &parts) }) else { return nil }
    var destination: DestinationDeclaration?
    var rule: RuleDeclaration?
    var process: (declaration: ProcessDeclaration, handlers: [HandlerDeclaration])?
    if isRule {
      rule = finishRule(parts.choreography)
    } else if isDestination {
      destination = finishDestination(parts.destination)
    } else if isProcess {
      process = finishProcess(parts.process)
    } else if parts.handlers.isEmpty, errors.isEmpty {
      if isAggregate {
        fail([], "\(title) decides no command", Self.commandsHint)
      } else {
        fail([], "\(title) hears nothing", Self.onHint)
      }
    }
    let heard = isRule ? rolesOf(parts.choreography) : process?.handlers ?? parts.handlers.map(\.declaration)
    checkKeyTypes(parts, heard: heard)
    let state = parts.state.finish(name: title)
    for problem in parts.state.problems { fail(problem.path, problem.what, problem.hint) }
    guard errors.isEmpty else { return nil }
    let declaration = ConsumerDeclaration(
      name: declared.name, file: declared.file, line: declared.line, scriptHash: scriptHash, from: parts.from,
      retry: parts.retry, exhausted: parts.exhausted, key: parts.rule, state: state?.declaration,
      reads: parts.reads,
      handlers: isDestination ? [ownMessages] : heard,
      aggregate: isAggregate ? parts.aggregate : nil, destination: destination, rule: rule,
      process: process?.declaration)
    return LoadedConsumer(
      declaration: declaration, handlers: parts.handlers.map(\.function), key: parts.key,
      upgrades: state?.upgrades ?? [:], folds: parts.folds.map(\.function), rule: parts.choreography.functions,
      run: parts.process.run, listens: parts.process.named.map(\.follow))
  }

  typealias Handler = (declaration: HandlerDeclaration, function: LuaRef)

  struct Parts {
    var handlers: [Handler] = []
    var from = Start.now
    var retry = RetryPolicy.standard
    var exhausted = Exhausted.block
    var rule = KeyRule.subject
    var key = KeyFunctions.none
    var state = StateReader()
    var reads: [String] = []
    /// Of an aggregate.
    var initial: [UInt8] = Array("{}".utf8)
    var folds: [Handler] = []
    var destination = DestinationParts()
    /// Of a rule.
    var choreography = RuleParts()
    var process = ProcessParts()

    var aggregate: AggregateDeclaration {
      AggregateDeclaration(initial: initial, folds: folds.map(\.declaration))
    }
  }

  private var isAggregate: Bool { declared.word == "aggregate" }
  private var isRule: Bool { declared.word == "rule" }
  private var isDestination: Bool { declared.word == "destination" }
  private var isProcess: Bool { declared.word == "process" }

  private var usualRetry: RetryPolicy { isDestination ? .delivery : .standard }

  /// What a rule hears.
  private func rolesOf(_ parts: RuleParts) -> [HandlerDeclaration] {
    Self.patterns(of: parts).map { HandlerDeclaration(pattern: $0, line: declared.line) }
  }

  /// What a destination hears.
  private var ownMessages: HandlerDeclaration {
    HandlerDeclaration(pattern: TypePattern(destination: declared.name), line: declared.line)
  }

  private static let onHint = "write on = { OrderPlaced = function(event) … end }"

  private mutating func read(_ name: String, _ value: LuaSlot, _ parts: inout Parts) {
    if isRule { return readRule(name, value, &parts) }
    if isAggregate { return readAggregate(name, value, &parts) }
    if isDestination { return readDestination(name, value, &parts) }
    if isProcess { return readProcess(name, value, &parts) }
    switch name {
    case "on": readHandlers(value, &parts)
    case "from": readFrom(value, &parts)
    case "retry": readRetry(value, &parts)
    case "exhausted": readExhausted(value, &parts)
    case "state": parts.state.readState(value)
    case "version": parts.state.readVersion(value)
    case "upgrade": parts.state.readUpgrade(value)
    case "reads": readReads(value, &parts)
    case "key": readKey(value, &parts)
    default: failUnknown(name, value)
    }
  }

  mutating func readKey(_ value: LuaSlot, _ parts: inout Parts) {
    var reader = KeyReader(interpreter: interpreter)
    if let key = reader.read(value) { (parts.rule, parts.key) = key }
    for problem in reader.problems { fail(problem) }
  }

  private mutating func failUnknown(_ name: String, _ value: LuaSlot) {
    let hint: String? =
      if value.kind == .function {
        "event types go into on = { \(name) = function(event) … end }"
      } else if ["retries", "attempts", "maxRetries", "max_retries"].contains(name) {
        "write retry = { attempts = \(value.integer.map { String($0) } ?? "3") }"
      } else {
        NearestName.of(name, among: Words.consumer.keys.map(\.name)).map { "did you mean \($0)?" }
      }
    fail([name], "\(title) has no key \"\(name)\"", hint)
  }

  // MARK: on

  private mutating func readHandlers(_ value: LuaSlot, _ parts: inout Parts) {
    let (outline, declared) = (outline, declared)
    var reader = HandlersReader(parameters: "event") { type in
      outline?.line(of: ["on", type], in: declared.name, near: declared.line) ?? declared.line
    }
    parts.handlers = reader.read(value)
    for problem in reader.problems { fail(problem) }
  }

  /// A key for a type that is not heard was meant for another.
  private mutating func checkKeyTypes(_ parts: Parts, heard: [HandlerDeclaration]) {
    for problem in KeyReader.unheard(parts.rule, heard: heard.map(\.pattern), by: declared.name) { fail(problem) }
  }

  static let typeHint =
    "a type has letters, digits, \".\", \"_\" and \"-\"; a \"*\" may stand at the end only"

  // MARK: reads

  /// Whether the names are those of anything is known when all files have run: `Readable`.
  mutating func readReads(_ value: LuaSlot, _ parts: inout Parts) {
    let hint = "write reads = { \"\(value.text ?? "recent orders")\" }"
    guard value.kind == .table else {
      return fail(["reads"], "reads is \(Self.article(value)); a list of names is wanted", hint)
    }
    value.forEach { key, value in
      if key.kind == .string {
        fail(["reads"], "reads is a list; \"\(key.shown)\" is a name in it", "write reads = { \"\(key.shown)\" }")
      } else if let name = value.text {
        if !parts.reads.contains(name) { parts.reads.append(name) }
      } else {
        fail(["reads"], "reads has \(Self.article(value)) in it; the name of a projection is wanted", hint)
      }
      return true
    }
  }

  // MARK: from, retry, exhausted

  mutating func readFrom(_ value: LuaSlot, _ parts: inout Parts) {
    if let position = value.integer, position > 0 {
      parts.from = .position(Position(UInt64(position)))
    } else if value.text == "now" {
      parts.from = .now
    } else if value.text == "start" {
      parts.from = .start
    } else if let time = value.string.flatMap({ Timestamp.microseconds($0) }) {
      parts.from = .time(time)
    } else {
      fail(
        ["from"], "from is \(Self.quoted(value))",
        "write from = \"now\", \"start\", a position such as 813, or a time such as \"2026-01-31T12:00:00Z\"")
    }
  }

  mutating func readExhausted(_ value: LuaSlot, _ parts: inout Parts) {
    guard let exhausted = value.text.flatMap({ Exhausted(rawValue: $0) }) else {
      return fail(["exhausted"], "exhausted is \(Self.quoted(value))", "write exhausted = \"block\" or \"skip\"")
    }
    parts.exhausted = exhausted
  }

  mutating func readRetry(_ value: LuaSlot, _ parts: inout Parts) {
    if value.boolean == false {
      parts.retry = .never
      return
    }
    guard value.kind == .table else {
      return fail(
        ["retry"], "retry is \(Self.article(value)); a table or false is wanted",
        "write retry = { attempts = \(value.integer.map { String($0) } ?? "3") }")
    }
    var policy = usualRetry
    value.forEach { key, value in
      if let problem = Self.set(key.shown, value, in: &policy) {
        fail(["retry", key.shown], problem.what, problem.hint)
      }
      return true
    }
    if policy.cap < policy.first { policy.cap = policy.first }
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

  // MARK: messages

  /// "text", "a number": what a value is, in a sentence.
  static func article(_ value: LuaSlot) -> String {
    switch value.kind {
    case .string: "text"
    case .none: "nil"
    case .null: "null"
    case .boolean, .integer, .number, .table, .function, .other: "a \(value.kind.name)"
    }
  }

  private static func quoted(_ value: LuaSlot) -> String {
    value.kind == .string ? "\"\(value.shown)\"" : value.kind == .function ? "a function" : value.shown
  }
}
