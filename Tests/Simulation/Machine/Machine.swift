import Engine
import Events
import LogStorage
import Platform
import Scripts
import TestKit

/// One host: the real log, the real engine, and around them files in memory, clocks that move by hand, and workers, syncs
/// and reads that happen when the run says so. A crash ends it; `open` begins the next life on the same files.
final class Machine {
  let files = MemoryFileSystem()
  let clock = ManualClock()
  let disk: Disk
  let workerClock: WorkerClock
  let options: LogOptions
  let settings: EngineSettings
  let bug: Bug?
  private let randomness: SeededRandomness
  var seed: Seed

  private(set) var opened: OpenedLog?
  private(set) var core: EngineCore?
  /// What the fold of the newest snapshot and the log gave when it was opened.
  private(set) var openedWith = ControlState()
  private(set) var hadSnapshot = false
  private var runners: [ShardRunner] = []
  private let arrivals = Arrivals()
  /// For the bug of that name: of all lives.
  private let remembered = ReadStore()

  /// Batches that are out, and those that were given up with their worker and may come back all the same.
  var out: [Assignment] = []
  var ghosts: [Assignment] = []
  /// What the engine wants read, in no order that it may count on.
  var reads: [Read] = []
  /// Calls whose log lines came out in the last turn.
  var told: [(consumer: String, position: UInt64)] = []
  /// Results of voided batches, for the bug of that name.
  var voided: [Batch] = []
  /// By instance of a process: the answer that it had last, for the bug of that name; and what keeps answers in memory.
  var answers: [KeyBytes: String] = [:]
  var answersGiven: [EntryBatch] = []
  private(set) var openings = 0

  /// A batch at the workers.
  struct Assignment {
    var batch: Batch
    /// Not yet run.
    var shards: [Shard]
    /// The unit whose call did not come back in time.
    var lost: Int?
  }

  enum Read {
    case fetch(FetchRequest)
    case lookUp(LookupRequest)
    case letters(LetterRequest)
    case timers(TimerRequest)
  }

  /// What waits for the next turn.
  ///
  /// `@unchecked Sendable`: a run has one thread.
  private final class Arrivals: @unchecked Sendable {
    var inputs: [EngineInput] = []
    var durable: DurablePoint?
    var hasEnded = false
  }

  init(seed number: UInt64, options: LogOptions, settings: EngineSettings, bug: Bug?) {
    seed = Seed(number)
    disk = Disk(Seed(seed.next()))
    workerClock = WorkerClock(clock, Seed(seed.next()))
    randomness = SeededRandomness(seed.next())
    self.options = options
    self.settings = settings
    self.bug = bug
  }

  // MARK: lives

  /// - Throws: `LogError`, or what makes the fold impossible.
  func open() throws {
    disk.ignoredSyncs = bug == .skippedSync ? 12 : nil
    files.inject { [disk] in disk.fate(of: $0) }
    let opened = try LogStore.open(
      folder: "data", fileSystem: files, options: options, clock: clock, randomness: randomness)
    var control = ControlState()
    hadSnapshot = false
    if let snapshot = try opened.snapshots.newest(knownVersion: ControlState.snapshotVersion).snapshot,
      let state = snapshot.payload.withUnsafeBytes({ ControlState(snapshot: $0) })
    {
      control = state
      hadSnapshot = true
    }
    try control.catchUp(with: opened.reader)
    openedWith = control
    self.opened = opened
    openings += 1
    let journal = SimulatedJournal(opened.journal, bug: bug)
    runners = (0..<2).map { _ in
      ShardRunner(
        log: opened.reader, clock: workerClock, hash: opened.hash, identity: opened.identity,
        store: bug == .rememberedReads ? remembered : ReadStore())
    }
    core = EngineCore(
      settings: settings,
      opened: EngineStart(
        identity: opened.identity, control: control, logBytes: opened.reader.byteCount,
        pinned: try control.loadPinned(naming: opened.reader)),
      journal: journal, identities: opened.identities, framer: opened.framer, hands: self)
    arrivals.durable = opened.journal.durable
    arrivals.hasEnded = false
    journal.start { [arrivals] report in
      switch report {
      case .durable(let point):
        arrivals.durable = point
        arrivals.inputs.append(.durable(commit: point.commit, position: point.position.rawValue))
      case .ended(let error):
        arrivals.hasEnded = true
        arrivals.inputs.append(.journalEnded(error))
      }
    }
  }

  /// The process is gone, with everything that it had in memory.
  func die() {
    core = nil
    opened = nil
    runners = []
    arrivals.inputs = []
    (out, ghosts, reads, told, voided) = ([], [], [], [], [])
  }

