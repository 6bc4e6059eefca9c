internal import Events
internal import LuaRuntime

/// The words of processes: those that wait, and those that take back.
extension CallState {
  // MARK: waiting

  /// `ask(command, data, { to = … })`
  func ask(_ arguments: borrowing LuaCall) -> LuaReply {
    if let reply = refuseWait("ask", arguments) { return reply }
    let reply = send(arguments, word: "ask")
    guard case .done = reply else { return reply }
    return wait(for: .outcome)
  }

  /// `await { "Paid", "Declined", within = "1h" }`, `await { all = { "Paid", "Packed" } }`, `await "Paid"`.
  func await(_ arguments: borrowing LuaCall) -> LuaReply {
    if let reply = refuseWait("await", arguments) { return reply }
    var awaited = Awaited()
    if let problem = read(arguments[0], &awaited) { return .error("await" + problem) }
    for type in awaited.types where processes[consumer]?.canAwait(type) != true { return unheard(type) }
    return wait(for: .events(types: awaited.types, all: awaited.all, within: awaited.within))
  }

  /// `sleep("5m")`
  func sleep(_ arguments: borrowing LuaCall) -> LuaReply {
    if let reply = refuseWait("sleep", arguments) { return reply }
    guard let span = arguments[0].text.flatMap({ Span.microseconds($0) }), arguments[0].kind == .string else {
      let written = arguments[0].number.map { _ in "sleep(\"\(arguments[0].shown)s\")" } ?? "sleep(\"5m\")"
      return .error(
        "sleep wants a span; this is \(BodyReader.article(arguments[0]))\n  a span is text with a unit: \(written)")
    }
    return wait(for: .sleep(span))
  }

  func wait(for wait: ProcessWait) -> LuaReply {
    run?.waits(for: wait)
    return .wait
  }

  /// What keeps a word from waiting here; nil: it can. An instance that is to roll back does so now.
  func refuseWait(_ word: String, _ arguments: borrowing LuaCall) -> LuaReply? {
    guard phase == .running, let run else { return cannotWait(word) }
    if let rollback = run.rollback, !run.isRollingBack {
      return .abort(kind: Interpreter.Abort.rollback, message: rollback.reason)
    }
    if arguments.canWait { return nil }
    return .error(
      "\(word) cannot wait inside of a function that \(Self.callers) has called\n"
        + "  wait before it, and use there what has come")
  }

  private static let callers = "table.sort, string.gsub or a metamethod"

  private func cannotWait(_ word: String) -> LuaReply {
    switch phase {
    case .handling: .error("a consumer cannot wait\n  use a process, or hear the event that brings the answer")
    case .deciding: .error("a command cannot wait\n  what it needs is in the command, or in the state")
    default: misplaced(word)
    }
  }

