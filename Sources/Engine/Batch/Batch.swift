package import Events
package import LogStorage
package import Scripts
import Synchronization

/// One (position, key) of a reader's work.
package struct Unit {
  /// Where the key of a unit is.
  package enum Key {
    /// The event's subject, or the event itself when it has none.
    case subject
    /// Bytes in the batch's `keys`.
    case stored(offset: UInt32, length: UInt16)
    /// Still to be computed by the declaration's `key`.
    case unknown
  }

  package var position: UInt64
  /// The entry, in one of the batch's chunks; nil when the worker has to read it from the log.
  package var entry: EntryView?
  /// Commit time, µs.
  package var recorded: Int64
  package var keyHash: UInt64
  package var key: Key
  /// -1: to be found by the worker.
  package var handler: Int32
  /// It waited in a blocked key's queue.
  package var isRetry: Bool

  /// Of a wake, whose `handler` is this one less its reason, and whose `recorded` is the place of its instance's record.
  private static let wakeHandler: Int32 = -2

  /// A call of an instance although no event has come. It stands behind the batch's new units, at the next position.
  static func wake(_ wake: Wake, at position: UInt64) -> Unit {
    Unit(
      position: position, entry: nil, recorded: Int64(bitPattern: wake.place.place), keyHash: wake.place.keyHash,
      key: .stored(offset: 0, length: 0), handler: wakeHandler - wake.reason.rawValue, isRetry: false)
  }

  var isWake: Bool { handler <= Self.wakeHandler }

  /// Of a wake: the instance's record, and why it is called.
  var wake: (place: InstancePlace, reason: WakeReason)? {
    guard isWake, let reason = WakeReason(rawValue: Self.wakeHandler - handler) else { return nil }
    return (InstancePlace(keyHash: keyHash, place: UInt64(bitPattern: recorded)), reason)
  }
}

/// A bounded number of units after a reader's cursor, on its way through the workers.
///
/// `@unchecked Sendable`: the engine builds it before it hands it out; workers only read it and write to their own
/// shard; the engine reads the shards after the last worker has handed the batch back through the inbox. Of a batch that
/// is void it reads no shard, since a worker that was given up may still write there.
package final class Batch: @unchecked Sendable {
  package let reader: UInt32
  /// A result that does not carry the reader's current number is dropped.
  package let number: UInt64
  package let generation: RunningGeneration
  package let consumer: Int
  /// Whether the consumer remembers something: asked for every unit, so it is not looked up in the declaration.
  let hasState: Bool
  /// Whether what it remembers are instances: of a rule or a process.
  let keepsInstances: Bool
  /// Of a rule.
  let rule: RuleDeclaration?
  /// Of an aggregate: the commands' own.
  package let aggregate: AggregateWork?
  /// The time of the turn that hands it out, µs.
  package let now: Int64
  /// Everything up to here is in this batch, or not heard, or queued.
  package var through: UInt64
  /// The cursor it begins after; units at or before it were queued before.
  package let from: UInt64
  /// The first so many units are run whatever it takes: they would be lost, or no progress made, if a shard ended
  /// among them.
  package var mustRun = 0
  package var units: ContiguousArray<Unit> = []
  /// Units that only join the queue of a blocked key.
  package var queued: [KeyBytes: [UInt64]] = [:]
  /// How many the scan of new events has put there.
  var queuedCount = 0
  /// Units that waited for a key that could be computed at last.
  package var rekeyed: [(key: KeyBytes, position: UInt64)] = []
  /// Units whose key could not be computed.
  package var keyFailures: [UnitFailure] = []
  /// Keys of the retried units.
  package var retriedKeys: [KeyBytes] = []
  package var keys = ByteWriter(capacity: 16)
  /// How many bytes of new events it holds.
  var bytes = 0
  /// True while the keys are to be computed; then it comes back and goes out again to be run.
  package var needsKeys = false
  package var chunks: [LogChunk] = []
  package var shards: [Shard] = []
  /// Of a consumer with a state: where the states of its keys are. A key that is missing has the declared one.
  var states: [KeyBytes: StateSource] = [:]
  /// What its units read and wrote, as far as it is committed.
  var foundStates: [KeyBytes: KeyState] = [:]
  /// The reader's own time (µs): what has a deadline before it has missed it.
  var clock = Int64.min
  /// Open instances whose deadlines were given up.
  var withoutDeadline: Set<InstancePlace> = []
  /// Of a process: older generations that instances run on, by number.
  var pinned: [UInt32: RunningGeneration] = [:]
  /// Of a process that hears by names: by position whom events of it are for.
  var heardByName: [UInt64: HeardByName] = [:]
  /// For how many instances they are together.
  var listenerCount = 0
  /// Some unit of it may begin an instance, or any may move one to other scripts.
  var mayBegin = false
  var mayMove = false
  /// To find out whom units are for that waited for their keys.
  var picture: (reader: ReaderState, table: ListeningTable)?
  /// Deadlines that its commit has set.
  var wakes: [Wake] = []
  /// Units that are failed without a call, since they took a worker with them.
  package var givenUp: [GivenUpUnit] = []
  /// What its commit said, and the keys that it touched as they were before.
  var progress: ProgressRecord?
  /// The number of its commit and the last position in it.
  var commit: UInt64 = 0
  var lastPosition: UInt64 = 0
  var touched: [(key: KeyBytes, before: BlockedSummary)] = []
  /// Shards that have not ended. The worker pool's, under its lock.
  var remaining = 0
  private let voided = Atomic<Bool>(false)

  init(
    reader: UInt32, number: UInt64, generation: RunningGeneration, consumer: Int, now: Int64, from: UInt64,
    aggregate: AggregateWork? = nil
  ) {
    self.reader = reader
    self.number = number
    self.generation = generation
    self.consumer = consumer
    self.aggregate = aggregate
    rule = generation.scripts.consumers[consumer].rule
    keepsInstances = generation.scripts.consumers[consumer].keepsInstances
    hasState = keepsInstances || generation.scripts.consumers[consumer].state != nil
    self.now = now
    self.from = from
    through = from
  }

  /// Nothing of it counts any more: who still runs a part of it may end at the next unit. Any thread.
  var isVoid: Bool { voided.load(ordering: .relaxed) }
  func makeVoid() { voided.store(true, ordering: .relaxed) }

  package var declaration: ConsumerDeclaration { generation.scripts.consumers[consumer] }

  /// Whether a unit that was run never happened.
  func isSetAside(_ unit: Int) -> Bool { aggregate?.setAside.contains(unit) ?? false }

  /// Keeps `chunk` alive while units point into it.
  func retain(_ chunk: LogChunk) {
    if chunks.last !== chunk { chunks.append(chunk) }
  }

  func storeKey(_ bytes: UnsafeRawBufferPointer) -> Unit.Key {
    let offset = keys.count
    keys.append(bytes)
    return .stored(offset: UInt32(offset), length: UInt16(bytes.count))
  }

  /// The key that a unit carries in the batch; nil when it is to be taken from the entry.
  func storedKey(of unit: Unit) -> KeyBytes? { storedKey(at: unit.key) }

  func storedKey(at key: Unit.Key) -> KeyBytes? {
    guard case .stored(let offset, let length) = key else { return nil }
    return KeyBytes(UnsafeRawBufferPointer(rebasing: keys.bytes[Int(offset)..<(Int(offset) + Int(length))]))
  }

  /// The key of a unit whose key is known and, for `.subject`, whose entry is at hand.
  func withKey<Result>(of unit: Unit, entry: EntryView, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    switch unit.key {
    case .stored(let offset, let length):
      return body(UnsafeRawBufferPointer(rebasing: keys.bytes[Int(offset)..<(Int(offset) + Int(length))]))
    case .subject, .unknown:
      if entry.subject.count > 0 { return body(entry.subject) }
      return KeyBytes.own(Position(unit.position)).bytes.withUnsafeBytes(body)
    }
  }

  func key(of unit: Unit, entry: EntryView) -> KeyBytes { withKey(of: unit, entry: entry) { KeyBytes($0) } }
}

