package import Events
internal import LuaRuntime

/// How a command was decided.
package enum Decision: Sendable {
  /// Its effects are in the batch, and the state is as they leave it.
  case accepted(log: [LogLine])
  /// Nothing happened.
  case rejected(reason: String, log: [LogLine])
  case failed(HandlerFailure)
  case hostFault(String)
}

/// What an event made of a state.
package enum AppliedOutcome: Sendable {
  case state([UInt8])
  case failed(HandlerFailure)
  case hostFault(String)
}

/// Aggregates: a state folded from the events of a subject, and commands that are decided on it.
///
/// A state goes from call to call as JSON, so that it is the same whether it was folded in one go, from a snapshot, or
/// event by event: what JSON does not keep (a table that stands in two places) is never there for long.
extension ScriptWorker {
  /// What a subject begins with.
  package func initialState(of aggregate: Int) -> [UInt8] { initialStates[aggregate] }

  /// Decides a command on `state`, and folds what it emits for its subject into it. Unless it is accepted, `state` and
  /// `effects` are as before.
  package func decide(
    aggregate: Int, handler: Int, command: EntryView, position: Position, recorded: Int64, now: Int64,
    readerNumber: UInt32, state: inout [UInt8], into effects: EntryBatch
  ) -> Decision {
    let table: LuaRef
    switch hold(state) {
    case .ready(let ref): table = ref
    case .ended(.host(let error)): return .hostFault(error.message)
    case .ended, .wrong: return .hostFault("the state of an aggregate cannot be decoded")
    }
    let before = effects.count
    let decided = call(
      aggregate, handler, command, position, recorded: recorded, now: now, readerNumber, table, state, effects)
    interpreter.state.release(table)
    guard case .accepted = decided else { return decided }
    var new = state
    for index in before..<effects.count {
      let event = effects.entry(index)
      guard event.rawKind == RecordKind.event.rawValue, event.subject.equals(command.subject),
        let fold = consumers[aggregate].declaration.aggregate?.fold(forType: event.type)
      else { continue }
      switch apply(aggregate: aggregate, fold, event, position: position, recorded: recorded, into: new) {
      case .state(let folded): new = folded
      case .failed(let failure):
        interpreter.call.rollBack(effects)
        return .failed(failure)
      case .hostFault(let message):
        interpreter.call.rollBack(effects)
        return .hostFault(message)
      }
    }
    state = new
    return decided
  }

  private func call(
    _ aggregate: Int, _ handler: Int, _ command: EntryView, _ position: Position, recorded: Int64, now: Int64,
    _ readerNumber: UInt32, _ table: LuaRef, _ state: [UInt8], _ effects: EntryBatch
  ) -> Decision {
    beginHandling(
      command, position, recorded: recorded, now: now, consumer: aggregate, key: command.subject,
      readerNumber: readerNumber, into: effects,
      phase: .deciding)
    var returnsValue = false
    let outcome = interpreter.state.call(function(of: aggregate, handler), [.ref(table), .record(fields.shape)]) {
      results in
      for index in 0..<results.count where !results[index].isNone { returnsValue = true }
    }
    let lines = interpreter.call.lines
    if case .aborted(let abort) = outcome, abort.kind == Interpreter.Abort.reject {
      interpreter.call.end()
      interpreter.call.rollBack(effects)
      if let problem = change(of: table, from: state, aggregate, handler) { return .failed(problem) }
      return .rejected(reason: abort.message, log: lines)
    }
    switch end(outcome, returnsValue: returnsValue, consumer: aggregate, handler: handler, effects) {
    case .failed(let failure): return .failed(failure)
    case .hostFault(let message): return .hostFault(message)
    case .done(let log):
      if let problem = change(of: table, from: state, aggregate, handler) {
        interpreter.call.rollBack(effects)
        return .failed(problem)
      }
      return .accepted(log: log)
    }
  }

  /// A command only looks at the state: what it has changed of it would be in no event, and lost.
  private func change(of table: LuaRef, from state: [UInt8], _ aggregate: Int, _ handler: Int) -> HandlerFailure? {
    guard let bytes = encode(table), bytes.elementsEqual(state) else {
      let declaration = consumers[aggregate].declaration
      return HandlerFailure(
        kind: .error,
        message: "\(declaration.file):\(declaration.handlers[handler].line): \(declaration.handlers[handler].pattern): "
          + "state is read-only in a command: emit an event and change it in events",
        traceback: "", log: interpreter.call.lines)
    }
    return nil
  }

