internal import Events
internal import LuaRuntime

/// What rules do, without code of their own: the effect is made on the rule's key, with the data in `scratch`.
extension CallState {
  /// A rule's function looks at an event, or makes the data of an effect that `event` causes.
  func beginRuling(_ event: EntryView, _ position: Position, recorded: Int64, now: Int64, into effects: EntryBatch?) {
    beginKeying(event, position, recorded: recorded)
    phase = .ruling
    guard let effects else { return }
    begin(effects, now: now)
  }

  /// Nil when all is well.
  func make(
    _ effect: RuleDeclaration.Effect, key: UnsafeRawBufferPointer, to target: [UInt8]?, reader: UInt32
  ) -> LuaReply? {
    guard let event, let effects else { return .error("a rule makes its effects when it fires") }
    return effects._withUnsafeGuaranteedRef { effects in
      var name: String
      switch effect {
      case .emit(let text), .after(_, let text), .send(let text), .publish(let text): name = text
      }
      return name.withUTF8 { name in
        make(effect, UnsafeRawBufferPointer(name), key, target ?? Array(key), event, effects, reader)
      }
    }
  }

  private func make(
    _ effect: RuleDeclaration.Effect, _ name: UnsafeRawBufferPointer, _ key: UnsafeRawBufferPointer, _ target: [UInt8],
    _ event: EntryView, _ effects: EntryBatch, _ reader: UInt32
  ) -> LuaReply? {
    if event.depth >= EntryView.maximumDepth { return tooDeep(name, event) }
    let (root, depth) = (event.rootHere(at: position), event.depth + 1)
    switch effect {
    case .emit:
      if let reply = checkContract(of: name, "emit(\"\(name.text)\")") { return reply }
      effects.begin(
        kind: .event, type: name, subject: key, data: scratch.bytes, encoding: .json, cause: position, root: root,
        depth: depth, contractVersion: contractVersion)
      effects.inheritAttributes(of: event)
      effects.end()
    case .after(let span, _):
      if let reply = checkContract(of: name, "emit(\"\(name.text)\")") { return reply }
      effects.addTimer(
        due: now + span, now: now, scope: TimerScope(reader: reader, key: key), type: name, subject: key,
        data: scratch.bytes, contractVersion: contractVersion, cause: event, at: position)
    case .send, .publish:
      let isCommand = if case .send = effect { true } else { false }
      if isCommand, target.isEmpty {
        return .error("the command \"\(name.text)\" has no subject, as the event has none\n  write to = \"account-1\"")
      }
      target.withUnsafeBytes { target in
        effects.begin(
          kind: isCommand ? .command : .message, type: name, subject: target, data: scratch.bytes, encoding: .json,
          cause: position, root: root, depth: depth)
      }
      effects.inheritAttributes(of: event)
      if !key.isEmpty { effects.addAttribute(.sender, key) }
      if !isCommand { effects.addAttribute(.about, event.type) }
      effects.end()
    }
    if case .abort(let kind, let message) = checkSize(of: effects) { return .abort(kind: kind, message: message) }
    return nil
  }
}
