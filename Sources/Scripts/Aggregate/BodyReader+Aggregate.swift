internal import Events
internal import LuaRuntime

/// The body of an `aggregate`: `initial`, `events`, `commands`, and how calls that fail are tried again.
extension BodyReader {
  static let commandsHint = "write commands = { Withdraw = function(state, command) … end }"
  private static let eventsHint = "write events = { Withdrawn = function(state, event) … end }"

  mutating func readAggregate(_ name: String, _ value: LuaSlot, _ parts: inout Parts) {
    switch name {
    case "initial": readInitial(value, &parts)
    case "events": readFunctions(name, value, Self.eventsHint, "an event type", takesPrefixes: true, &parts.folds)
    case "commands":
      readFunctions(name, value, Self.commandsHint, "a command", takesPrefixes: false, &parts.handlers)
    case "retry": readRetry(value, &parts)
    case "exhausted": readExhausted(value, &parts)
    default:
      let hint: String? =
        switch name {
        case "state": "write initial = { … }: what every subject begins with"
        case "on": Self.eventsHint
        case "key": "the key of an aggregate is the subject that a command is sent to"
        case _ where value.kind == .function:
          "commands go into commands = { \(name) = function(state, command) … end }, events into events = { … }"
        default: NearestName.of(name, among: Words.aggregate.keys.map(\.name)).map { "did you mean \($0)?" }
        }
      fail([name], "\(title) has no key \"\(name)\"", hint)
    }
  }

  private mutating func readInitial(_ value: LuaSlot, _ parts: inout Parts) {
    guard value.kind == .table else {
      return fail(
        ["initial"], "initial is \(Self.article(value)); a table is wanted",
        "write initial = { balance = 0 }: what every subject begins with")
    }
    var writer = ByteWriter(capacity: 256)
    do throws(LuaError) {
      try value.encodeJSON(name: "initial", into: &writer)
    } catch {
      return fail(["initial"], error.message, "a state holds text, numbers, booleans, null and tables of these")
    }
    guard writer.count <= AggregateDeclaration.maximumBytes else {
      return fail(
        ["initial"],
        "initial has \(writer.count) bytes as JSON; a state has at most \(AggregateDeclaration.maximumBytes)")
    }
    parts.initial = Array(writer.bytes)
  }

  private mutating func readFunctions(
    _ name: String, _ value: LuaSlot, _ hint: String, _ what: String, takesPrefixes: Bool, _ found: inout [Handler]
  ) {
    guard value.kind == .table else {
      return fail([name], "\(name) is \(Self.article(value)); a table is wanted", hint)
    }
    var handlers: [Handler] = []
    value.forEach { key, function in
      guard let type = key.text else {
        fail([name], "\(name) has an entry without a name", hint)
        return true
      }
      guard let pattern = TypePattern(type), takesPrefixes || !pattern.isPrefix else {
        let rule =
          takesPrefixes
          ? Self.typeHint : "a command has letters, digits, \".\", \"_\" and \"-\", and is owned by its whole name"
        fail([name, type], "\"\(type)\" is not \(what)", rule)
        return true
      }
      if pattern.text.hasPrefix(NameRule.hostPrefix) {
        let hint = takesPrefixes ? "a consumer can hear them" : "choose another name"
        fail([name, type], "names that begin with \"\(NameRule.hostPrefix)\" are the host's", hint)
        return true
      }
      guard function.kind == .function, let held = function.hold() else {
        fail([name, type], "\(name).\(type) is \(Self.article(function)); a function is wanted", hint)
        return true
      }
      let line = function.source?.line ?? line(of: [name, type]) ?? declared.line
      handlers.append((HandlerDeclaration(pattern: pattern, line: line), held))
      return true
    }
    found = handlers
  }
}
