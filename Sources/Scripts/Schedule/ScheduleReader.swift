internal import Events
internal import LuaRuntime

/// Turns the body of a `schedule` into a declaration, or says what is wrong with it and where.
struct ScheduleReader: DeclarationReader {
  let declared: LoadRun.Declared
  let interpreter: Interpreter
  let outline: SourceOutline?
  var errors: [LoadError] = []

  init(declared: LoadRun.Declared, interpreter: Interpreter, outline: SourceOutline?) {
    (self.declared, self.interpreter, self.outline) = (declared, interpreter, outline)
  }

  private struct Parts {
    var cron: (cron: Cron, text: String)?
    var zone = Zone.utc
    var every: Int64?
    var emit: String?
    var send: String?
    var target: String?
    var subject: String?
    var data: [UInt8] = Array("{}".utf8)
    var missed = ScheduleDeclaration.Missed.once
    /// The keys that it has, good or not.
    var keys: [String] = []
  }

  /// The shortest span of `every`, in µs.
  private static let shortest: Int64 = 1_000_000

  private static let timeHint = "write cron = \"30 2 * * *\" for every day at 02:30, or every = \"15m\""
  private static let effectHint = "write emit = \"DayClosed\": a consumer hears it and does the rest"

  /// Nil when there are errors.
  mutating func read() -> ScheduleDeclaration? {
    var parts = Parts()
    guard readBody(entryHint: Self.timeHint, { $0.read($1, $2, &parts) }) else { return nil }
    let recurrence = recurrence(parts)
    let effect = effect(parts)
    guard errors.isEmpty, let recurrence, let effect else { return nil }
    return ScheduleDeclaration(
      name: declared.name, file: declared.file, line: declared.line, recurrence: recurrence, effect: effect,
      missed: parts.missed)
  }

  private mutating func read(_ name: String, _ value: LuaSlot, _ parts: inout Parts) {
    if Words.schedule[name] != nil { parts.keys.append(name) }
    switch name {
    case "cron": parts.cron = readCron(value)
    case "zone":
      guard let text = value.text, let zone = Zone(text) else {
        let hint = value.text.map(Zone.hint) ?? "write zone = \"Europe/Berlin\""
        return fail([name], "zone is \(Self.quoted(value)); the name of a time zone is wanted", hint)
      }
      parts.zone = zone
    case "every":
      guard let span = value.text.flatMap({ Span.microseconds($0) }), span >= Self.shortest else {
        return fail(
          [name], "every is \(Self.quoted(value)); a span from \"1s\" on is wanted", "write every = \"15m\"")
      }
      parts.every = span
    case "emit": parts.emit = readType(value)
    case "send":
      guard let command = value.text, NameRule.type.allows(command) else {
        return fail([name], "send is \(Self.quoted(value)); the name of a command is wanted", "write send = \"Settle\"")
      }
      parts.send = command
    case "to": parts.target = readSubject(name, value)
    case "subject": parts.subject = readSubject(name, value)
    case "data": readData(value, &parts)
    case "missed":
      guard let missed = value.text.flatMap(ScheduleDeclaration.Missed.init(rawValue:)) else {
        return fail([name], "missed is \(Self.quoted(value))", "write missed = \"once\", \"skip\" or \"all\"")
      }
      parts.missed = missed
    default: failUnknown(name)
    }
  }

  private mutating func failUnknown(_ name: String) {
    let hint: String? =
      switch name {
      case "at", "time", "when", "daily", "hour": Self.timeHint
      case "interval", "period": "write every = \"15m\""
      case "tz", "timezone", "time_zone": "write zone = \"Europe/Berlin\""
      case "type", "event", "publish": Self.effectHint
      case "run", "on", "handler", "action", "job": Self.effectHint
      case "command": "write send = \"Settle\", to = \"account-1\""
      default: NearestName.of(name, among: Words.schedule.keys.map(\.name)).map { "did you mean \($0)?" }
      }
    fail([name], "\(title) has no key \"\(name)\"", hint)
  }

