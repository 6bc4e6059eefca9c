package import Events
internal import LuaRuntime

/// Instances of processes, step by step: from one wait of the script to the next.
///
/// A step depends on the generation, on the steps before it and on its input and context, and on nothing else: a history
/// that is repeated makes the same effects, the same random numbers and the same waits.
extension ScriptWorker {
  /// Bytes that scripts and the runs that are kept hold here. They share one limit (64 MiB): whoever keeps runs lets go of
  /// some when it is a quarter of that.
  package var memory: Int { interpreter.state.memory }

  /// An instance of a process before its first step.
  package func makeRun(consumer: Int) -> ProcessRun { ProcessRun(interpreter, consumer: consumer) }

  /// Lets an instance go on until it waits or ends. What it does is appended to `effects`; when it fails, `effects` is as
  /// before. To repeat a history, call it with the same inputs and contexts and a batch that is thrown away.
  package func step(
    _ run: ProcessRun, _ input: ProcessInput, _ context: StepContext, into effects: EntryBatch
  ) -> StepOutcome {
    precondition(run.interpreter === interpreter, "a run goes on in the worker that has made it")
    if let problem = run.problem(with: input) { return .hostFault(problem) }
    switch input {
    case .cancel:
      run.close()
      return .waits(.ended(.cancelled), log: [], compensations: [])
    case .abort(let reason) where !run.isRollingBack && run.rollback == nil:
      run.noteRollback(ProcessRun.Rollback(reason: reason))
      switch run.wait {
      case .events?, .sleep?:
        interpreter.call.beginStep(run, context, into: effects)
        seed(context)
        return rollBack(run, context, effects)
      default: break
      }
    case .start, .event, .accepted, .rejected, .answered, .timeout, .abort: break
    }
    if case .abort = input { return .waits(run.wait!, log: [], compensations: run.lines) }
    return resume(run, input, context, effects)
  }

  private func resume(
    _ run: ProcessRun, _ input: ProcessInput, _ context: StepContext, _ effects: EntryBatch
  ) -> StepOutcome {
    var values: [LuaArgument] = []
    var held: [LuaRef] = []
    defer { for value in held { interpreter.state.release(value) } }
    do throws(Trouble) {
      guard let given = try self.values(of: input, run, context, &held) else {
        return .waits(run.wait!, log: [], compensations: run.lines)
      }
      values = given
      if case .start = input { try begin(run) }
    } catch {
      run.close()
      switch error {
      case .failed(let failure): return .failed(failure)
      case .host(let message): return .hostFault(message)
      }
    }
    interpreter.call.beginStep(run, context, into: effects)
    seed(context)
    return goOn(run, values, context, effects)
  }

  private func begin(_ run: ProcessRun) throws(Trouble) {
    guard let function = consumers[run.consumer].run else { preconditionFailure("a step of what is no process") }
    do throws(LuaError) {
      try run.begin(function)
    } catch {
      throw .host(error.message)
    }
  }

  private func goOn(
    _ run: ProcessRun, _ values: [LuaArgument], _ context: StepContext, _ effects: EntryBatch
  ) -> StepOutcome {
    guard let coroutine = run.coroutine else { return .hostFault("an instance without a coroutine") }
    run.beginStep()
    var returnsValue = false
    let progress = interpreter.state.resume(coroutine, values) { results in
      for index in 0..<results.count where !results[index].isNone { returnsValue = true }
    }
    switch progress {
    case .waits:
      guard let wait = run.wait else { return fault("it was put down and waits for nothing", run, effects) }
      return settle(wait, run)
    case .ended(.returned):
      if run.isRollingBack { return endRollback(run, effects) }
      if !returnsValue { return settle(.ended(.done), run) }
      let declaration = consumers[run.consumer].declaration
      let failure = HandlerFailure(
        kind: .error,
        message:
          "\(declaration.file):\(declaration.process?.line ?? declaration.line): run returns nothing: effects are "
          + "calls, such as emit(…)", traceback: "", log: interpreter.call.lines)
      return give(up: run, effects, .failed(failure))
    case .ended(.aborted(let abort)) where abort.kind == Interpreter.Abort.rollback:
      return rollBack(run, context, effects)
    case .ended(.aborted(let abort)) where abort.kind == Interpreter.Abort.restart:
      return settle(.ended(.restarted(run.restartData ?? [])), run)
    case .ended(.aborted(let abort)) where abort.kind == Interpreter.Abort.unreadable:
      return fault(abort.position + abort.message, run, effects)
    case .ended(.host(let error)): return fault(error.message, run, effects)
    case .ended(let outcome):
      return give(
        up: run, effects,
        failure(outcome).map { .failed($0) } ?? .hostFault("a step that ended in no way that is known"))
    }
  }

  // MARK: the end of a step

  private func settle(_ wait: ProcessWait, _ run: ProcessRun) -> StepOutcome {
    let call = interpreter.call
    call.end()
    var lines = run.lines
    if case .ended = wait {
      run.close()
      lines = []
    }
    return .waits(wait, log: call.lines, compensations: lines)
  }

  private func give(up run: ProcessRun, _ effects: EntryBatch, _ outcome: StepOutcome) -> StepOutcome {
    interpreter.call.end()
    interpreter.call.rollBack(effects)
    run.close()
    return outcome
  }

  private func fault(_ message: String, _ run: ProcessRun, _ effects: EntryBatch) -> StepOutcome {
    give(up: run, effects, .hostFault(message))
  }

  // MARK: rolling back

