import DequeModule
package import Events
package import LogStorage
package import Platform
package import Scripts
import Synchronization

/// The engine with its threads: one takes turns, one reads the log, some run Lua; the journal has its own for syncing.
///
/// `@unchecked Sendable`: `core` belongs to the engine thread, from `start` until that thread has ended.
package final class RunningEngine: EventHost, @unchecked Sendable {
  /// Requests beyond this many bytes in flight are answered "overloaded".
  static let mostPendingBytes = 64 << 20

  /// The wall clock is looked at so often, µs: it may be set, and the machine may sleep, while what is due waits for it.
  private static let longestWait: Int64 = 20_000_000

  package let hash: StableHash
  package let logName: String
  package let maximumGroupBytes: Int
  package let reader: LogReader
  package let identity: LogIdentity

  private let clock: any HostClock
  private let journal: any Journal
  private let observer: any EngineObserver
  private let inbox = Inbox<EngineInput>()
  private let signal: DurableSignal
  private let pendingBytes = Atomic<Int>(0)
  private let outOfSpace = Atomic<Bool>(false)
  private let logThread: LogThread
  private let deliverer: (any Deliverer)?
  private let running = Mutex<RunningGeneration?>(nil)
  private let reloader = Mutex<(@Sendable () async -> ReloadOutcome)?>(nil)
  private var core: EngineCore!
  private var workers: WorkerPool!
  private let stopGrace: Int64
  private let threads = Mutex<[NamedThread]>([])
  /// How the engine thread ended, once it has, and who waits for it.
  private let ended = Mutex<(result: Result<Void, JournalError>?, waiting: CheckedContinuation<Void, Never>?)>(
    (nil, nil))

  package convenience init(
    settings: EngineSettings, start: EngineStart, journal: any Journal, identities: IdentityIndex,
    framer: consuming CommitFramer, reader: LogReader, clock: any HostClock, observer: any EngineObserver,
    snapshots: SubjectSnapshots? = nil, deliverer: (any Deliverer)? = nil, metrics: EngineMetrics? = nil
  ) {
    let identity = start.identity
    let store = ReadStore()
    self.init(
      settings: settings, start: start, journal: journal, identities: identities, framer: framer, reader: reader,
      clock: clock, observer: observer, snapshots: snapshots, deliverer: deliverer, metrics: metrics
    ) { mark in
      var runner = ShardRunner(
        log: reader, clock: clock, hash: identity.hash, identity: identity, mark: mark, snapshots: snapshots,
        store: store)
      return { batch, shard in runner.run(batch, shard) }
    }
  }

  /// `makeRunner`: what the workers do with a shard; see `WorkerPool`.
  init(
    settings: EngineSettings, start: EngineStart, journal: any Journal, identities: IdentityIndex,
    framer: consuming CommitFramer, reader: LogReader, clock: any HostClock, observer: any EngineObserver,
    snapshots: SubjectSnapshots? = nil, deliverer: (any Deliverer)? = nil, metrics: EngineMetrics? = nil,
    makeRunner: @escaping @Sendable (CallMark) -> WorkerPool.Runner
  ) {
    identity = start.identity
    hash = start.identity.hash
    logName = start.identity.name
    maximumGroupBytes = start.identity.limits.maxGroupBytes
    self.reader = reader
    self.clock = clock
    self.journal = journal
    self.observer = observer
    signal = DurableSignal(position: start.control.position)
    self.deliverer = deliverer
    logThread = LogThread(
      log: reader, snapshots: snapshots, clock: clock, recentBytes: settings.tailBytes
    ) { [inbox] in inbox.put($0) }
    stopGrace = settings.stopGrace
    core = EngineCore(
      settings: settings, opened: start, journal: journal, identities: identities, framer: framer, hands: self)
    core.metrics = metrics
    workers = WorkerPool(
      WorkerTable.Settings(workers: settings.workers, stuckAfter: settings.stuckAfter * 1000), clock: clock,
      makeRunner: makeRunner
    ) { [inbox] report in
      switch report {
      case .finished(let batch): inbox.put(.batchDone(batch))
      case .lost(let batch, let unit, let seconds): inbox.put(.workerLost(batch, unit: unit, seconds: seconds))
      case .back(let batch, let unit): inbox.put(.workerBack(batch, unit: unit))
      case .warning(let message): inbox.put(.warning(message))
      }
    }
  }

  /// Starts the threads. Call once.
  package func start() {
    journal.start { [inbox, signal, answers = core.answers] report in
      switch report {
      // In the inbox before anybody is answered: who was and asks the engine at once finds it durable.
      case .durable(let point):
        inbox.put(.durable(commit: point.commit, position: point.position.rawValue)) {
          answers.becameDurable(through: point.commit)
          signal.advance(to: point.position.rawValue)
        }
      case .ended(let error): inbox.put(.journalEnded(error))
      }
    }
    let started = [logThread.start(), NamedThread.start(name: "engine") { self.loop() }]
    threads.withLock { $0 = started }
  }

  private func loop() {
    var inputs: [EngineInput] = []
    var generation: UInt32?
    while true {
      _ = inbox.waitAndTakeAll(into: &inputs, until: deadline())
      do {
        try core.turn(
          inputs, wall: clock.wallMicroseconds(), monotonic: Int64(clock.monotonicNanoseconds()))
      } catch {
        observer.journalEnded(error)
        return didEnd(.failure(error))
      }
      inputs.removeAll(keepingCapacity: true)
      if let current = core.generation, current.number != generation {
        generation = current.number
        running.withLock { $0 = current }
      }
      if core.isSyncDue { sync() }
      if core.isStopped { return didEnd(.success(())) }
    }
  }

  /// After a turn: what it has appended is to become durable. With nothing else to do, this thread syncs: on an idle host
  /// two wakes of threads cost as much as half a sync (docs/decisions/0092).
  private func sync() {
    core.isSyncDue = false
    if core.isAtRest, inbox.count == 0, journal.syncHere() { return }
    journal.sync()
  }

  private func didEnd(_ result: Result<Void, JournalError>) {
    signal.end()
    let waiting = ended.withLock { ended in
      ended.result = result
      return ended.waiting
    }
    waiting?.resume()
  }

  /// The core counts in wall time, the inbox waits in monotonic time.
  private func deadline() -> UInt64? {
    guard let due = core.nextDue else { return nil }
    // Both are the turn's own time: the wall clock may have jumped, and is not always followed.
    let wait = max(0, due - core.now)
    return clock.monotonicNanoseconds() + UInt64(min(wait, Self.longestWait)) * 1000
  }

  /// Finishes what is accepted, writes the cursors down and ends the engine's threads; all of it is durable then, and the
  /// journal may be closed. Calls that do not come back are waited for `stopGrace`: what they are part of is done after
  /// the next start. Calling it again changes nothing. Returns the control state, for a last snapshot; throws what ended
  /// the journal, if it ended badly.
  package func stop() async throws(JournalError) -> ControlState {
    inbox.put(.stop)
    let patience = Task { [inbox, stopGrace] in
      guard (try? await Task.sleep(for: .microseconds(stopGrace))) != nil else { return }
      inbox.put(.stopWaiting)
    }
    await withCheckedContinuation { continuation in
      let hasEnded = ended.withLock { ended in
        ended.waiting = continuation
        return ended.result != nil
      }
      if hasEnded { continuation.resume() }
    }
    patience.cancel()
    logThread.stop()
    workers.stop(within: stopGrace * 1000)
    let running = threads.withLock { threads in
      defer { threads = [] }
      return threads
    }
    for thread in running { thread.join() }
    try ended.withLock { $0.result }?.get()
    return core.control
  }
}