  // MARK: when

  private mutating func readCron(_ value: LuaSlot) -> (Cron, String)? {
    guard let text = value.text else {
      fail(["cron"], "cron is \(BodyReader.article(value)); text is wanted", Self.timeHint)
      return nil
    }
    do throws(Cron.Problem) {
      return (try Cron(text), text.split(separator: " ").joined(separator: " "))
    } catch {
      fail(["cron"], "cron: \(error.what)", error.hint)
      return nil
    }
  }

  private mutating func recurrence(_ parts: Parts) -> Recurrence? {
    let times = ["cron", "every"].filter(parts.keys.contains)
    // What is wrong already may have been meant to say it.
    if times.isEmpty, errors.isEmpty { fail([], "\(title) does not say when", Self.timeHint) }
    if times.count > 1 { fail(["every"], "\(title) has both cron and every", "one of them says when") }
    if parts.keys.contains("zone"), parts.keys.contains("every") {
      fail(["zone"], "zone goes with cron", "every counts the time that passes, which is the same everywhere")
    }
    if let (cron, text) = parts.cron { return .cron(cron, text: text, parts.zone) }
    return parts.every.map { .every($0) }
  }

  // MARK: what

  private mutating func readType(_ value: LuaSlot) -> String? {
    guard let type = value.text, NameRule.type.allows(type) else {
      fail(
        ["emit"], "emit is \(Self.quoted(value)); an event type is wanted",
        value.kind == .function ? Self.effectHint : "write emit = \"DayClosed\"")
      return nil
    }
    if type.hasPrefix(NameRule.hostPrefix) {
      fail(["emit"], "types that begin with \"\(NameRule.hostPrefix)\" are the host's", "give it another name")
      return nil
    }
    return type
  }

  private mutating func readSubject(_ name: String, _ value: LuaSlot) -> String? {
    guard let bytes = value.string, !bytes.isEmpty, NameRule.subject.allows(bytes), bytes.isUTF8 else {
      fail(
        [name],
        "\(name) is \(Self.quoted(value)); UTF-8 text without control characters is wanted, 1 to "
          + "\(NameRule.maximumSubjectBytes) bytes",
        "write \(name) = \"account-1\"")
      return nil
    }
    return bytes.text
  }

  private mutating func readData(_ value: LuaSlot, _ parts: inout Parts) {
    if value.kind == .function {
      return fail(
        ["data"], "data is a function; a value is wanted",
        "what depends on the moment is found by who hears it: event.time is the time of the run")
    }
    var writer = ByteWriter(capacity: 256)
    do throws(LuaError) {
      try value.encodeJSON(name: "data", into: &writer)
      parts.data = Array(writer.bytes)
    } catch {
      fail(["data"], error.message, "data is what JSON can say")
    }
  }

  private mutating func effect(_ parts: Parts) -> ScheduleDeclaration.Effect? {
    let effects = ["emit", "send"].filter(parts.keys.contains)
    if effects.isEmpty, errors.isEmpty { fail([], "\(title) does nothing", Self.effectHint) }
    if effects.count > 1 { fail(["send"], "\(title) has both emit and send", "declare two schedules") }
    if parts.keys.contains("send") {
      if parts.keys.contains("subject") {
        fail(["subject"], "subject goes with emit", "a command has a target: write to = \"account-1\"")
      }
      if !parts.keys.contains("to") {
        fail(["send"], "\(title) does not say whom the command is for", "write to = \"account-1\"")
      }
      guard let command = parts.send, let target = parts.target else { return nil }
      return .init(isCommand: true, type: command, subject: target, data: parts.data)
    }
    if parts.keys.contains("to") {
      fail(["to"], "to goes with send", "an event is about something: write subject = \"account-1\"")
    }
    return parts.emit.map { .init(type: $0, subject: parts.subject ?? declared.name, data: parts.data) }
  }
}
