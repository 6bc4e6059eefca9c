import Events
import LogStorage
import Platform
import Scripts
import TestKit

@testable import Engine

/// The engine with everything around it on one thread: files in memory, a clock that moves by hand, workers and syncs
/// that run when the test says so.
final class World: EngineHands {
  let fileSystem: MemoryFileSystem
  let clock: ManualClock
  private(set) var opened: OpenedLog
  private(set) var core: EngineCore!
  private var runner: ShardRunner
  private let snapshots: SubjectSnapshots?
  private var options: LogOptions
  private var settings: EngineSettings

  /// What waits for the next turn; filled by hands, journal and the test.
  private let arrived = Arrivals()
  /// Batches that are out.
  private(set) var out: [Batch] = []
  /// While it is set, what the reader thread has found waits here.
  var heldReads: [EngineInput]?
  /// Attempts to deliver that are under way, in the order in which they began.
  var outgoing: [DeliveryOrder] = []
  /// Attempts whose messages were not in memory any more.
  private(set) var messagesReadBack = 0
  /// The most shards that a batch had.
  private(set) var mostShards = 0
  private(set) var logged: [String] = []
  private(set) var warnings: [String] = []
  private(set) var isFull = false
  private(set) var failures: [ProgressRecord.FailedUnit] = []

  /// Inputs put by callbacks that may come from anywhere.
  final class Arrivals: @unchecked Sendable {
    // One thread in these tests.
    var inputs: [EngineInput] = []
  }

  init(
    scripts: [String: String] = [:], fileSystem: MemoryFileSystem = MemoryFileSystem(),
    clock: ManualClock = ManualClock(),
    options: LogOptions = LogOptions(), settings: EngineSettings = EngineSettings(),
    randomness: any Randomness = SystemRandomness(), keepsStates: Bool = false, store: ReadStore = ReadStore()
  ) throws {
    self.fileSystem = fileSystem
    self.clock = clock
    self.options = options
    self.options.ownThreads = false
    self.settings = settings
    opened = try LogStore.open(
      folder: "data", fileSystem: fileSystem, options: self.options, clock: clock, randomness: randomness)
    var control = ControlState()
    try control.catchUp(with: opened.reader)
    snapshots = keepsStates ? SubjectSnapshots(folder: "data/aggregates", fileSystem: fileSystem) : nil
    runner = ShardRunner(
      log: opened.reader, clock: clock, hash: opened.hash, identity: opened.identity,
      snapshots: snapshots, store: store)
    core = EngineCore(
      settings: settings,
      opened: EngineStart(
        identity: opened.identity, control: control, logBytes: 0, pinned: try control.loadPinned(naming: opened.reader)),
      journal: opened.journal, identities: opened.identities, framer: opened.framer, hands: self)
    let arrived = arrived
    opened.journal.start { report in
      switch report {
      case .durable(let point): arrived.inputs.append(.durable(commit: point.commit, position: point.position.rawValue))
      case .ended(let error): arrived.inputs.append(.journalEnded(error))
      }
    }
    if !scripts.isEmpty { try deploy(scripts) }
  }

  // MARK: Steps

  /// One turn with everything that has arrived.
  func turn() throws {
    let inputs = arrived.inputs
    arrived.inputs = []
    try core.turn(
      inputs, wall: clock.wallMicroseconds(), monotonic: Int64(clock.monotonicNanoseconds()))
  }

  /// Lets the workers run everything that is out, the newest batch first when asked.
  func work(reversed: Bool = false) {
    let batches = reversed ? out.reversed() : out
    out = []
    for batch in batches {
      for shard in batch.shards.reversed() { runner.run(batch, shard) }
      arrived.inputs.append(.batchDone(batch))
    }
  }

  /// The worker that runs the first unit of what is out does not come back.
  func loseWorker() {
    put(.workerLost(out.removeFirst(), unit: 0, seconds: 5))
  }

  func sync() { opened.journal.syncOnce() }

  /// Turns, work and syncs until nothing is left to do now.
  func settle() throws {
    for _ in 0..<10_000 {
      try turn()
      work()
      sync()
      if arrived.inputs.isEmpty, out.isEmpty, core.nextDue.map({ $0 > core.now }) ?? true { return }
    }
    struct NeverQuiet: Error {}
    throw NeverQuiet()
  }

  /// Takes out what has arrived, to be put back later.
  func holdInputs() -> [EngineInput] {
    defer { arrived.inputs = [] }
    return arrived.inputs
  }

  func put(_ input: EngineInput) { arrived.inputs.append(input) }

  // MARK: What a test does

  /// Loads and deploys; returns how it ended.
  @discardableResult
  func deploy(_ scripts: [String: String]) throws -> ReloadOutcome? {
    let outcome = try put(scripts)
    try turn()
    sync()
    try turn()
    return outcome.value
  }

  /// Hands scripts in; they are live after a turn.
  func put(_ scripts: [String: String]) throws -> Box<ReloadOutcome> {
    let files = scripts.sorted { $0.key < $1.key }.map { SourceFile(path: $0.key, text: $0.value) }
    let generation = try Generation.load(files).get()
    let outcome = Box<ReloadOutcome>()
    put(
      .deploy(
        DeployJob(scripts: generation) { [self] answer, forgotten in
          outcome.value = answer.warning(of: forgotten.map { $0.warning(from: opened.reader) })
        }))
    return outcome
  }

