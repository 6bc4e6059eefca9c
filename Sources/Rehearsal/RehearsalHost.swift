import Engine
import Events
import LogStorage
import Platform
import Scripts
import VirtualPlatform

/// The real log and engine on one thread, over files in memory and a clock that moves by hand: what `moondance test`
/// plays a test on.
final class RehearsalHost {
  struct Failure: Equatable {
    var consumer: String
    var position: UInt64
    var message: String
  }

  let schedule: Schedule
  let scripts: Generation
  private let files = MemoryFileSystem()
  private let clock: ManualClock
  private var opened: OpenedLog!
  private var core: EngineCore!
  private var runner: ShardRunner!
  private(set) var origins: Origins!
  private var out: [Batch] = []
  private let arrivals = Arrivals()
  /// Calls that have been made once without coming into the log: by reader and position.
  private var called: Set<[UInt64]> = []
  private(set) var failures: [Failure] = []
  /// What far sides answer, by destination: to the first attempt of a message, to the second, and so on.
  var answers: [String: [ScriptTest.Answer]] = [:]

  /// What waits for the next turn.
  ///
  /// `@unchecked Sendable`: a rehearsal has one thread.
  private final class Arrivals: @unchecked Sendable {
    var inputs: [EngineInput] = []
  }

  struct Stuck: Error, CustomStringConvertible {
    var description: String
  }

  init(_ scripts: Generation, _ schedule: Schedule, clock: ManualClock) throws {
    (self.scripts, self.schedule, self.clock) = (scripts, schedule, clock)
    try open()
  }

  var log: LogReader { opened.reader }
  var identity: LogIdentity { opened.identity }
  var hash: StableHash { opened.hash }
  var position: UInt64 { opened.reader.lastPosition.rawValue }

  // MARK: lives

  private func open() throws {
    var options = LogOptions()
    options.ownThreads = false
    options.preparedBytes = 0
    opened = try LogStore.open(
      folder: "data", fileSystem: files, options: options, clock: clock, randomness: SeededRandomness(1))
    var control = ControlState()
    try control.catchUp(with: opened.reader)
    let origins = Origins(log: opened.reader)
    self.origins = origins
    runner = ShardRunner(
      log: opened.reader, clock: clock, hash: opened.hash, identity: opened.identity,
      chance: { origins.chance(of: $0) })
    var settings = EngineSettings()
    settings.workers = 1
    core = EngineCore(
      settings: settings,
      opened: EngineStart(
        identity: opened.identity, control: control, logBytes: opened.reader.byteCount,
        pinned: try control.loadPinned(naming: opened.reader)),
      journal: opened.journal, identities: opened.identities, framer: opened.framer, hands: self)
    opened.journal.start { [arrivals] report in
      switch report {
      case .durable(let point):
        arrivals.inputs.append(.durable(commit: point.commit, position: point.position.rawValue))
      case .ended(let error): arrivals.inputs.append(.journalEnded(error))
      }
    }
    arrivals.inputs.append(
      .deploy(
        DeployJob(scripts: scripts, passed: try control.cursorsPassingUnheard(with: scripts, in: opened.reader)) {
          _, _ in
        }))
  }

  /// The power goes: what is not synced is lost, and the next host begins.
  private func restart() throws {
    (core, runner, opened, out) = (nil, nil, nil, [])
    arrivals.inputs = []
    files.restart(losing: .everything)
    try open()
  }

  // MARK: what happens

  /// Events from outside, those that follow each other in one request, and commands.
  func take(_ arriving: [(fact: ScriptTest.Fact, isCommand: Bool)]) throws {
    var batch = EntryBatch(hash: hash)
    func sendEvents() {
      guard batch.count > 0 else { return }
      arrivals.inputs.append(.append(AppendJob(batch: batch, expecting: nil, stream: nil) { _ in }))
      batch = EntryBatch(hash: hash)
    }
    for (fact, isCommand) in arriving {
      if isCommand {
        sendEvents()
        let command = EntryBatch(hash: hash)
        command.add(fact.type, fact.subject, json: fact.data, kind: .command)
        arrivals.inputs.append(.command(CommandJob(command) { _ in }))
      } else {
        batch.add(fact.type, fact.subject, json: fact.data)
      }
    }
    sendEvents()
    try settle()
  }

