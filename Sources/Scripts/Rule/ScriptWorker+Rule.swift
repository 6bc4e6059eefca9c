package import Events
internal import LuaRuntime

/// An event that a rule has heard. The entry lives as long as whoever gives it away says.
package struct HeardEvent {
  package let event: EntryView
  package let position: Position
  /// Commit time, µs.
  package let recorded: Int64

  package init(_ event: EntryView, _ position: Position, recorded: Int64) {
    (self.event, self.position, self.recorded) = (event, position, recorded)
  }
}

/// What a rule does, and on account of what.
package struct RuleFiring {
  package let effect: RuleDeclaration.Effect
  /// In the order of the log.
  package let heard: [HeardEvent]
  package let cause: HeardEvent
  /// Whether the declaration's `data` says what it carries; else it carries nothing.
  package let carriesData: Bool

  package init(_ effect: RuleDeclaration.Effect, heard: [HeardEvent], cause: HeardEvent, carriesData: Bool = true) {
    (self.effect, self.heard, self.cause, self.carriesData) = (effect, heard, cause, carriesData)
  }
}

/// How a rule's `where` judges an event.
package enum RuleAnswer {
  case yes
  case no
  case failed(HandlerFailure)
  case hostFault(String)
}

/// The little that is Lua in a rule: `where`, `data` and `to`.
extension ScriptWorker {
  package func satisfies(
    consumer: Int, event: EntryView, position: Position, recorded: Int64, key: UnsafeRawBufferPointer
  ) -> RuleAnswer {
    guard let condition = consumers[consumer].rule.condition else { return .yes }
    let upcast = upcast(event, position, recorded: recorded)
    switch upcast.ended {
    case nil, .done?: break
    case .failed(let failure)?: return .failed(failure)
    case .hostFault(let message)?: return .hostFault(message)
    }
    interpreter.call.beginRuling(event, position, recorded: recorded, now: 0, into: nil)
    fields.set(event, position, recorded: recorded, key: key)
    if upcast.isOlder { fields.setData(json: upcastBytes.bytes) }
    interpreter.state.seed(0, 0)
    var holds = false
    let outcome = interpreter.state.call(condition, .record(fields.shape)) { results in
      holds = results.count > 0 && !results[0].isNone && results[0].boolean != false
    }
    interpreter.call.end()
    if case .host(let error) = outcome { return .hostFault(error.message) }
    if let failure = failure(outcome) { return .failed(failure) }
    return holds ? .yes : .no
  }

  /// Makes the effect of a rule, on its key. When it fails, `effects` is as before.
  package func fire(
    consumer: Int, _ firing: RuleFiring, now: Int64, key: UnsafeRawBufferPointer, readerNumber: UInt32,
    into effects: EntryBatch
  ) -> CallOutcome {
    let functions = consumers[consumer].rule
    let mark = effects.mark
    var heard = ByteWriter(capacity: 512)
    if functions.data != nil || functions.target != nil {
      if let ended = encode(firing, consumer, key, whole: true, into: &heard) { return ended }
    }
    var body = ByteWriter(capacity: 256)
    var target: [UInt8]? = consumers[consumer].declaration.rule?.to.map { Array($0.utf8) }
    if !firing.carriesData {
      body.append("{}" as StaticString)
    } else if let data = functions.data {
      if let ended = ask(data, heard, firing, consumer, { problem(withData: $0, into: &body) }) { return ended }
    } else if let ended = encode(firing, consumer, key, whole: false, into: &body) {
      return ended
    }
    if let function = functions.target {
      if let ended = ask(function, heard, firing, consumer, { problem(withTarget: $0, &target) }) { return ended }
    }
    let call = interpreter.call
    let cause = firing.cause
    call.beginRuling(cause.event, cause.position, recorded: cause.recorded, now: now, into: effects)
    defer { call.end() }
    call.scratch.truncate(to: 0)
    call.scratch.append(body.bytes)
    switch call.make(firing.effect, key: key, to: target, reader: readerNumber) {
    case nil: return .done(log: [])
    case .error(let message)?, .bareError(let message)?:
      effects.truncate(to: mark)
      return .failed(ruleFailure(message, consumer))
    case .abort(_, let message)?:
      effects.truncate(to: mark)
      return .failed(ruleFailure(message, consumer, .limit))
    case .done?, .wait?: return .done(log: [])
    }
  }

