internal import Events
internal import LuaRuntime

/// An instance of a process in the memory of a worker: a coroutine of its script that waits.
///
/// It has no place in the log: whoever has lost it makes another with `ScriptWorker.makeRun` and repeats the steps. It belongs
/// to the worker that made it and to that worker's thread, also where it is let go of, and it counts against the memory of
/// that worker's scripts (`ScriptWorker.memory`). When the worker is dead it is of no use.
package final class ProcessRun {
  let interpreter: Interpreter
  /// The index of its process.
  let consumer: Int
  /// What goes on: `run`, or the compensations. Nil before the first step, and when all is over.
  private(set) var coroutine: LuaCoroutine?
  /// What it waits for; nil when it has not begun, and while a step is under way.
  private(set) var wait: ProcessWait?
  /// The last made is the last.
  private var compensations: [(function: LuaRef, line: UInt32)] = []
  /// The one that runs.
  private var current: LuaRef?
  /// Why it rolls back or is to, and what it says when it has.
  private(set) var rollback: Rollback?
  package private(set) var isRollingBack = false
  /// What `restart` gave.
  var restartData: [UInt8]?
  /// Of `await { all = … }`: what has come so far.
  private var gathered: [(type: String, event: LuaRef)] = []
  private(set) var isOver = false

  /// How an instance is taken back.
  struct Rollback {
    let reason: String
    /// The event that tells of it.
    var event: (type: String, json: [UInt8], contractVersion: UInt16)?
  }

  init(_ interpreter: Interpreter, consumer: Int) {
    self.interpreter = interpreter
    self.consumer = consumer
  }

  deinit { close() }

  /// Lets go of everything that the script had.
  func close() {
    isOver = true
    wait = nil
    closeCoroutine()
    for reference in compensations.map(\.function) + gathered.map(\.event) + [current].compactMap({ $0 }) {
      interpreter.state.release(reference)
    }
    (compensations, gathered, current) = ([], [], nil)
  }

  private func closeCoroutine() {
    if let coroutine { interpreter.state.close(coroutine) }
    coroutine = nil
  }

  func begin(_ function: LuaRef) throws(LuaError) { coroutine = try interpreter.state.makeCoroutine(function) }

  // MARK: waiting

  func waits(for wait: ProcessWait) { self.wait = wait }

  /// Nil: it can be resumed with this. Otherwise what is wrong with that.
  func problem(with input: ProcessInput) -> String? {
    if isOver { return "a step of an instance that is over" }
    switch (input, wait) {
    case (.start, nil) where coroutine == nil: return nil
    case (_, nil): return "the first step of an instance is its start"
    case (.event(let event, _), .events(let types, _, _)?)
    where types.contains(where: { $0.utf8.elementsEqual(event.type) }):
      return nil
    case (.accepted, .outcome?), (.rejected, .outcome?), (.answered, .answer?), (.timeout, .events?),
      (.timeout, .sleep?), (.abort, _?), (.cancel, _?):
      return nil
    default: return "a step of an instance that does not wait for it"
    }
  }

  /// Gives what the script gets for an event: of a wait for several nothing, until the last one is there. The run holds the
  /// event until then.
  func gather(_ event: LuaRef, ofType type: String) throws(LuaError) -> LuaRef? {
    guard case .events(let types, true, let within)? = wait else { return event }
    gathered.append((type, event))
    let left = types.filter { !$0.utf8.elementsEqual(type.utf8) }
    if !left.isEmpty {
      wait = .events(types: left, all: true, within: within)
      return nil
    }
    let table = try interpreter.state.makeTable()
    for (type, event) in gathered {
      try interpreter.state.set(table, type, .ref(event))
      interpreter.state.release(event)
    }
    gathered = []
    return table
  }

  // MARK: taking back

  /// The lines of what a rollback would run, the last first.
  var lines: [UInt32] { compensations.reversed().map(\.line) }

  var compensationCount: Int { compensations.count }

  func add(compensation: LuaRef, line: UInt32) { compensations.append((compensation, line)) }

  /// The last compensation, which is none from now on. It is held until the next is taken.
  func takeCompensation() -> LuaRef? {
    if let current { interpreter.state.release(current) }
    current = compensations.popLast()?.function
    return current
  }

  /// From the next wait on there is nothing but the rollback.
  func noteRollback(_ rollback: Rollback) { self.rollback = rollback }

  /// What `run` did further is given up: the compensations run, called by `undo`.
  func beginRollback(_ undo: LuaRef) throws(LuaError) {
    isRollingBack = true
    for event in gathered.map(\.event) { interpreter.state.release(event) }
    gathered = []
    closeCoroutine()
    coroutine = try interpreter.state.makeCoroutine(undo)
  }

  func beginStep() { wait = nil }
}
