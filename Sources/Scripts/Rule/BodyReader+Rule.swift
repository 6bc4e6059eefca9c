internal import Events
internal import LuaRuntime

/// The body of a `rule`.
extension BodyReader {
  static let whenHint = "write when = \"OrderPlaced\", any { … } or all { … }"

  /// What was read of it so far.
  struct RuleParts {
    var when: [TypePattern] = []
    var isAll = false
    var unless: [TypePattern] = []
    var within: Int64?
    var count: Int?
    var of: Int?
    var again = RuleDeclaration.Again.never
    var emit: String?
    var send: String?
    var publish: String?
    var after: Int64?
    var otherwise: String?
    var cleared: String?
    var to: String?
    var functions = RuleFunctions()
    /// The keys that it has.
    var keys: Set<String> = []
  }

  mutating func readRule(_ name: String, _ value: LuaSlot, _ parts: inout Parts) {
    parts.choreography.keys.insert(name)
    switch name {
    case "when":
      if let (types, isAll) = readTypes(name, value, takesAll: true) {
        (parts.choreography.when, parts.choreography.isAll) = (types, isAll)
      }
    case "unless": if let (types, _) = readTypes(name, value, takesAll: false) { parts.choreography.unless = types }
    case "within": parts.choreography.within = readSpan(name, value)
    case "after": parts.choreography.after = readSpan(name, value)
    case "count", "of":
      let most = RuleDeclaration.mostCounted
      guard let number = value.integer, (1...Int64(most)).contains(number) else {
        return fail([name], "\(name) is \(value.shown); a whole number from 1 to \(most) is wanted")
      }
      if name == "count" { parts.choreography.count = Int(number) } else { parts.choreography.of = Int(number) }
    case "again":
      switch (value.boolean, value.text) {
      case (true?, _): parts.choreography.again = .always
      case (false?, _): parts.choreography.again = .never
      case (_, "cleared"?): parts.choreography.again = .cleared
      default: fail([name], "again is \(value.shown)", "write again = true or again = \"cleared\"")
      }
    case "emit", "otherwise", "cleared":
      guard let type = readEmitted(name, value) else { return }
      switch name {
      case "emit": parts.choreography.emit = type
      case "otherwise": parts.choreography.otherwise = type
      default: parts.choreography.cleared = type
      }
    case "send", "publish":
      guard let text = value.text else {
        let what = name == "send" ? "a command" : "a destination"
        return fail([name], "\(name) is \(Self.article(value)); the name of \(what) is wanted")
      }
      if name == "send" { parts.choreography.send = text } else { parts.choreography.publish = text }
    case "to":
      if value.kind == .function {
        parts.choreography.functions.target = value.hold()
      } else if let text = value.string, !text.isEmpty, NameRule.subject.allows(text), text.isUTF8 {
        parts.choreography.to = text.text
      } else {
        fail([name], "to is \(value.shown); a subject or a function is wanted", "write to = \"account-1\"")
      }
    case "where", "data":
      guard value.kind == .function, let function = value.hold() else {
        let parameter = name == "where" ? "event" : "heard"
        return fail(
          [name], "\(name) is \(Self.article(value)); a function is wanted",
          "write \(name) = function(\(parameter)) return … end")
      }
      if name == "where" {
        parts.choreography.functions.condition = function
      } else {
        parts.choreography.functions.data = function
      }
    case "key": readKey(value, &parts)
    case "from": readFrom(value, &parts)
    case "retry": readRetry(value, &parts)
    case "exhausted": readExhausted(value, &parts)
    default: failUnknownOfRule(name, value)
    }
  }

  private mutating func failUnknownOfRule(_ name: String, _ value: LuaSlot) {
    let hint: String? =
      switch name {
      case "on": "a rule has no code: write when = \"OrderPlaced\", emit = \"…\"; code belongs to a consumer"
      case "timeout", "deadline": "write within = \"15m\""
      case "state": "a rule remembers what it has heard by itself; code with a state belongs to a consumer"
      case "any", "all": "write when = \(name) { … }"
      default: NearestName.of(name, among: Words.rule.keys.map(\.name)).map { "did you mean \($0)?" }
      }
    fail([name], "\(title) has no key \"\(name)\"", hint)
  }