extension RunningEngine {
  package var isOverloaded: Bool { pendingBytes.load(ordering: .relaxed) > Self.mostPendingBytes }
  package var contracts: ContractSet { running.withLock { $0?.scripts.contracts } ?? ContractSet() }
  /// The scripts that run; nil before the first deploy.
  package var runningGeneration: RunningGeneration? { running.withLock { $0 } }
  package var isOutOfSpace: Bool { outOfSpace.load(ordering: .relaxed) }
  /// Up to where the log is durable, to the commit.
  package var durablePoint: DurablePoint { journal.durable }
  /// What an append was answered with is among it: the journal reports what it is durable to already.
  package var durable: Position { journal.durable.position }

  package func append(
    _ batch: EntryBatch, expecting: Position?, stream: IngressStream?,
    answer: @escaping @Sendable (AppendOutcome) -> Void
  ) {
    guard batch.count > 0 else { return answer(.appended(first: .start, last: .start, count: 0, duplicates: 0)) }
    let bytes = batch.bytes.count
    if pendingBytes.add(bytes, ordering: .relaxed).newValue > Self.mostPendingBytes {
      pendingBytes.subtract(bytes, ordering: .relaxed)
      return answer(.overloaded(retryAfterSeconds: 1))
    }
    let job = AppendJob(batch: batch, expecting: expecting, stream: stream) { [self] outcome in
      pendingBytes.subtract(bytes, ordering: .relaxed)
      answer(outcome)
    }
    inbox.put(.append(job))
  }

