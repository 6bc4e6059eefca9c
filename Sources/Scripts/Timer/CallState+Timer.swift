internal import Events
internal import LuaRuntime

/// `after`, `at` and `cancel`: events that are to come.
extension CallState {
  /// The last moment that a timer may be due: the end of the year 9999.
  private static let latest: Int64 = 253_402_300_800_000_000

  func after(_ arguments: borrowing LuaCall) -> LuaReply {
    guard makesEffects, let event else { return misplaced("after") }
    let example = "\n  write after(\"15m\", \"OrderOverdue\", { … })"
    guard let span = arguments[0].string else {
      return .error(
        arguments[0].number.map { _ in "a span is text with a unit: after(\"\(arguments[0].shown)s\", …)" }
          ?? "after wants a span first: this is \(BodyReader.article(arguments[0]))\(example)")
    }
    guard let wait = Span.microseconds(span.text) else {
      return .error("\"\(span.text)\" is no span: digits and one of ms, s, m, h, d, w, ten years at most\(example)")
    }
    return setTimer("after", due: now + wait, arguments, event)
  }

  func at(_ arguments: borrowing LuaCall) -> LuaReply {
    guard makesEffects, let event else { return misplaced("at") }
    guard let due = time(arguments[0]) else {
      return .error(
        "at wants a time first: milliseconds since 1970 UTC, or text like \"2026-03-01T09:00:00Z\"; this is "
          + (arguments[0].kind == .table ? "a table" : arguments[0].shown))
    }
    return setTimer("at", due: due, arguments, event)
  }

  func cancel(_ arguments: borrowing LuaCall) -> LuaReply {
    guard makesEffects, let event else { return misplaced("cancel") }
    guard let id = timerID(arguments[0]) else { return .error("cancel: \(Self.wantedID)") }
    guard let effects else { return misplaced("cancel") }
    return effects._withUnsafeGuaranteedRef { effects in
      if let reply = tooMany(effects) { return reply }
      withTimerScope(id) { effects.addTimerEnd(scope: $0, cause: event, at: position, origin: origin) }
      return checkSize(of: effects)
    }
  }

  /// Microseconds; nil when it is no time, or too late a one.
  private func time(_ value: LuaSlot) -> Int64? {
    if let text = value.string { return Timestamp.microseconds(text) }
    guard let number = value.number, number > -1e15, number <= Double(Self.latest / 1000) else { return nil }
    return value.integer.map { $0 * 1000 } ?? Int64((number * 1000).rounded(.down))
  }

  private func setTimer(
    _ word: String, due: Int64, _ arguments: borrowing LuaCall, _ event: EntryView
  ) -> LuaReply {
    guard let type = arguments[1].string else {
      return .error("\(word) wants an event type second; this is \(BodyReader.article(arguments[1]))")
    }
    if let problem = problem(withType: type) { return .error(problem) }
    func call() -> String { "\(word)(…, \"\(type.text)\")" }
    if event.depth >= EntryView.maximumDepth { return tooDeep(type, event) }
    if let reply = encode(arguments[2], "data", of: call()) { return reply }
    if let reply = checkContract(of: type, call()) { return reply }
    var options = TimerOptions()
    if let problem = read(arguments[3], word, &options) { return .error(problem) }
    guard let effects else { return misplaced(word) }
    return effects._withUnsafeGuaranteedRef { effects in
      if let reply = tooMany(effects) { return reply }
      withTimerScope(options.id) { scope in
        func add(_ subject: UnsafeRawBufferPointer) {
          effects.addTimer(
            due: due, now: now, scope: scope, type: type, subject: subject, data: scratch.bytes,
            contractVersion: contractVersion, cause: event, at: position,
            origin: origin)
        }
        if let subject = options.subject { subject.withUnsafeBytes(add) } else { add(event.subject) }
      }
      return checkSize(of: effects)
    }
  }

  private func tooMany(_ effects: EntryBatch) -> LuaReply? {
    guard effects.count - mark.entries >= CallLimits.maximumEffects else { return nil }
    return limit("a call makes at most \(CallLimits.maximumEffects) events, commands, messages and timers")
  }

  private func withTimerScope(_ id: [UInt8]?, _ body: (TimerScope) -> Void) {
    guard let id else { return body(TimerScope(reader: readerNumber, key: key)) }
    id.withUnsafeBytes { body(TimerScope(reader: readerNumber, key: key, id: $0)) }
  }

  // MARK: options

  private struct TimerOptions {
    var id: [UInt8]?
    var subject: [UInt8]?
  }

  private static let wantedID =
    "id is text, 1 to \(NameRule.maximumSubjectBytes) bytes of UTF-8 without control characters, or a whole number"

  private func timerID(_ value: LuaSlot) -> [UInt8]? {
    let text = value.string.map { Array($0) } ?? value.integer.map { Array(String($0).utf8) }
    guard let text, !text.isEmpty, text.withUnsafeBytes({ NameRule.subject.allows($0) && $0.isUTF8 }) else {
      return nil
    }
    return text
  }

  /// Gives what is wrong.
  private func read(_ slot: LuaSlot, _ word: String, _ options: inout TimerOptions) -> String? {
    if slot.isNone { return nil }
    guard slot.kind == .table else {
      return "\(word)'s options are \(BodyReader.article(slot)); a table is wanted: { id = … }"
    }
    var problem: String?
    slot.forEach { key, value in
      switch key.text {
      case "id"?:
        options.id = timerID(value)
        if options.id == nil { problem = "\(word): \(Self.wantedID)" }
      case "subject"?:
        options.subject = value.string.map { Array($0) }
        if !(options.subject?.withUnsafeBytes { NameRule.subject.allows($0) && $0.isUTF8 } ?? false) {
          problem =
            "\(word): a subject is UTF-8 text without control characters, at most "
            + "\(NameRule.maximumSubjectBytes) bytes"
        }
      default:
        let near = NearestName.of(key.shown, among: Words.timerOptions.keys.map(\.name))
        problem = "\(word) has no option \"\(key.shown)\"" + (near.map { ": did you mean \($0)?" } ?? "")
      }
      return problem == nil
    }
    return problem
  }
}