  private mutating func readSpan(_ name: String, _ value: LuaSlot) -> Int64? {
    guard let span = value.text.flatMap({ Span.microseconds($0) }), span > 0 else {
      fail(
        [name], "\(name) is \(value.shown); a span is wanted",
        "a span is text with a unit: \"\(value.integer.map { "\($0)s" } ?? "15m")\"")
      return nil
    }
    return span
  }

  private mutating func readEmitted(_ name: String, _ value: LuaSlot) -> String? {
    guard let type = value.string, NameRule.type.allows(type) else {
      fail([name], "\(name) is \(Self.article(value)); an event type is wanted", "write \(name) = \"OrderStalled\"")
      return nil
    }
    if NameRule.isHostType(type) {
      fail([name], "types that begin with \"\(NameRule.hostPrefix)\" are the host's", "choose another name")
      return nil
    }
    return type.text
  }

  /// A type, `any { … }` or `all { … }`.
  private mutating func readTypes(
    _ name: String, _ value: LuaSlot, takesAll: Bool
  ) -> (types: [TypePattern], isAll: Bool)? {
    if let text = value.text {
      guard let pattern = TypePattern(text) else {
        fail([name], "\"\(text)\" is no event type", Self.typeHint)
        return nil
      }
      return ([pattern], false)
    }
    let hint = takesAll ? Self.whenHint : "write unless = \"OrderCancelled\" or any { … }"
    guard value.kind == .table else {
      fail([name], "\(name) is \(Self.article(value)); an event type is wanted", hint)
      return nil
    }
    if value.withField("all", { !$0.isNone }) {
      guard takesAll else {
        fail([name], "unless takes a type or any { … }", "for several that must all come, write a rule for them")
        return nil
      }
      return value.withField("all") { readList(name, $0, isAll: true, hint) }.map { ($0, true) }
    }
    if value.withField("any", { !$0.isNone }) {
      return value.withField("any") { readList(name, $0, isAll: false, hint) }.map { ($0, false) }
    }
    fail([name], "\(name) is a table without any or all", hint)
    return nil
  }

  private mutating func readList(_ name: String, _ list: LuaSlot, isAll: Bool, _ hint: String) -> [TypePattern]? {
    var types: [TypePattern] = []
    var isGood = true
    list.forEach { key, value in
      guard key.kind == .integer, let text = value.text, let pattern = TypePattern(text) else {
        fail([name], "\(name) has \(value.shown) in it, which is no event type", hint)
        isGood = false
        return false
      }
      if isAll, pattern.isPrefix {
        fail([name], "\"\(text)\" in all is many types", "all has exact types; any takes beginnings too")
        isGood = false
        return false
      }
      if !types.contains(pattern) { types.append(pattern) }
      return true
    }
    guard isGood else { return nil }
    if types.isEmpty || isAll && types.count < 2 {
      fail([name], "\(name) has too few types in \(isAll ? "all" : "any")", hint)
      return nil
    }
    return types
  }

  // MARK: the whole

  /// Nil when there are errors.
  mutating func finishRule(_ parts: RuleParts) -> RuleDeclaration? {
    guard parts.keys.contains("when") else {
      fail([], "\(title) hears nothing", Self.whenHint)
      return nil
    }
    let before = errors.count
    let shape: RuleDeclaration.Shape =
      parts.isAll ? .join : !parts.unless.isEmpty ? .absence : parts.count != nil ? .count : .each
    checkParts(parts, shape)
    checkEffects(parts, shape)
    guard errors.count == before, !parts.when.isEmpty else { return nil }
    let effect: RuleDeclaration.Effect? =
      if let emit = parts.emit {
        parts.after.map { .after($0, emit) } ?? .emit(emit)
      } else if let command = parts.send {
        .send(command)
      } else {
        parts.publish.map { .publish($0) }
      }
    let heard = Self.patterns(of: parts)
    return RuleDeclaration(
      shape: shape, when: parts.when, unless: parts.unless, within: parts.within, count: parts.count ?? 0, of: parts.of,
      again: parts.again, effect: effect, otherwise: parts.otherwise, cleared: parts.cleared, to: parts.to,
      hasWhere: parts.functions.condition != nil,
      roles: heard.map { RuleDeclaration.role(of: $0, when: parts.when, unless: parts.unless) })
  }