  package func send(_ command: EntryBatch, wait: Duration) async -> CommandOutcome {
    let bytes = command.bytes.count
    if pendingBytes.add(bytes, ordering: .relaxed).newValue > Self.mostPendingBytes {
      pendingBytes.subtract(bytes, ordering: .relaxed)
      return .overloaded
    }
    defer { pendingBytes.subtract(bytes, ordering: .relaxed) }
    let patience = Mutex<Task<Void, Never>?>(nil)
    let outcome = await withCheckedContinuation { continuation in
      let job = CommandJob(command) { continuation.resume(returning: $0) }
      inbox.put(.command(job))
      let task = Task { [inbox] in
        guard (try? await Task.sleep(for: wait)) != nil else { return }
        inbox.put(.commandWaited(job))
      }
      patience.withLock { $0 = task }
    }
    patience.withLock { $0 }?.cancel()
    return outcome
  }

  package func waitForDurable(after position: Position) async throws -> Position {
    Position(try await signal.wait(after: position.rawValue))
  }

  /// Tells `listener` of every advance of `durable`, on the thread that has synced: it must be quick. It is told no more after
  /// `nil`, but for one call that may be under way.
  package func setDurableListener(_ listener: (@Sendable (Position) -> Void)?) {
    guard let listener else { return signal.setListener(nil) }
    signal.setListener { listener(Position($0)) }
  }

  package func status() async -> HostStatus {
    var status = await withCheckedContinuation { continuation in
      inbox.put(.status { continuation.resume(returning: $0) })
    }
    status.name(workers.stuckCalls)
    return status
  }

  package func act(_ verb: ReaderVerb, on name: String, in scope: ReaderScope, by: String) async -> ReaderOutcome {
    await withCheckedContinuation { continuation in
      inbox.put(
        .operate(
          OperatorJob(
            .reader(verb, name: name, complete: { continuation.resume(returning: $0) }), in: scope, by: by)))
    }
  }

  package func resolve(
    _ verb: LetterVerb, _ selection: LetterSelection, in scope: ReaderScope, by: String
  ) async -> LetterOutcome {
    await withCheckedContinuation { continuation in
      inbox.put(
        .operate(
          OperatorJob(
            .letters(verb, selection, complete: { continuation.resume(returning: $0) }), in: scope, by: by)))
    }
  }

  package func letters(_ query: LetterQuery) async -> LetterPage? {
    await withCheckedContinuation { continuation in
      inbox.put(.letters(query) { continuation.resume(returning: $0) })
    }
  }

