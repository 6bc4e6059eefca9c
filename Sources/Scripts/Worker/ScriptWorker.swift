package import Events
internal import LuaRuntime

/// Calls the handlers of one generation, in a Lua state of its own. One thread at a time; after a call that ran into its
/// time or memory it is dead and must be replaced.
package final class ScriptWorker {
  let interpreter: Interpreter
  let consumers: [LoadedConsumer]
  let projections: [LoadedProjection]
  let sources: [LoadedSource]
  /// The prelude's function that calls a source's.
  let receiving: LuaRef
  /// Checks what sources return as strictly as what comes to the door.
  let decoder = CloudEventDecoder()
  /// The prelude's function that calls a projection's.
  let fold: LuaRef
  /// The prelude's function that calls compensations.
  let undo: LuaRef
  let fields: EventFields
  /// By event type: contracts with older versions.
  let upcasting: [[UInt8]: LoadedContract]
  /// Data of an older event, made like the newest version's.
  var upcastBytes = ByteWriter(capacity: 256)
  /// The handlers of all consumers one after the other, and where each consumer's begin: flat, so that finding one
  /// counts no references.
  private let handlers: [LuaRef]
  private let firstHandler: [Int]
  /// By consumer: what an aggregate's subjects begin with, as Lua gives it back.
  let initialStates: [[UInt8]]
  let logID: (UInt64, UInt64)
  /// What random numbers follow from instead of an event's position, where positions are not what they will be.
  package var chance: ((UInt64) -> UInt64)?
  let hash: StableHash
  /// Keys of the last `keys`.
  var keyBytes = ByteWriter(capacity: 256)
  /// The state that the last call left, as JSON.
  var stateBytes = ByteWriter(capacity: 256)
  /// Why a state could not be encoded.
  var encodingError = ""
  /// What the last call left of its state; nil: the declared one.
  package internal(set) var newState: [UInt8]?

  /// Whether a call hit a limit: throw the worker away and make another.
  package var isDead: Bool { interpreter.state.isDead }
  /// Whether it was the clock and not a count that ended the call: the same call may end well another time.
  package var ranOutOfClock: Bool { interpreter.state.ranOutOfClock }
  /// Who answers `read`; without one it is the host's fault.
  package var past: (any PastReader)? {
    get { interpreter.call.past }
    set { interpreter.call.past = newValue }
  }

  init(_ loaded: LoadedScripts, hash: StableHash, logID: (UInt64, UInt64), circle: TypeCircle) throws {
    interpreter = loaded.interpreter
    consumers = loaded.consumers
    upcasting = Dictionary(
      uniqueKeysWithValues: loaded.contracts.filter { $0.declaration.version > 1 }.map {
        (Array($0.declaration.type.utf8), $0)
      })
    projections = loaded.projections
    let fold = interpreter.state.with(interpreter.prelude) { $0.withField("fold") { $0.hold() } }
    let receive = interpreter.state.with(interpreter.prelude) { $0.withField("receive") { $0.hold() } }
    let undo = interpreter.state.with(interpreter.prelude) { $0.withField("undo") { $0.hold() } }
    guard let fold, let receive, let undo else { throw LuaError(.host, "there is no memory for the prelude") }
    (self.fold, receiving, self.undo) = (fold, receive, undo)
    sources = loaded.sources
    handlers = loaded.consumers.flatMap(\.handlers)
    firstHandler = loaded.consumers.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.handlers.count) }
    self.hash = hash
    self.logID = logID
    initialStates = try loaded.consumers.map { [interpreter] consumer in
      try consumer.declaration.aggregate.map { try interpreter.roundTrip($0.initial) } ?? []
    }
    fields = try EventFields(interpreter.state, interpreter.call, logName: interpreter.logName)
    interpreter.call.contracts = ContractSet(loaded.contracts.map(\.declaration))
    interpreter.call.owners = loaded.owners
    interpreter.call.destinations = loaded.destinations
    let readable = loaded.readable
    interpreter.call.readable = loaded.consumers.map { consumer in
      consumer.declaration.reads.compactMap { name in readable.first { $0.name.utf8.elementsEqual(name.utf8) } }
    }
    interpreter.call.processes = loaded.consumers.map(\.declaration.process)
    interpreter.call.circle = { circle.text(from: $0, emitting: $1) }
  }

  /// Calls a handler for one unit. Its effects are appended to `effects`; when it fails, `effects` is as before.
  ///
  /// - recorded: the event's commit time, µs. - now: the time of the turn that handed the unit out, µs.
  package func call(
    consumer: Int, handler: Int, event: EntryView, position: Position, recorded: Int64, now: Int64,
    key: UnsafeRawBufferPointer, readerNumber: UInt32, state: StateInput? = nil, into effects: EntryBatch
  ) -> CallOutcome {
    if let state, let declared = consumers[consumer].declaration.state {
      return call(
        consumer: consumer, handler: handler, event: event, position: position, recorded: recorded, now: now, key: key,
        readerNumber: readerNumber, state: state, declared: declared, into: effects)
    }
    let upcast = upcast(event, position, recorded: recorded)
    if let ended = upcast.ended { return ended }
    beginHandling(
      event, position, recorded: recorded, now: now, consumer: consumer, key: key, readerNumber: readerNumber,
      into: effects)
    if upcast.isOlder { fields.setData(json: upcastBytes.bytes) }
    var returnsValue = false
    let outcome = interpreter.state.call(function(of: consumer, handler), .record(fields.shape)) { results in
      for index in 0..<results.count where !results[index].isNone { returnsValue = true }
    }
    return end(outcome, returnsValue: returnsValue, consumer: consumer, handler: handler, effects)
  }

  @inline(__always)
  func beginHandling(
    _ event: EntryView, _ position: Position, recorded: Int64, now: Int64, consumer: Int, key: UnsafeRawBufferPointer,
    readerNumber: UInt32, into effects: EntryBatch, phase: Interpreter.Phase = .handling
  ) {
    interpreter.call.beginHandling(
      event, position, recorded: recorded, now: now, consumer: consumer, key: key, readerNumber: readerNumber,
      into: effects, phase: phase)
    fields.set(event, position, recorded: recorded, key: key)
    seed(position, key, readerNumber)
  }

  @inline(__always)
  func function(of consumer: Int, _ handler: Int) -> LuaRef { handlers[firstHandler[consumer] + handler] }

  @inline(__always)
  func end(
    _ outcome: LuaOutcome, returnsValue: Bool, consumer: Int, handler: Int, _ effects: EntryBatch
  ) -> CallOutcome {
    let call = interpreter.call
    call.end()
    if case .returned = outcome, !returnsValue { return .done(log: call.lines) }
    call.rollBack(effects)
    if case .host(let error) = outcome { return .hostFault(error.message) }
    if case .aborted(let abort) = outcome, abort.kind == Interpreter.Abort.unreadable {
      return .hostFault(abort.position + abort.message)
    }
    let declaration = consumers[consumer].declaration
    return .failed(
      failure(outcome)
        ?? HandlerFailure(
          kind: .error,
          message: "\(declaration.file):\(declaration.handlers[handler].line): a handler returns nothing: effects are "
            + "calls, such as emit(…)", traceback: "", log: call.lines))
  }

  /// What `random` and `uuid` give follows from the log, the unit and the reader, and from nothing else.
  func seed(_ position: Position, _ key: UnsafeRawBufferPointer, _ readerNumber: UInt32) {
    interpreter.state.seed(
      logID.0 ^ hash(key) ^ UInt64(readerNumber) &* 0x9E37_79B9_7F4A_7C15,
      logID.1 ^ (chance?(position.rawValue) ?? position.rawValue))
  }

  /// Nil when the call returned.
  func failure(_ outcome: LuaOutcome) -> HandlerFailure? {
    let lines = interpreter.call.lines
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
    case .returned: return nil
    }
  }
}
