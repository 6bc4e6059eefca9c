import Engine
import Events
import Foundation
import LogStorage
import Platform
import Scripts
import VirtualPlatform

/// The real log and engine on the calling thread, with a clock that stands: the same work takes the same instructions
/// in every run.
///
/// The log lies in a folder, not in memory: what the system does for a file is not counted, and a file system in
/// memory would be.
final class LoneHost {
  let folder: String
  private(set) var opened: OpenedLog!
  private var core: EngineCore!
  private var runner: ShardRunner!
  private let clock = ManualClock()
  private let arrivals = Arrivals()
  private var out: [Batch] = []

  /// What waits for the next turn.
  ///
  /// `@unchecked Sendable`: this host has one thread.
  private final class Arrivals: @unchecked Sendable {
    var inputs: [EngineInput] = []
  }

  /// In `folder`, which is made when it is missing.
  init(in folder: String) throws {
    self.folder = folder
    try open()
  }

  /// Opens the log and folds what is in it.
  func open() throws {
    var options = LogOptions()
    options.ownThreads = false
    opened = try LogStore.open(
      folder: folder, fileSystem: LocalFileSystem(), options: options, clock: clock,
      randomness: SeededRandomness(1))
    var control = ControlState()
    try control.catchUp(with: opened.reader)
    runner = ShardRunner(log: opened.reader, clock: clock, hash: opened.hash, identity: opened.identity)
    var settings = EngineSettings()
    settings.workers = 1
    core = EngineCore(
      settings: settings,
      opened: EngineStart(identity: opened.identity, control: control, logBytes: opened.reader.byteCount),
      journal: opened.journal, identities: opened.identities, framer: opened.framer, hands: self)
    opened.journal.start { [arrivals] report in
      switch report {
      case .durable(let point):
        arrivals.inputs.append(.durable(commit: point.commit, position: point.position.rawValue))
      case .ended(let error): arrivals.inputs.append(.journalEnded(error))
      }
    }
  }

  func close() throws {
    (core, runner) = (nil, nil)
    try opened.close()
    opened = nil
  }

  var hash: StableHash { opened.hash }
  var position: UInt64 { opened.reader.lastPosition.rawValue }

  // MARK: what happens

  func deploy(_ source: String) throws {
    let scripts = try Generation.load([SourceFile(path: "bench.lua", text: source)]).get()
    arrivals.inputs.append(.deploy(DeployJob(scripts: scripts) { _, _ in }))
  }

  func append(_ batch: EntryBatch) {
    arrivals.inputs.append(.append(AppendJob(batch: batch, expecting: nil, stream: nil) { _ in }))
  }

  func send(_ command: EntryBatch) { arrivals.inputs.append(.command(CommandJob(command) { _ in })) }

  func advance(microseconds: Int64) { clock.advance(microseconds: microseconds) }

  /// Fails when less has come of the work than was to come.
  func expect(_ last: UInt64) throws {
    guard position >= last else { throw BenchError("the log ends at \(position), not at \(last)") }
  }

  private var hasWork: Bool {
    !arrivals.inputs.isEmpty || !out.isEmpty || (core.nextDue ?? .max) <= max(core.now, clock.wallMicroseconds())
  }

  /// Goes on until nothing is left to do now.
  func settle() throws {
    while hasWork {
      let inputs = arrivals.inputs
      arrivals.inputs = []
      try core.turn(inputs, wall: clock.wallMicroseconds(), monotonic: Int64(clock.monotonicNanoseconds()))
      let batches = out
      out = []
      for batch in batches {
        for shard in batch.shards { runner.run(batch, shard) }
        arrivals.inputs.append(.batchDone(batch))
      }
      opened.journal.syncOnce()
      opened.indexer.workOnce()
    }
  }
}

extension LoneHost: EngineHands {
  func run(_ batch: Batch) { out.append(batch) }
  func fetch(_ request: FetchRequest) { arrivals.inputs.append(LogWork(log: opened.reader).fetch(request)) }
  func lookUp(_ request: LookupRequest) { arrivals.inputs.append(LogWork(log: opened.reader).lookUp(request)) }
  func read(_ request: LetterRequest) { arrivals.inputs.append(LogWork(log: opened.reader).read(request)) }
  func read(_ request: TimerRequest) { arrivals.inputs.append(LogWork(log: opened.reader).read(request)) }
  func deliver(_ order: DeliveryOrder) {
    arrivals.inputs.append(.delivered(order.report(.failed(DeliveryFailure(.unavailable, "nothing leaves")), nil)))
  }
  func keep(_ state: KeptSubject) {}
  func log(_ lines: [LogLine], consumer: String, position: Position) {}
  func failed(_ unit: ProgressRecord.FailedUnit, consumer: String) {
    fatalError("a call of the benchmark failed: \(unit.message)")
  }
  func diskIsFull(_ isFull: Bool) {}
  func warn(_ message: String) {}
}