  /// In good order, after the engine has stopped.
  func close() throws(JournalError) {
    defer { die() }
    try opened?.close()
  }

  // MARK: what happens

  var isOpen: Bool { core != nil }
  var hasInputs: Bool { !arrivals.inputs.isEmpty }
  var durable: DurablePoint? { arrivals.durable }
  /// The journal has ended: the next turn must say so.
  var journalHasEnded: Bool { arrivals.hasEnded }

  func put(_ input: EngineInput) { arrivals.inputs.append(input) }

  func turn() throws(JournalError) {
    guard let core else { return }
    told = []
    let inputs = arrivals.inputs
    arrivals.inputs = []
    let haste: Int64 = bug == .hastyClock && seed.oneIn(100) ? 600_000_000 : 0
    try core.turn(inputs, wall: clock.wallMicroseconds() + haste, monotonic: Int64(clock.monotonicNanoseconds()))
  }

  func sync() { opened?.journal.syncOnce() }

  /// Runs one shard of a batch that is out.
  func work(on index: Int) {
    guard let batch = run(&out, index) else { return }
    put(.batchDone(batch))
  }

  /// The same for one that was given up: the engine must not take it.
  func haunt(_ index: Int) {
    let lost = ghosts[index].lost
    guard let batch = run(&ghosts, index) else { return }
    if bug == .voidedResult { voided.append(batch) }
    put(.batchDone(batch))
    if let lost { put(.workerBack(batch, unit: lost)) }
  }

  /// The batch, when all of it was run; then it is no longer on the list.
  private func run(_ list: inout [Assignment], _ index: Int) -> Batch? {
    let batch = list[index].batch
    if !list[index].shards.isEmpty {
      let shard = list[index].shards.remove(at: seed.below(list[index].shards.count))
      let runner = seed.below(runners.count)
      runners[runner].run(batch, shard)
      spoil(shard, of: batch)
    }
    guard list[index].shards.isEmpty else { return nil }
    list.remove(at: index)
    if bug == .staleDecision, let core { batch.aggregate?.asOf = core.control.position }
    return batch
  }

  /// A call of a batch that is out does not come back.
  /// `isCalled`: whether there is a call for the event at a position at all. Of an instance whose time has come the position
  /// is 0.
  func loseWorker(of index: Int, where isCalled: (Batch, UInt64) -> Bool) -> (reader: UInt32, position: UInt64)? {
    var assignment = out[index]
    let batch = assignment.batch
    guard let shard = assignment.shards.first, let unit = shard.units.randomElement(using: &seed),
      isCalled(batch, Self.position(of: batch.units[unit]))
    else { return nil }
    out.remove(at: index)
    assignment.lost = unit
    ghosts.append(assignment)
    put(.workerLost(assignment.batch, unit: unit, seconds: 5))
    return (assignment.batch.reader, Self.position(of: assignment.batch.units[unit]))
  }

  private static func position(of unit: Unit) -> UInt64 { unit.handler < -1 ? 0 : unit.position }

  /// The reader thread does one of the things that it was asked for.
  func read(_ index: Int) {
    guard let opened else { return }
    let work = LogWork(log: opened.reader)
    switch reads.remove(at: index) {
    case .fetch(let request): put(work.fetch(request))
    case .lookUp(let request): put(work.lookUp(request))
    case .letters(let request): put(work.read(request))
    case .timers(let request): put(spoil(work.read(request)))
    }
  }

  /// A snapshot of what is durable, by a fold of its own.
  func takeSnapshot() throws {
    guard let opened else { return }
    let point = opened.journal.durable
    guard point.commit > 0 else { return }
    var control = ControlState()
    try control.catchUp(with: opened.reader, through: point.commit)
    if bug == .wrongSnapshot, let index = control.readers.indices.last { control.readers[index].cursor += 1 }
    var writer = ByteWriter(capacity: 4096)
    control.encode(into: &writer)
    try opened.snapshots.save(point, version: ControlState.snapshotVersion, payload: writer.bytes)
  }

  /// The control state as a fold of the log from nothing.
  func fold() throws -> [UInt8] {
    guard let opened else { return [] }
    let wasWatching = disk.isWatching
    disk.isWatching = true
    defer { disk.isWatching = wasWatching }
    var control = ControlState()
    try control.catchUp(with: opened.reader)
    return control.encoded
  }
}

extension ControlState {
  var encoded: [UInt8] {
    var writer = ByteWriter(capacity: 4096)
    encode(into: &writer)
    return Array(writer.bytes)
  }
}