/// The part of a batch that one worker runs: its units in order, and what came of them.
package final class Shard: @unchecked Sendable {
  // Written by one worker while the batch is out, read by the engine afterwards: see `Batch`.
  /// Indexes into the batch's units, ascending.
  package let units: [Int]
  package let effects: EntryBatch
  /// How long it ran, in ns.
  package var elapsed: Int64 = 0
  /// How many of `units` were run or passed over; the rest goes into a later batch.
  package var done = 0
  /// For each unit that is done: where its effects end.
  package var ends: [(bytes: Int, entries: Int)] = []
  package var failures: [UnitFailure] = []
  var failureBytes = 0
  /// States of keys as its calls find them, and what each call changed.
  package var states: [KeyBytes: KeyState] = [:]
  package var stateChanges: [StateChange] = []
  var stateBytes = 0
  /// Of its wakes: the records that their instances are at; nil: not yet read.
  var wakeRecords: [InstancePlace: InstanceRecord]?
  /// Instances of a process as its units have left them.
  var processes: [KeyBytes: ProcessInstance] = [:]
  /// What it adds to the batch's commit, about.
  var bytes: Int { effects.bytes.count + failureBytes + stateBytes }
  /// Units that were not run since their key failed before them.
  package var passedOver: [Int] = []
  /// Units that waited and whose type is not heard any more.
  package var unheard: Set<Int> = []
  package var logs: [(unit: Int, lines: [LogLine])] = []
  /// Keys computed in the first phase: (unit, where its key is).
  package var computedKeys: [(unit: Int, key: Unit.Key, hash: UInt64)] = []
  /// Of commands.
  let aggregate = AggregateShard()
  /// Chunks read for units whose entry was not in memory, by unit.
  package var readBack: [Int: LogChunk] = [:]

  package init(units: [Int], hash: StableHash) {
    self.units = units
    effects = EntryBatch(hash: hash, capacity: 4096)
  }
}

package struct UnitFailure {
  package var unit: Int
  package var position: UInt64
  package var isRetry: Bool
  package var key: KeyBytes
  package var kind: FailureKind
  package var message: String
  package var traceback: String
  package var log: [LogLine]
  /// The event, when it could be read, and what keeps it in memory.
  package var entry: EntryView?
  package var chunk: LogChunk?
  /// Of an instance's call at its deadline.
  package var wake: InstancePlace?

  /// What it adds to a commit, about: to the progress record, and in the event that tells of a dead letter.
  var bytes: Int {
    log.reduce(2 * message.utf8.count + traceback.utf8.count + 4 * key.bytes.count + 1024) { $0 + $1.text.utf8.count }
  }
}

/// A unit whose call did not come back from one library function.
package struct GivenUpUnit: Sendable, Equatable {
  package var position: UInt64
  /// 0: the call that computed its keys.
  package var keyHash: UInt64
  /// How long it was waited for.
  package var seconds: Int

  package init(position: UInt64, keyHash: UInt64, seconds: Int) {
    (self.position, self.keyHash, self.seconds) = (position, keyHash, seconds)
  }
}

/// A generation of scripts that went live, with its number.
package final class RunningGeneration: Sendable {
  package let number: UInt32
  package let scripts: Generation

  package init(number: UInt32, scripts: Generation) {
    self.number = number
    self.scripts = scripts
  }
}