  func event(
    _ type: String, _ subject: String, _ data: String = "{}", id: String? = nil, source: String = "test",
    time: String? = nil, kind: RecordKind = .event
  ) -> EntryBatch {
    let batch = EntryBatch(hash: opened.hash)
    add(to: batch, type, subject, data, id: id, source: source, time: time, kind: kind)
    return batch
  }

  func add(
    to batch: EntryBatch, _ type: String, _ subject: String, _ data: String = "{}", id: String? = nil,
    source: String = "test", time: String? = nil, kind: RecordKind = .event
  ) {
    func bytes<Result>(_ text: String, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
      Array(text.utf8).withUnsafeBytes(body)
    }
    bytes(type) { type in
      bytes(subject) { subject in
        bytes(data) { data in
          batch.begin(kind: kind, type: type, subject: subject, data: data, encoding: .json)
        }
      }
    }
    if let time { bytes(time) { batch.addAttribute(.time, $0) } }
    guard let id else { return batch.end() }
    bytes(id) { id in
      bytes(source) { source in
        batch.addAttribute(.id, id)
        batch.addAttribute(.source, source)
        batch.end(identityHash: opened.hash.identity(source: source, id: id))
      }
    }
  }

  /// Hands a batch in; the answer is there once it is durable.
  @discardableResult
  func append(_ batch: EntryBatch, expecting: Position? = nil, stream: IngressStream? = nil) -> Box<AppendOutcome> {
    let answer = Box<AppendOutcome>()
    put(.append(AppendJob(batch: batch, expecting: expecting, stream: stream) { answer.value = $0 }))
    return answer
  }

  @discardableResult
  func emit(_ type: String, _ subject: String, _ data: String = "{}", id: String? = nil) -> Box<AppendOutcome> {
    append(event(type, subject, data, id: id))
  }

  /// A verb on a consumer; the answer is there once it is durable.
  @discardableResult
  func act(_ verb: ReaderVerb, on consumer: String, by: String = "test") -> Box<ReaderOutcome> {
    let answer = Box<ReaderOutcome>()
    put(.operate(OperatorJob(.reader(verb, name: consumer, complete: { answer.value = $0 }), by: by)))
    return answer
  }

  /// A verb on dead letters.
  @discardableResult
  func resolve(_ verb: LetterVerb, _ selection: LetterSelection, by: String = "test") -> Box<LetterOutcome> {
    let answer = Box<LetterOutcome>()
    put(.operate(OperatorJob(.letters(verb, selection, complete: { answer.value = $0 }), by: by)))
    return answer
  }

  // MARK: What a test sees

  func letters(_ query: LetterQuery = LetterQuery()) -> LetterPage? { core.page(query) }

  struct Seen: Equatable, CustomStringConvertible {
    var position: UInt64
    var type: String
    var subject: String
    var data: String
    var cause: UInt64
    var generation: UInt32
    var description: String { "\(position) \(type) \(subject) \(data) ←\(cause)" }
  }

  /// Every event in the log, written or durable.
  func events(type: String? = nil) throws -> [Seen] {
    var seen: [Seen] = []
    try opened.reader.replay(fromCommit: 1) { commit in
      var position = commit.firstPosition.rawValue
      for record in commit.records where record.takesPosition {
        let entry = record.entry
        if type == nil || entry.type.text == type {
          seen.append(
            Seen(
              position: position, type: entry.type.text, subject: entry.subject.text, data: entry.data.text,
              cause: entry.cause, generation: commit.generation))
        }
        position += 1
      }
      return true
    }
    return seen
  }

  /// The control state as a fold of the log from nothing.
  func foldFromNothing() throws -> ControlState {
    var control = ControlState()
    try control.catchUp(with: opened.reader)
    return control
  }

  var status: HostStatus { core.status() }

  func reader(_ name: String) -> HostStatus.Reader? { status.readers.first { $0.name == name } }

  // MARK: EngineHands

  func run(_ batch: Batch) {
    out.append(batch)
    mostShards = max(mostShards, batch.shards.count)
  }
  func fetch(_ request: FetchRequest) { wasRead(LogWork(log: opened.reader).fetch(request)) }
  func lookUp(_ request: LookupRequest) { wasRead(LogWork(log: opened.reader).lookUp(request)) }
  func read(_ request: TimerRequest) { wasRead(LogWork(log: opened.reader).read(request)) }
  func read(_ request: LetterRequest) { wasRead(LogWork(log: opened.reader).read(request)) }
  private func wasRead(_ input: EngineInput) {
    if heldReads == nil { put(input) } else { heldReads!.append(input) }
  }
  func deliver(_ order: DeliveryOrder) {
    if order.chunk == nil { messagesReadBack += 1 }
    guard case .success(let chunk) = LogWork(log: opened.reader).readMessage(of: order) else { return }
    var order = order
    order.chunk = chunk
    outgoing.append(order)
  }
  func keep(_ state: KeptSubject) { snapshots?.keep(state, opened.reader) }
  func log(_ lines: [LogLine], consumer: String, position: Position) {
    logged += lines.map { "\(consumer): \($0.text)" }
  }
  func failed(_ unit: ProgressRecord.FailedUnit, consumer: String) { failures.append(unit) }
  func diskIsFull(_ isFull: Bool) { self.isFull = isFull }
  func warn(_ message: String) { warnings.append(message) }
}

/// A value that arrives later.
final class Box<Value>: @unchecked Sendable {
  // One thread in these tests.
  var value: Value?
}