  /// Everything that it hears.
  static func patterns(of parts: RuleParts) -> [TypePattern] { TypePattern.sorted(parts.when + parts.unless) }

  private mutating func checkParts(_ parts: RuleParts, _ shape: RuleDeclaration.Shape) {
    let keys = parts.keys
    if parts.isAll, keys.contains("unless") {
      fail(
        ["unless"], "all and unless do not go together",
        "write two rules: one emits an event when all have come, the other has when = that event")
    }
    if keys.contains("count"), shape == .join || shape == .absence {
      let other = shape == .join ? "all" : "unless"
      fail(["count"], "count and \(other) do not go together", "write two rules, the second hears what the first emits")
    }
    if keys.contains("of"), !keys.contains("count") {
      fail(["of"], "of says how many of the last events are looked at for count", "write count = 3, of = 5")
    }
    if let of = parts.of, let count = parts.count, of < count {
      fail(["of"], "\(count) of the last \(of) can never be", "of is at least count")
    }
    if shape == .absence, !keys.contains("within") {
      fail(["unless"], "unless waits for ever without within", "write within = \"15m\"")
    }
    if shape == .each, keys.contains("within") {
      fail(
        ["within"], "within needs something to wait for",
        "write when = all { … }, unless = … or count = …; an event that is to come later: emit = …, after = \"15m\"")
    }
    if parts.again == .cleared, shape != .count {
      fail(["again"], "again = \"cleared\" goes with count", "write again = true")
    }
    if shape == .each, parts.again != .never {
      fail(["again"], "a rule without all, count or unless fires at every event", "leave again out")
    }
  }

  private mutating func checkEffects(_ parts: RuleParts, _ shape: RuleDeclaration.Shape) {
    let effects = ["emit", "send", "publish"].filter(parts.keys.contains)
    if shape == .absence {
      for name in effects + (parts.keys.contains("after") ? ["after"] : []) {
        fail(
          [name], "\(name) and unless do not go together: nothing happens before the time is over",
          name == "emit"
            ? "write otherwise = \"\(parts.emit ?? "OrderLate")\"" : "write otherwise = \"OrderLate\" and hear that")
      }
      if effects.isEmpty, !parts.keys.contains("otherwise") {
        fail([], "\(title) does nothing", "write otherwise = \"OrderLate\"")
      }
      return finishEffects(parts, shape)
    }
    if effects.count > 1 {
      fail(
        [effects[1]], "\(title) has \(effects.joined(separator: " and ")): a rule does one thing",
        "write a rule for each")
    }
    if effects.isEmpty, !(shape == .join && parts.keys.contains("otherwise")), !parts.keys.contains("after") {
      fail([], "\(title) does nothing", "write emit = \"…\", send = \"…\" or publish = \"…\"")
    }
    if parts.keys.contains("after"), !parts.keys.contains("emit") {
      fail(["after"], "after says when the event of emit comes", "write emit = \"PaymentDue\", after = \"14d\"")
    }
    finishEffects(parts, shape)
  }

  private mutating func finishEffects(_ parts: RuleParts, _ shape: RuleDeclaration.Shape) {
    let keys = parts.keys
    if keys.contains("otherwise"), shape != .absence {
      if shape != .join {
        fail(["otherwise"], "otherwise goes with all or unless", "it is what is emitted when the time is over")
      } else if !keys.contains("within") {
        fail(["otherwise"], "otherwise is for when the time is over", "write within = \"15m\"")
      }
    }
    if keys.contains("cleared"), parts.again != .cleared {
      fail(["cleared"], "cleared goes with again = \"cleared\"", "write again = \"cleared\"")
    }
    if keys.contains("to"), !keys.contains("send"), !keys.contains("publish") {
      fail(["to"], "to says where send or publish goes; a rule emits on its key", "leave to out")
    }
  }
}
