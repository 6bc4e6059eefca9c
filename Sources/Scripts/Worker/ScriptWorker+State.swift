internal import Events
internal import LuaRuntime

/// What a consumer remembers, on its way into a handler and out of it again.
extension ScriptWorker {
  /// As `call`, of a consumer with a state.
  func call(
    consumer: Int, handler: Int, event: EntryView, position: Position, recorded: Int64, now: Int64,
    key: UnsafeRawBufferPointer, readerNumber: UInt32, state: StateInput, declared: StateDeclaration,
    into effects: EntryBatch
  ) -> CallOutcome {
    let table: LuaRef
    interpreter.call.beginKeying(event, position, recorded: recorded)
    let loaded = load(state, of: consumers[consumer], declared)
    interpreter.call.end()
    switch loaded {
    case .ready(let ref): table = ref
    case .wrong(let message): return .failed(stateFailure(message, consumer))
    case .ended(let outcome):
      if case .host(let error) = outcome { return .hostFault(error.message) }
      return .failed(failure(outcome) ?? stateFailure("the state could not be upgraded", consumer))
    }
    defer { interpreter.state.release(table) }
    let upcast = upcast(event, position, recorded: recorded)
    if let ended = upcast.ended { return ended }
    beginHandling(
      event, position, recorded: recorded, now: now, consumer: consumer, key: key, readerNumber: readerNumber,
      into: effects)
    if upcast.isOlder { fields.setData(json: upcastBytes.bytes) }
    var returnsValue = false
    let outcome = interpreter.state.call(function(of: consumer, handler), [.record(fields.shape), .ref(table)]) {
      results in
      for index in 0..<results.count where !results[index].isNone { returnsValue = true }
    }
    let ended = end(outcome, returnsValue: returnsValue, consumer: consumer, handler: handler, effects)
    guard case .done = ended else { return ended }
    do throws(LuaError) {
      newState = try save(table, declared)
    } catch {
      interpreter.call.rollBack(effects)
      return .failed(stateFailure(error.message, consumer))
    }
    return ended
  }

  private func stateFailure(_ message: String, _ consumer: Int) -> HandlerFailure {
    let declaration = consumers[consumer].declaration
    return HandlerFailure(
      kind: .error, message: "\(declaration.file):\(declaration.line): \(declaration.name): \(message)", traceback: "",
      log: interpreter.call.lines)
  }

  enum StateOutcome {
    case ready(LuaRef)
    case ended(LuaOutcome)
    case wrong(String)
  }

  /// The state as a table that the handler may change, upgraded to the version of its declaration.
  func load(_ input: StateInput, of consumer: LoadedConsumer, _ state: StateDeclaration) -> StateOutcome {
    guard let json = input.json else { return hold(state.initial) }
    if input.version > state.version {
      return .wrong(
        "version \(input.version) of the script has written this state, and this is version \(state.version)\n"
          + "  go on with the newer script, or make this one version \(input.version + 1) with an upgrade")
    }
    let held = hold(json)
    guard case .ready(var table) = held else { return held }
    for from in input.version..<state.version {
      guard let upgrade = consumer.upgrades[from] else { return .wrong("upgrade has no [\(from)]") }
      var upgraded: LuaRef?
      let outcome = interpreter.state.call(upgrade, .ref(table)) { results in
        if results[0].kind == .table { upgraded = results[0].hold() }
      }
      interpreter.state.release(table)
      guard case .returned = outcome else { return .ended(outcome) }
      guard let upgraded else { return .wrong("upgrade[\(from)] returns no table: return the state that it has made") }
      table = upgraded
    }
    return .ready(table)
  }

  func hold(_ json: [UInt8]) -> StateOutcome {
    do {
      return .ready(try json.withUnsafeBytes { try interpreter.state.hold(.json($0)) })
    } catch {
      return .ended(.host(error as? LuaError ?? LuaError(.host, "\(error)")))
    }
  }

  /// What the handler has left of the state: nil when it is the declared one.
  /// - Throws: when it cannot be kept.
  func save(_ table: LuaRef, _ state: StateDeclaration) throws(LuaError) -> [UInt8]? {
    stateBytes.truncate(to: 0)
    // `with` carries no typed errors.
    let result = interpreter.state.with(table) { slot in
      Result { () throws(LuaError) in try slot.encodeJSON(name: "state", into: &stateBytes) }
    }
    try result.get()
    guard stateBytes.count <= StateDeclaration.maximumBytes else {
      throw LuaError(
        .script,
        "the state has \(stateBytes.count) bytes as JSON; at most \(StateDeclaration.maximumBytes) are kept for a key")
    }
    if stateBytes.bytes.elementsEqual(state.initial) { return nil }
    return Array(stateBytes.bytes)
  }
}