  private func ruleFailure(_ message: String, _ consumer: Int, _ kind: HandlerFailure.Kind = .error) -> HandlerFailure {
    let declaration = consumers[consumer].declaration
    return HandlerFailure(
      kind: kind, message: "\(declaration.file):\(declaration.line): rule \"\(declaration.name)\": \(message)",
      traceback: "", log: [])
  }

  /// Calls a function with what was heard; nil when its answer was good.
  private func ask(
    _ function: LuaRef, _ heard: borrowing ByteWriter, _ firing: RuleFiring, _ consumer: Int,
    _ take: (LuaSlot) -> String?
  ) -> CallOutcome? {
    let cause = firing.cause
    interpreter.call.beginRuling(cause.event, cause.position, recorded: cause.recorded, now: 0, into: nil)
    interpreter.state.seed(0, 0)
    var problem: String?
    let outcome = interpreter.state.call(function, .json(heard.bytes)) { problem = take($0[0]) }
    interpreter.call.end()
    if case .host(let error) = outcome { return .hostFault(error.message) }
    if let failure = failure(outcome) { return .failed(failure) }
    return problem.map { .failed(ruleFailure($0, consumer)) }
  }

  private func problem(withData value: LuaSlot, into body: inout ByteWriter) -> String? {
    guard !value.isNone else { return "data returned nothing: return the data of the event" }
    do throws(LuaError) {
      try value.encodeJSON(name: "data", into: &body)
      return nil
    } catch {
      return error.message
    }
  }

  private func problem(withTarget value: LuaSlot, _ target: inout [UInt8]?) -> String? {
    guard let text = value.string, !text.isEmpty, NameRule.subject.allows(text), text.isUTF8 else {
      return "to returned \(BodyReader.article(value)); a subject is wanted: UTF-8 text without control characters, at "
        + "most \(NameRule.maximumSubjectBytes) bytes"
    }
    target = Array(text)
    return nil
  }

  // MARK: what was heard

  /// What was heard, by type, as a JSON object: with `count` a list for each type. `whole`: the events; else their data.
  private func encode(
    _ firing: RuleFiring, _ consumer: Int, _ key: UnsafeRawBufferPointer, whole: Bool, into writer: inout ByteWriter
  ) -> CallOutcome? {
    let rule = consumers[consumer].declaration.rule
    let isList = rule?.shape == .count
    if !whole, case .publish = firing.effect, rule?.shape == .each {
      return encode(firing.cause, consumer, key, whole: false, into: &writer)
    }
    var types: [[UInt8]: [HeardEvent]] = [:]
    for heard in firing.heard { types[Array(heard.event.type), default: []].append(heard) }
    writer.append(UInt8(ascii: "{"))
    for (index, (type, events)) in types.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }).enumerated() {
      if index > 0 { writer.append(UInt8(ascii: ",")) }
      type.withUnsafeBytes { writer.appendJSON(string: $0) }
      writer.append((isList ? ":[" : ":") as String)
      for (place, event) in (isList ? events : [events[events.count - 1]]).enumerated() {
        if place > 0 { writer.append(UInt8(ascii: ",")) }
        if let ended = encode(event, consumer, key, whole: whole, into: &writer) { return ended }
      }
      if isList { writer.append(UInt8(ascii: "]")) }
    }
    writer.append(UInt8(ascii: "}"))
    return nil
  }

  private func encode(
    _ heard: HeardEvent, _ consumer: Int, _ key: UnsafeRawBufferPointer, whole: Bool, into writer: inout ByteWriter
  ) -> CallOutcome? {
    let upcast = upcast(heard.event, heard.position, recorded: heard.recorded)
    switch upcast.ended {
    case nil, .done?: break
    case let ended?: return ended
    }
    if heard.event.dataEncoding == .binary, !heard.event.data.isUTF8 {
      let message =
        "the data of the \(heard.event.type.text) at position \(heard.position) are bytes and no text, which JSON cannot "
        + "say: hear it with a consumer"
      return .failed(ruleFailure(message, consumer))
    }
    if whole {
      EventFields.writeJSON(
        of: heard, key: key, logName: interpreter.logName, data: upcast.isOlder ? upcastBytes.bytes : nil, into: &writer
      )
    } else {
      EventFields.writeData(of: heard.event, upcast.isOlder ? upcastBytes.bytes : nil, into: &writer)
    }
    return nil
  }
}
