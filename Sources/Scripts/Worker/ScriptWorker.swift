package import Events
internal import LuaRuntime

/// Calls the handlers of one generation, in Lua states of its own. One thread at a time; after a call that ran into its
/// time or memory it is dead and must be replaced.
package final class ScriptWorker {
  private let interpreter: Interpreter
  private let consumers: [LoadedConsumer]
  private let fields: EventFields
  private let logID: (UInt64, UInt64)
  private let hash: StableHash
  /// Keys of the last `keys`.
  private var keyBytes = ByteWriter(capacity: 256)

  package var isDead: Bool { interpreter.state.isDead }

  init(_ loaded: LoadedScripts, hash: StableHash, logID: (UInt64, UInt64), circle: TypeCircle) throws {
    interpreter = loaded.interpreter
    consumers = loaded.consumers
    self.hash = hash
    self.logID = logID
    fields = try EventFields(interpreter.state, interpreter.call, logName: interpreter.logName)
    interpreter.call.circle = { circle.text(from: $0, emitting: $1) }
  }

  /// Calls a handler for one unit. Its effects are appended to `effects`; when it fails, `effects` is as before.
  ///
  /// - recorded: the event's commit time, µs. - now: the time of the turn that handed the unit out, µs.
  package func call(
    consumer: Int, handler: Int, event: EntryView, position: Position, recorded: Int64, now: Int64,
    key: UnsafeRawBufferPointer, readerNumber: UInt32, into effects: EntryBatch
  ) -> CallOutcome {
    let call = interpreter.call
    call.begin(event, position, recorded: recorded, now: now, into: effects)
    fields.set(event, position, recorded: recorded, key: key, in: interpreter.state)
    seed(position, key, readerNumber)
    let function = consumers[consumer].handlers[handler]
    let outcome = interpreter.state.call(function, .record(fields.shape))
    call.end()
    if case .returned(0) = outcome { return .done(log: call.lines) }
    effects.truncate(to: call.mark)
    return failure(outcome, call.lines, in: consumers[consumer].declaration.handlers[handler], consumer)
  }

  private func failure(
    _ outcome: LuaOutcome, _ lines: [LogLine], in handler: HandlerDeclaration, _ consumer: Int
  ) -> CallOutcome {
    switch outcome {
    case .returned:
      let place = "\(consumers[consumer].declaration.file):\(handler.line)"
      return .failed(
        HandlerFailure(
          kind: .error, message: "\(place): a handler returns nothing: effects are calls, such as emit", traceback: "",
          log: lines))
    case .host(let error): return .hostFault(error.message)
    default: return .failed(Self.failure(outcome, lines))
    }
  }

  private static func failure(_ outcome: LuaOutcome, _ lines: [LogLine]) -> HandlerFailure {
    func failure(_ kind: HandlerFailure.Kind, _ error: LuaError) -> HandlerFailure {
      HandlerFailure(kind: kind, message: error.message, traceback: error.traceback, log: lines)
    }
    switch outcome {
    case .aborted(let abort):
      return HandlerFailure(
        kind: abort.kind == Interpreter.Abort.fail ? .fail : .limit, message: abort.position + abort.message,
        traceback: "", log: lines)
    case .time(let error): return failure(.time, error)
    case .memory(let error): return failure(.memory, error)
    case .failed(let error), .host(let error): return failure(.error, error)
    case .returned: preconditionFailure("a call that returned has not failed")
    }
  }

  /// What `random` and `uuid` give follows from the log, the unit and the reader, and from nothing else.
  private func seed(_ position: Position, _ key: UnsafeRawBufferPointer, _ readerNumber: UInt32) {
    let mixed = hash(key) &+ position.rawValue &* 0x9E37_79B9_7F4A_7C15
    interpreter.state.seed(logID.0 ^ mixed, logID.1 ^ (UInt64(readerNumber) << 32 | position.rawValue & 0xFFFF_FFFF))
  }

  /// Computes the keys of an event for a consumer whose key is not the default.
  package func keys(consumer: Int, event: EntryView, position: Position, recorded: Int64) -> KeysOutcome {
    keyBytes.truncate(to: 0)
    guard let function = consumers[consumer].keyFunction(for: event.type) else {
      keyBytes.append(event.subject)
      return .keys(KeyList(bytes: keyBytes.bytes, ends: [event.subject.count]))
    }
    let call = interpreter.call
    call.event = event
    call.position = position.rawValue
    call.recorded = recorded
    fields.set(event, position, recorded: recorded, key: event.subject, in: interpreter.state)
    var ends: [Int] = []
    var problem: String?
    let outcome = interpreter.state.call(function, [.record(fields.shape)]) { results in
      if results.count > 1 {
        problem = "a key is one value: for several keys return a list, { \"a\", \"b\" }"
      } else if results.count == 1 {
        problem = add(results[0], &ends)
      }
    }
    call.end()
    switch outcome {
    case .returned: break
    case .host(let error): return .hostFault(error.message)
    default: return .failed(Self.failure(outcome, []))
    }
    if let problem { return .failed(HandlerFailure(kind: .error, message: place(consumer) + problem, traceback: "", log: [])) }
    return .keys(KeyList(bytes: keyBytes.bytes, ends: ends))
  }

  private func place(_ consumer: Int) -> String {
    let declaration = consumers[consumer].declaration
    return "\(declaration.file):\(declaration.line): key of \"\(declaration.name)\": "
  }

  /// Adds what a key rule gave: nothing, one key, or a list of keys. Returns what is wrong with it.
  private func add(_ value: LuaSlot, _ ends: inout [Int]) -> String? {
    switch value.kind {
    case .none, .null: return nil
    case .table:
      guard value.length <= KeyList.maximumCount else { return "an event has at most \(KeyList.maximumCount) keys" }
      var entries = 0
      _ = value.forEach { _, _ in
        entries += 1
        return true
      }
      guard entries == value.length else { return "it gave a table that is no list of keys" }
      for element in 1..<(value.length + 1) {
        if let problem = value.withElement(element, { addOne($0, &ends) }) { return problem }
      }
      return nil
    default: return addOne(value, &ends)
    }
  }

  private func addOne(_ value: LuaSlot, _ ends: inout [Int]) -> String? {
    let start = keyBytes.count
    if let text = value.string {
      guard NameRule.subject.allows(text), String(validating: text, as: UTF8.self) != nil else {
        return "a key is UTF-8 text without control characters, at most \(NameRule.maximumSubjectBytes) bytes"
      }
      keyBytes.append(text)
    } else if let number = value.integer {
      keyBytes.append(String(number))
    } else {
      return "it gave a \(value.kind.name); text, a whole number, a list of them or nil is wanted"
    }
    let added = UnsafeRawBufferPointer(rebasing: keyBytes.bytes[start...])
    let list = KeyList(bytes: keyBytes.bytes, ends: ends)
    if list.contains(where: { $0.equals(added) }) { keyBytes.truncate(to: start) } else { ends.append(keyBytes.count) }
    return nil
  }
}