  /// Goes on until nothing is left to do now.
  func settle() throws {
    for _ in 0..<100_000 {
      let before = opened.reader.lastCommit
      try turn()
      opened.journal.syncOnce()
      if schedule == .restarts, opened.reader.lastCommit > before {
        try restart()
        continue
      }
      try work()
      if arrivals.inputs.isEmpty, out.isEmpty, core.nextDue.map({ $0 > core.now }) ?? true { return }
    }
    throw Stuck(description: "the scripts do not come to rest: they answer each other without end")
  }

  /// The clock goes on, and what falls due on the way happens at its time.
  func advance(microseconds: Int64) throws {
    let end = clock.wallMicroseconds() + microseconds
    for _ in 0..<100_000 {
      let now = clock.wallMicroseconds()
      guard let due = core.nextDue, due <= end else {
        clock.advance(microseconds: max(0, end - now))
        return try settle()
      }
      clock.advance(microseconds: max(0, due - now))
      try settle()
    }
    throw Stuck(description: "more than 100,000 things fall due in that time")
  }

  var now: Int64 { clock.wallMicroseconds() }

  /// When timers that have not fired are due, by position.
  var pendingTimers: [UInt64: Int64] {
    let all = core.control.timers.page(after: nil, through: .max, limit: 1000)
    return Dictionary(uniqueKeysWithValues: all.map { ($0.position, $0.due) })
  }

  private func turn() throws {
    let inputs = arrivals.inputs
    arrivals.inputs = []
    try core.turn(inputs, wall: clock.wallMicroseconds(), monotonic: Int64(clock.monotonicNanoseconds()))
  }

  private func work() throws {
    let batches = out
    out = []
    for batch in batches {
      for shard in batch.shards { runner.run(batch, shard) }
      if schedule == .twice, !batch.units.allSatisfy({ called.contains([UInt64(batch.reader), $0.position]) }) {
        for unit in batch.units { called.insert([UInt64(batch.reader), unit.position]) }
        return try restart()
      }
      arrivals.inputs.append(.batchDone(batch))
    }
  }
}

extension RehearsalHost: EngineHands {
  func run(_ batch: Batch) { out.append(batch) }
  func fetch(_ request: FetchRequest) { arrivals.inputs.append(LogWork(log: log).fetch(request)) }
  func lookUp(_ request: LookupRequest) { arrivals.inputs.append(LogWork(log: log).lookUp(request)) }
  func read(_ request: LetterRequest) { arrivals.inputs.append(LogWork(log: log).read(request)) }
  func read(_ request: TimerRequest) { arrivals.inputs.append(LogWork(log: log).read(request)) }
  func deliver(_ order: DeliveryOrder) {
    switch LogWork(log: log).readMessage(of: order) {
    case .success(let chunk): arrivals.inputs.append(.delivered(order.report(outcome(of: order, chunk), chunk)))
    case .failure(let failure): arrivals.inputs.append(.delivered(order.report(.failed(failure), nil)))
    }
  }
  /// By the number of the attempt, so that it is the same under every schedule.
  private func outcome(of order: DeliveryOrder, _ chunk: LogChunk) -> DeliveryOutcome {
    let answers = answers[order.name] ?? []
    let isRequest = chunk.entry(Position(order.position)).attributes[.request] != nil
    let usual = ScriptTest.Answer(status: 200)
    let answer = answers.isEmpty ? usual : answers[min(Int(order.attempt), answers.count) - 1]
    guard let status = answer.status else { return .failed(DeliveryFailure(.unavailable, answer.error)) }
    let isAnswer = isRequest ? !([408, 425, 429].contains(status) || status >= 500) : (200...299).contains(status)
    if !isAnswer { return .failed(DeliveryFailure(.refused, "it answers \(status)")) }
    return .delivered(isRequest ? DeliveryReply(status: status, headers: answer.headers, body: answer.body) : nil)
  }
  func log(_ lines: [LogLine], consumer: String, position: Position) {}
  func failed(_ unit: ProgressRecord.FailedUnit, consumer: String) {
    // What becomes of an attempt to deliver is the far side's matter, not a handler's.
    if scripts.consumers.contains(where: { $0.name == consumer && $0.destination != nil }) { return }
    failures.append(Failure(consumer: consumer, position: unit.position, message: unit.message))
  }
  func diskIsFull(_ isFull: Bool) {}
  func warn(_ message: String) {}
}