  package func processes(_ query: ProcessQuery) async -> ProcessPlaces? {
    await withCheckedContinuation { continuation in
      inbox.put(.processes(ProcessSearch(query) { continuation.resume(returning: $0) }))
    }
  }

  package func process(key: String, of name: String) async -> [ProcessKey]? {
    await withCheckedContinuation { continuation in
      inbox.put(.process(key: key, name: name) { continuation.resume(returning: $0) })
    }
  }

  package func timers(_ query: TimerQuery) async -> [TimerPlace] {
    await withCheckedContinuation { continuation in
      inbox.put(.timers(query) { continuation.resume(returning: $0) })
    }
  }

  /// Makes `scripts` the running generation.
  package func deploy(
    _ scripts: Generation, starts: [String: UInt64] = [:], passed: [String: UInt64] = [:]
  ) async -> ReloadOutcome {
    let (outcome, forgotten) = await withCheckedContinuation { continuation in
      let job = DeployJob(scripts: scripts, starts: starts, passed: passed) { [self] outcome, forgotten in
        // On the engine thread: whoever is answered finds what runs now.
        running.withLock { $0 = core.generation }
        continuation.resume(returning: (outcome, forgotten))
      }
      inbox.put(.deploy(job))
    }
    return outcome.warning(of: forgotten.map { $0.warning(from: reader) })
  }

  /// Notes that the handlers folder does not load, for `status`.
  package func noteLoadErrors(_ errors: [String]) { inbox.put(.loadRefused(errors)) }

  /// Who loads the handlers folder when somebody asks for it.
  package func setReloader(_ reload: @escaping @Sendable () async -> ReloadOutcome) {
    reloader.withLock { $0 = reload }
  }

  package func reload() async -> ReloadOutcome {
    guard let reload = reloader.withLock({ $0 }) else {
      return .refused(errors: ["this host has no handlers folder"])
    }
    return await reload()
  }
}

extension RunningEngine: EngineHands {
  package func run(_ batch: Batch) { workers.run(batch) }
  package func fetch(_ request: FetchRequest) { logThread.fetch(request) }
  package func lookUp(_ request: LookupRequest) { logThread.lookUp(request) }
  package func read(_ request: LetterRequest) { logThread.read(request) }
  package func read(_ request: TimerRequest) { logThread.read(request) }
  package func keep(_ state: KeptSubject) { logThread.keep(state) }
  package func deliver(_ order: DeliveryOrder) {
    guard let chunk = order.chunk else { return logThread.readMessage(of: order) { self.carry(order, $0) } }
    carry(order, chunk)
  }

  private func carry(_ order: DeliveryOrder, _ chunk: LogChunk) {
    let answer: @Sendable (DeliveryOutcome) -> Void = { [inbox] in inbox.put(.delivered(order.report($0, chunk))) }
    guard let deliverer else { return answer(.failed(DeliveryFailure(.unavailable, "this host delivers nothing"))) }
    deliverer.deliver(order.attempt(with: chunk), answer: answer)
  }

  package func log(_ lines: [LogLine], consumer: String, position: Position) {
    observer.log(lines, consumer: consumer, position: position)
  }
  package func failed(_ unit: ProgressRecord.FailedUnit, consumer: String) { observer.failed(unit, consumer: consumer) }
  package func diskIsFull(_ isFull: Bool) { outOfSpace.store(isFull, ordering: .relaxed) }
  package func warn(_ message: String) { observer.warn(message) }
}

/// What the engine tells the daemon. Called on the engine thread: be quick.
package protocol EngineObserver: AnyObject, Sendable {
  func log(_ lines: [LogLine], consumer: String, position: Position)
  func failed(_ unit: ProgressRecord.FailedUnit, consumer: String)
  func warn(_ message: String)
  /// The log cannot go on: the process must end.
  func journalEnded(_ error: JournalError)
}
