internal import Events
internal import LuaRuntime

/// The body of a `process`: what its instances begin with, hear, and do.
extension BodyReader {
  static let runHint = "write run = function(event) … end"

  /// What is gathered of a process.
  struct ProcessParts {
    var starts: [TypePattern] = []
    var aborts: [TypePattern] = []
    var hears: [TypePattern] = []
    /// Entries of `hears` with a name, in the order of their patterns.
    var named: [(entry: ProcessDeclaration.Named, follow: LuaRef?)] = []
    var run: LuaRef?
    var line = 0
  }

  /// Answers of the host, which come to the instance that has asked, and what operators tell instances.

  mutating func readProcess(_ name: String, _ value: LuaSlot, _ parts: inout Parts) {
    switch name {
    case "starts": readTypes(name, value, &parts.process.starts)
    case "aborts": readTypes(name, value, &parts.process.aborts)
    case "hears": readHears(value, &parts.process)
    case "run": readRun(value, &parts)
    case "from": readFrom(value, &parts)
    case "retry": readRetry(value, &parts)
    case "exhausted": readExhausted(value, &parts)
    case "reads": readReads(value, &parts)
    case "key": readKey(value, &parts)
    default:
      let hint: String? =
        switch name {
        case "on": "a process has one function: \(Self.runHint); it awaits what hears = { … } names"
        case "state": "what an instance remembers are the locals of run"
        case _ where value.kind == .function: Self.runHint
        default: NearestName.of(name, among: Words.process.keys.map(\.name)).map { "did you mean \($0)?" }
        }
      fail([name], "\(title) has no key \"\(name)\"", hint)
    }
  }

  private mutating func readRun(_ value: LuaSlot, _ parts: inout Parts) {
    guard value.kind == .function, let held = value.hold() else {
      return fail(["run"], "run is \(Self.article(value)); a function is wanted", Self.runHint)
    }
    parts.process.run = held
    parts.process.line = value.source?.line ?? line(of: ["run"]) ?? declared.line
  }

  /// A type, or a list of types. `named`: what reads an entry that has a name; without it there are none.
  private mutating func readTypes(
    _ name: String, _ value: LuaSlot, _ patterns: inout [TypePattern], named: ((LuaSlot, LuaSlot) -> Void)? = nil
  ) {
    var found: [TypePattern] = []
    func add(_ type: LuaSlot) {
      guard type.kind == .string, let pattern = type.text.flatMap({ TypePattern($0) }) else {
        let what = type.kind == .string ? "\"\(type.shown)\"" : Self.article(type)
        return fail([name], "\(name) has \(what), which is no event type", Self.typeHint)
      }
      if pattern.text.hasPrefix(NameRule.hostPrefix), name != "hears" {
        return fail(
          [name], "types that begin with \"\(NameRule.hostPrefix)\" are the host's", "a process can hear them")
      }
      if !found.contains(pattern) { found.append(pattern) }
    }
    switch value.kind {
    case .string: add(value)
    case .table:
      value.forEach { key, type in
        if key.kind == .string, let named {
          named(key, type)
        } else if key.kind == .string {
          fail([name], "\(name) is a list; \"\(key.shown)\" is a name in it", "write \(name) = { \"\(key.shown)\" }")
        } else {
          add(type)
        }
        return true
      }
    default:
      fail(
        [name], "\(name) is \(Self.article(value)); an event type or a list of them is wanted",
        "write \(name) = \"OrderPlaced\"")
    }
    patterns = found
  }

  /// As `readTypes`, with entries such as `CardUpdated = "data.customer"` besides.
  private mutating func readHears(_ value: LuaSlot, _ parts: inout ProcessParts) {
    var named: [(TypePattern, ProcessDeclaration.Named, LuaRef?)] = []
    var reader = KeyReader(interpreter: interpreter)
    var problems: [KeyReader.Problem] = []
    readTypes("hears", value, &parts.hears) { key, entry in
      let type = key.shown
      guard let pattern = TypePattern(type), !pattern.text.hasPrefix(NameRule.hostPrefix) else {
        let what =
          TypePattern(type) == nil
          ? "\"\(type)\" in hears is no event type" : "\"\(type)\" in hears is the host's, and comes to whom it is for"
        return problems.append(.init(path: ["hears", type], what: what, hint: Self.typeHint))
      }
      guard let (path, follow) = reader.readPath(entry, path: ["hears", type]) else { return }
      named.append((pattern, ProcessDeclaration.Named(pattern: pattern, path: path), follow))
    }
    for problem in problems + reader.problems { fail(problem.path, problem.what, problem.hint) }
    for (pattern, _, _) in named where parts.hears.contains(pattern) {
      fail(["hears", pattern.description], "\"\(pattern)\" stands in hears twice", "an event goes by one of the two")
    }
    // The order of a table's names is not that of the next state that loads it.
    let order = TypePattern.sorted(named.map(\.0))
    parts.named = order.compactMap { pattern in named.first { $0.0 == pattern }.map { ($0.1, $0.2) } }
    parts.hears += order
  }

  /// Nil when there are errors.
  mutating func finishProcess(_ parts: ProcessParts) -> (
    declaration: ProcessDeclaration, handlers: [HandlerDeclaration]
  )? {
    if parts.starts.isEmpty, errors.isEmpty {
      fail([], "\(title) starts with nothing", "write starts = \"OrderPlaced\"")
    }
    if parts.run == nil, errors.isEmpty { fail([], "\(title) does nothing", Self.runHint) }
    for pattern in parts.aborts {
      if parts.starts.contains(pattern) {
        fail(["aborts"], "\"\(pattern)\" starts and aborts", "an event does one of the two")
      } else if parts.hears.contains(pattern) {
        fail(
          ["hears"], "\"\(pattern)\" aborts, and is in hears",
          "await cannot see what aborts: leave it out of one of them")
      }
    }
    guard errors.isEmpty else { return nil }
    let patterns = TypePattern.sorted(
      parts.starts + parts.aborts + parts.hears + ProcessDeclaration.answers.compactMap { TypePattern($0) })
    return (
      ProcessDeclaration(
        starts: parts.starts, aborts: parts.aborts, hears: parts.hears, named: parts.named.map(\.entry),
        line: parts.line),
      patterns.map { HandlerDeclaration(pattern: $0, line: parts.line) }
    )
  }
}