  /// Changes a state by one event of its subject. `fold`: as the declaration gives it for the event's type.
  package func apply(
    aggregate: Int, _ fold: Int, _ event: EntryView, position: Position, recorded: Int64, into state: [UInt8]
  ) -> AppliedOutcome {
    let upcast = upcast(event, position, recorded: recorded)
    switch upcast.ended {
    case nil, .done?: break
    case .failed(let failure)?: return .failed(failure)
    case .hostFault(let message)?: return .hostFault(message)
    }
    guard case .ready(let table) = hold(state) else {
      return .hostFault("the state of an aggregate cannot be decoded")
    }
    defer { interpreter.state.release(table) }
    interpreter.call.beginApplying(event, position)
    fields.set(event, position, recorded: recorded, key: event.subject)
    fields.hidePlace()
    if upcast.isOlder { fields.setData(json: upcastBytes.bytes) }
    interpreter.state.seed(0, 0)
    var other: LuaRef?
    var returned = false
    let outcome = interpreter.state.call(
      consumers[aggregate].folds[fold], [.ref(table), .record(fields.shape)]
    ) { results in
      for index in 0..<results.count where !results[index].isNone { returned = true }
      if results.count > 0, results[0].kind == .table { other = results[0].hold() }
    }
    interpreter.call.end()
    defer { if let other { interpreter.state.release(other) } }
    if case .host(let error) = outcome { return .hostFault(error.message) }
    // A field that is not there yet says so without a place.
    if case .failed(let error) = outcome, error.position == nil {
      return .failed(foldFailure(error.message, aggregate, fold))
    }
    if let failure = failure(outcome) { return .failed(failure) }
    if returned, other == nil {
      return .failed(foldFailure("it returns something that is no table: change the state in place", aggregate, fold))
    }
    guard let bytes = encode(other ?? table) else {
      return .failed(foldFailure("the state cannot be kept: \(encodingError)", aggregate, fold))
    }
    guard bytes.count <= AggregateDeclaration.maximumBytes else {
      return .failed(
        foldFailure(
          "the state has \(bytes.count) bytes as JSON; at most \(AggregateDeclaration.maximumBytes) are kept for a subject",
          aggregate, fold))
    }
    return .state(canonical(bytes))
  }

  private func foldFailure(_ what: String, _ aggregate: Int, _ fold: Int) -> HandlerFailure {
    let declaration = consumers[aggregate].declaration
    let handler = declaration.aggregate?.folds[fold]
    return HandlerFailure(
      kind: .error,
      message: "\(declaration.file):\(handler?.line ?? declaration.line): "
        + "\(handler?.pattern.description ?? declaration.name): \(what)",
      traceback: "", log: [])
  }

  /// The value as JSON; nil when it is none, with the reason in `encodingError`.
  private func encode(_ table: LuaRef) -> [UInt8]? {
    stateBytes.truncate(to: 0)
    // `with` carries no typed errors.
    let result = interpreter.state.with(table) { slot in
      Result { () throws(LuaError) in try slot.encodeJSON(name: "state", into: &stateBytes) }
    }
    if case .failure(let error) = result {
      encodingError = error.message
      return nil
    }
    return Array(stateBytes.bytes)
  }

  /// A null in an object is gone once it is decoded: such a state is given the form that it keeps.
  private func canonical(_ json: [UInt8]) -> [UInt8] {
    let hasNull = json.withUnsafeBytes { bytes in
      bytes.indices.dropLast(4).contains { bytes[$0] == UInt8(ascii: ":") && bytes[$0 + 1] == UInt8(ascii: "n") }
    }
    return hasNull ? (try? interpreter.roundTrip(json)) ?? json : json
  }
}

extension Interpreter {
  /// JSON as Lua gives it back.
  func roundTrip(_ json: [UInt8]) throws(LuaError) -> [UInt8] {
    let value: LuaRef
    let held = json.withUnsafeBytes { bytes in Result { () throws(LuaError) in try state.hold(.json(bytes)) } }
    value = try held.get()
    defer { state.release(value) }
    var writer = ByteWriter(capacity: json.count + 16)
    let result = state.with(value) { slot in
      Result { () throws(LuaError) in try slot.encodeJSON(name: "state", into: &writer) }
    }
    try result.get()
    return Array(writer.bytes)
  }
}