  /// The call of the script is given up where it stands, through every `pcall`, and its compensations run in a coroutine of
  /// their own: so nothing of what called `rollback` can catch what they do.
  private func rollBack(_ run: ProcessRun, _ context: StepContext, _ effects: EntryBatch) -> StepOutcome {
    do throws(LuaError) {
      try run.beginRollback(undo)
    } catch {
      return fault(error.message, run, effects)
    }
    return goOn(run, [], context, effects)
  }

  private func endRollback(_ run: ProcessRun, _ effects: EntryBatch) -> StepOutcome {
    guard let rollback = run.rollback else { return fault("a rollback without a reason", run, effects) }
    if let event = rollback.event, let message = interpreter.call.emit(event) {
      return give(
        up: run, effects,
        .failed(HandlerFailure(kind: .limit, message: message, traceback: "", log: interpreter.call.lines)))
    }
    return settle(.ended(.rolledBack(reason: rollback.reason)), run)
  }

  // MARK: what the script gets

  private enum Trouble: Error {
    case failed(HandlerFailure)
    case host(String)
  }

  /// What the wait returns; nil: the wait goes on. What is made for it is added to `held`.
  private func values(
    of input: ProcessInput, _ run: ProcessRun, _ context: StepContext, _ held: inout [LuaRef]
  ) throws(Trouble) -> [LuaArgument]? {
    switch input {
    case .start(let event, let position):
      return [.ref(try value(of: event, position, context.recorded, context.key, &held))]
    case .event(let event, let position):
      let value = try value(of: event, position, context.recorded, context.key, &held)
      do throws(LuaError) {
        guard let all = try run.gather(value, ofType: event.type.text) else {
          held.removeLast()
          return nil
        }
        held[held.count - 1] = all
        return [.ref(all)]
      } catch {
        held.removeLast()
        throw .host(error.message)
      }
    case .accepted(let events): return [.ref(try list(of: events, context.key, &held))]
    case .rejected(let reason): return try nothing(reason, &held)
    case .timeout:
      if case .sleep? = run.wait { return [.boolean(true)] }
      return try nothing("timeout", &held)
    case .answered(let event):
      let reply = try hold(json: event.data, &held)
      let error = interpreter.state.with(reply) { reply in
        reply.withField("status") { $0.isNone } ? reply.withField("error") { $0.shown } : nil
      }
      if let error { return try nothing(error, &held) }
      return [.ref(reply)]
    case .abort, .cancel: return nil
    }
  }

  /// `nil, reason`
  private func nothing(_ reason: String, _ held: inout [LuaRef]) throws(Trouble) -> [LuaArgument] {
    var writer = ByteWriter(capacity: reason.utf8.count + 16)
    writer.appendJSON(string: reason)
    return [.none, .ref(try hold(json: writer.bytes, &held))]
  }

  private func hold(json: UnsafeRawBufferPointer, _ held: inout [LuaRef]) throws(Trouble) -> LuaRef {
    do throws(LuaError) {
      let value = try interpreter.state.hold(.json(json))
      held.append(value)
      return value
    } catch {
      throw .host(error.message)
    }
  }

  /// An event as a table of its own: unlike what a handler is given, it outlives the step.
  private func value(
    of event: EntryView, _ position: Position, _ recorded: Int64, _ key: UnsafeRawBufferPointer,
    _ held: inout [LuaRef]
  ) throws(Trouble) -> LuaRef {
    var writer = ByteWriter(capacity: 512 + event.data.count)
    try write(event, position, recorded, key, into: &writer)
    let value = try hold(json: writer.bytes, &held)
    guard event.dataEncoding == .binary else { return value }
    do throws(LuaError) {
      try interpreter.state.set(value, "data", .string(event.data))
    } catch {
      throw .host(error.message)
    }
    return value
  }

  private func list(
    of events: [(EntryView, Position, Int64)], _ key: UnsafeRawBufferPointer, _ held: inout [LuaRef]
  ) throws(Trouble) -> LuaRef {
    var writer = ByteWriter(capacity: 512)
    writer.append(UInt8(ascii: "["))
    for (event, position, recorded) in events {
      if writer.count > 1 { writer.append(UInt8(ascii: ",")) }
      try write(event, position, recorded, key, into: &writer)
    }
    writer.append(UInt8(ascii: "]"))
    return try hold(json: writer.bytes, &held)
  }

  private func write(
    _ event: EntryView, _ position: Position, _ recorded: Int64, _ key: UnsafeRawBufferPointer,
    into writer: inout ByteWriter
  ) throws(Trouble) {
    let upcast = upcast(event, position, recorded: recorded)
    switch upcast.ended {
    case nil, .done?: break
    case .failed(let failure)?: throw .failed(failure)
    case .hostFault(let message)?: throw .host(message)
    }
    // Bytes of another content type may be no text: whoever makes the value adds them.
    let nothing: StaticString = "null"
    EventFields.writeJSON(
      of: HeardEvent(event, position, recorded: recorded), key: key, logName: interpreter.logName,
      data: event.dataEncoding == .binary ? nothing.bytes : upcast.isOlder ? upcastBytes.bytes : nil, into: &writer)
  }

  /// What `random` and `uuid` give follows from the log, the instance and the step, and from nothing else.
  private func seed(_ context: StepContext) {
    let start = context.startPosition.rawValue
    interpreter.state.seed(
      logID.0 ^ hash(context.key) ^ UInt64(context.readerNumber) &* 0x9E37_79B9_7F4A_7C15,
      logID.1 ^ (chance?(start) ?? start) ^ (UInt64(context.step) + 1) &* 0xD1B5_4A32_D192_ED03)
  }
}
