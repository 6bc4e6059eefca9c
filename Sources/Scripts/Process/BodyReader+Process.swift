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
    var run: LuaRef?
    var line = 0
  }

  /// Answers of the host, which come to the instance that has asked, and what operators tell instances.
  private static let answers = ["moondance.answered", "moondance.decided", "moondance.process"]

  mutating func readProcess(_ name: String, _ value: LuaSlot, _ parts: inout Parts) {
    switch name {
    case "starts": readTypes(name, value, &parts.process.starts)
    case "aborts": readTypes(name, value, &parts.process.aborts)
    case "hears": readTypes(name, value, &parts.process.hears)
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

  /// A type, or a list of types.
  private mutating func readTypes(_ name: String, _ value: LuaSlot, _ patterns: inout [TypePattern]) {
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
        if key.kind == .string {
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
      parts.starts + parts.aborts + parts.hears + Self.answers.compactMap { TypePattern($0) })
    return (
      ProcessDeclaration(starts: parts.starts, aborts: parts.aborts, hears: parts.hears, line: parts.line),
      patterns.map { HandlerDeclaration(pattern: $0, line: parts.line) }
    )
  }
}