  private func unheard(_ type: String) -> LuaReply {
    let heard = processes[consumer]?.hears.map(\.description) ?? []
    let near = NearestName.of(type, among: heard).map { "did you mean \"\($0)\"?" }
    return .error(
      "\"\(type)\" is not among what this process hears\n  "
        + (near ?? "write hears = { \((heard + [type]).map { "\"\($0)\"" }.joined(separator: ", ")) }"))
  }

  // MARK: what is awaited

  private struct Awaited {
    var types: [String] = []
    var all = false
    var within: Int64?
  }

  private static let awaitExample = "\n  write await { \"PaymentCaptured\", within = \"1h\" }"

  /// Returns what is wrong with it.
  private func read(_ value: LuaSlot, _ awaited: inout Awaited) -> String? {
    if value.kind == .string { return add(value, &awaited) }
    guard value.kind == .table else {
      return " wants event types; this is \(BodyReader.article(value))\(Self.awaitExample)"
    }
    var problem: String?
    value.forEach { key, value in
      problem = key.kind == .string ? set(key.shown, value, &awaited) : add(value, &awaited)
      return problem == nil
    }
    if let problem { return problem }
    if awaited.types.isEmpty { return " names no event type\(Self.awaitExample)" }
    if awaited.types.count > 100 { return " names more than 100 types" }
    return nil
  }

  private func set(_ name: String, _ value: LuaSlot, _ awaited: inout Awaited) -> String? {
    switch name {
    case "within":
      guard let span = value.text.flatMap({ Span.microseconds($0) }), value.kind == .string else {
        return ": within is \(BodyReader.article(value)); a span is wanted: \"1h\""
      }
      awaited.within = span
    case "all":
      guard awaited.types.isEmpty, value.kind == .table else {
        return ": all is a list of types, and there are no others beside it: await { all = { \"Paid\", \"Packed\" } }"
      }
      awaited.all = true
      var problem: String?
      value.forEach { _, type in
        problem = add(type, &awaited)
        return problem == nil
      }
      return problem
    default:
      let near = NearestName.of(name, among: Words.awaitOptions.keys.map(\.name)).map { ": did you mean \($0)?" } ?? ""
      return " has no option \"\(name)\"\(near)"
    }
    return nil
  }

  private func add(_ value: LuaSlot, _ awaited: inout Awaited) -> String? {
    guard let type = value.string, NameRule.type.allows(type) else {
      return " wants event types; this is \(value.kind == .string ? "\"\(value.shown)\"" : BodyReader.article(value))"
        + Self.awaitExample
    }
    if !awaited.types.contains(type.text) { awaited.types.append(type.text) }
    return nil
  }

  // MARK: taking back

  /// `compensate(function() … end)`
  func compensate(_ arguments: borrowing LuaCall) -> LuaReply {
    guard phase == .running, let run else { return onlyInProcess("compensate") }
    if run.isRollingBack { return alreadyRollingBack("compensate") }
    guard arguments[0].kind == .function else {
      return .error(
        "compensate wants a function; this is \(BodyReader.article(arguments[0]))\n"
          + "  write compensate(function() ask(\"ReleaseStock\", { … }) end)")
    }
    guard run.compensationCount < ProcessDeclaration.maximumCompensations else {
      return limit("an instance has at most \(ProcessDeclaration.maximumCompensations) compensations")
    }
    guard let function = arguments[0].hold() else { return limit("there is no memory for a compensation") }
    run.add(compensation: function, line: UInt32(clamping: arguments[0].source?.line ?? 0))
    return .done
  }

  /// Of the prelude: the compensation that runs next, or nothing.
  func takeCompensation(_ arguments: borrowing LuaCall) -> LuaReply {
    arguments.add(run?.takeCompensation().map { .ref($0) } ?? .none)
    return .done
  }

  /// `rollback(reason [, type [, data]])`
  func rollback(_ arguments: borrowing LuaCall) -> LuaReply {
    guard phase == .running, let run else { return onlyInProcess("rollback") }
    if run.isRollingBack { return alreadyRollingBack("rollback") }
    let reason = arguments.count > 0 && !arguments[0].isNone ? arguments[0].shown : "no reason was given"
    var rollback = ProcessRun.Rollback(reason: reason)
    if !arguments[1].isNone {
      if let reply = read(arguments[1], arguments[2], &rollback) { return reply }
    } else if !arguments[2].isNone {
      return .error("rollback has data and no event type\n  write rollback(\"no stock\", \"OrderFailed\", { … })")
    }
    run.noteRollback(rollback)
    return .abort(kind: Interpreter.Abort.rollback, message: reason)
  }

  /// The event that tells of the rollback: checked before anything is taken back.
  private func read(_ type: LuaSlot, _ data: LuaSlot, _ rollback: inout ProcessRun.Rollback) -> LuaReply? {
    guard let name = type.string else {
      return .error("rollback wants an event type second; this is \(BodyReader.article(type))")
    }
    if let problem = problem(withType: name) { return .error(problem) }
    let call = "rollback(…, \"\(name.text)\")"
    if data.isNone {
      scratch.truncate(to: 0)
      scratch.append("{\"reason\":" as StaticString)
      scratch.appendJSON(string: rollback.reason)
      scratch.append(UInt8(ascii: "}"))
    } else if let reply = encode(data, "data", of: call) {
      return reply
    }
    if let reply = checkContract(of: name, call) { return reply }
    rollback.event = (name.text, Array(scratch.bytes), contractVersion)
    return nil
  }

  /// `restart(data)`
  func restart(_ arguments: borrowing LuaCall) -> LuaReply {
    guard phase == .running, let run else { return onlyInProcess("restart") }
    if run.isRollingBack { return alreadyRollingBack("restart") }
    // The next history would know nothing of it.
    if let rollback = run.rollback { return .abort(kind: Interpreter.Abort.rollback, message: rollback.reason) }
    if let reply = encode(arguments[0], "data", of: "restart") { return reply }
    run.restartData = Array(scratch.bytes)
    return .abort(kind: Interpreter.Abort.restart, message: "")
  }

  private func onlyInProcess(_ word: String) -> LuaReply {
    switch phase {
    case .handling, .deciding:
      .error("\(word) works in a process\n  write process \"name\" { starts = \"…\", run = function(event) … end }")
    default: misplaced(word)
    }
  }

  private func alreadyRollingBack(_ word: String) -> LuaReply {
    .error(
      "\(word) does not work while the process rolls back\n"
        + "  a compensation does its part; it fails with error(…), and is tried again")
  }

  // MARK: effects

  /// The event that tells of a rollback; what is wrong when there are too many effects.
  func emit(_ event: (type: String, json: [UInt8], contractVersion: UInt16)) -> String? {
    guard let start = self.event else { return nil }
    scratch.truncate(to: 0)
    scratch.append(event.json)
    let reply = Array(event.type.utf8).withUnsafeBytes {
      add($0, start.subject, start, contractVersion: event.contractVersion)
    }
    if case .abort(_, let message) = reply { return message }
    return nil
  }

  /// Who is answered: this instance, at this step. Empty for whoever does not wait.
  var replyAddress: [UInt8] {
    guard phase == .running else { return [] }
    return ReplyAddress(
      reader: readerNumber, start: origin, step: step, key: key.isEmpty ? nil : Array(key)
    ).bytes
  }
}
