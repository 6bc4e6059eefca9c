internal import Events
internal import LuaRuntime

/// `send` and `reject`: a command on its way, and a command that is refused.
extension CallState {
  /// `word`: `send`, or `ask`, whose sender waits for the outcome.
  func send(_ arguments: borrowing LuaCall, word: String = "send") -> LuaReply {
    guard makesEffects, let event else { return misplaced(word) }
    guard let name = arguments[0].string else {
      return .error(
        "\(word) wants a command first: \(word)(\"Withdraw\", { … }, { to = \"account-1\" }); this is "
          + BodyReader.article(arguments[0]))
    }
    guard owners[name] != nil else {
      let near =
        owners.near(name.text).map { "\n  did you mean \($0)?" } ?? "\n  an aggregate owns it: commands = { … }"
      return .error("nobody owns \"\(name.text)\"" + near)
    }
    if event.depth >= EntryView.maximumDepth { return tooDeep(name, event) }
    if let reply = encode(arguments[1], "data", of: "\(word)(\"\(name.text)\")") { return reply }
    let options = arguments[2]
    if options.isNone { return add(command: name, to: event.subject, event, word) }
    guard options.kind == .table else {
      return .error("\(word)'s third argument is a table: \(word)(command, data, { to = … })")
    }
    var unknown: String?
    options.forEach { key, _ in
      if key.string?.elementsEqual("to".utf8) != true { unknown = key.shown }
      return unknown == nil
    }
    if let unknown { return .error("\(word) has no option \"\(unknown)\": write { to = … }") }
    return options.withField("to") { target in
      if target.isNone { return add(command: name, to: event.subject, event, word) }
      guard let bytes = target.string else {
        return .error("\(word)(\"\(name.text)\"): to is \(BodyReader.article(target)); the subject as text is wanted")
      }
      return add(command: name, to: bytes, event, word)
    }
  }

  private func add(
    command name: UnsafeRawBufferPointer, to target: UnsafeRawBufferPointer, _ event: EntryView, _ word: String
  ) -> LuaReply {
    guard !target.isEmpty, NameRule.subject.allows(target), target.isUTF8 else {
      return .error(
        "\(word)(\"\(name.text)\"): a command is sent to a subject, 1 to \(NameRule.maximumSubjectBytes) bytes of UTF-8 text "
          + "without control characters\n  write \(word)(\"\(name.text)\", data, { to = \"account-1\" })")
    }
    guard let effects else { return misplaced(word) }
    return effects._withUnsafeGuaranteedRef { effects in
      if effects.count - mark.entries >= CallLimits.maximumEffects {
        return limit("a call emits and sends at most \(CallLimits.maximumEffects) events and commands")
      }
      effects.begin(
        kind: .command, type: name, subject: target, data: scratch.bytes, encoding: .json, cause: position,
        root: event.rootHere(at: origin), depth: event.depth + 1)
      effects.inheritAttributes(of: event)
      if !event.subject.isEmpty { effects.addAttribute(.sender, event.subject) }
      if phase == .running {
        replyAddress.withUnsafeBytes { effects.addAttribute(.reply, $0) }
        if word == "ask" { withUnsafeBytes(of: UInt8(ascii: "1")) { effects.addAttribute(.request, $0) } }
      }
      effects.end()
      return checkSize(of: effects)
    }
  }

  func reject(_ arguments: borrowing LuaCall) -> LuaReply {
    guard phase == .deciding else {
      if phase == .handling {
        return .error("reject works in a command of an aggregate\n  a consumer gives up with fail(…)")
      }
      if phase == .running {
        return .error("reject works in a command of an aggregate\n  a process takes back what it did with rollback(…)")
      }
      return misplaced("reject")
    }
    let reason = arguments.count > 0 ? arguments[0].shown : "no reason was given"
    return .abort(kind: Interpreter.Abort.reject, message: reason)
  }
}
