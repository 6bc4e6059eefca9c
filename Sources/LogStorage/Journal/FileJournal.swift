package import Events
internal import Platform
internal import Synchronization

/// The journal in files of this host (docs/faults, L1–L4).
///
/// The engine's thread writes groups, and begins a new segment when the active one is full, without waiting: the new
/// file lives under a temporary name until the sync thread has sealed the old one. The sync thread makes everything
/// appended so far durable, again and again, and reports. An engine that has nothing else to do syncs by itself.
///
/// `@unchecked Sendable`: `active` and `activeEnd` belong to the engine's thread, and what both touch is in `shared` and
/// `syncer`.
package final class FileJournal: Journal, @unchecked Sendable {
  let fileSystem: any FileSystem
  let clock: any HostClock
  let options: LogOptions
  let folder: LogFolder
  let identity: LogIdentity
  let epoch: UInt32
  let catalog: LogCatalog
  let indexer: LogIndexer

  private var active: SegmentWriter
  private var activeEnd: Int

  let shared: Mutex<Shared>
  let reporter = JournalReporter()
  /// Rung when there is something to sync.
  let work = Doorbell()
  /// Rung when there may be room again, or when the journal has ended.
  let room = Doorbell()
  /// Rung once, to cut a pause of the sync thread short.
  let stopping = Doorbell()
  var thread: NamedThread?
  /// Held by whoever syncs.
  let syncer: Mutex<Syncer>

  struct Shared {
    /// From the oldest segment that is not sealed to the active one, with what has been written to each.
    var writers: [(writer: SegmentWriter, written: Written)]
    var durable: DurablePoint
    var durableChain: CommitChain
    var appended: DurablePoint
    var ended: JournalError?
    /// A seal or a name found no room: nothing is appended until it does.
    var blocked: FileError?
    var isStopping = false
    /// The witness is to be written without waiting for its time.
    var isWitnessWanted = false

    /// Bytes appended and not durable.
    var unsynced: Int {
      writers.reduce(0) { $0 + $1.written.end - max($1.written.syncedEnd, SegmentHeader.size) }
    }
  }

  /// How far a segment is written.
  struct Written {
    /// The end of the last commit.
    var end: Int
    /// Everything before is durable.
    var syncedEnd: Int
    /// The last commit, and its CRCs.
    var point: DurablePoint
    var chain: CommitChain
  }

  init(
    fileSystem: any FileSystem, clock: any HostClock, options: LogOptions, folder: LogFolder, identity: LogIdentity,
    epoch: UInt32, catalog: LogCatalog, indexer: LogIndexer, active: SegmentWriter, witness: WitnessWriter
  ) {
    self.fileSystem = fileSystem
    self.clock = clock
    self.options = options
    self.folder = folder
    self.identity = identity
    self.epoch = epoch
    self.catalog = catalog
    self.indexer = indexer
    self.active = active
    let (end, next) = active.segment.written
    activeEnd = end
    syncer = Mutex(Syncer(witness: witness, witnessedAt: clock.monotonicNanoseconds()))
    let written = Written(end: end, syncedEnd: end, point: next.point, chain: next.chain)
    shared = Mutex(
      Shared(writers: [(active, written)], durable: next.point, durableChain: next.chain, appended: next.point))
  }

  package var durable: DurablePoint { shared.withLock { $0.durable } }

  /// Why it has ended; nil while it has not.
  var ending: JournalError? { shared.withLock { $0.ended } }

  /// The first position of the segment that is being written. The engine's thread.
  package var activeFirstPosition: Position { active.segment.firstPosition }

  package func start(_ report: @escaping @Sendable (JournalReport) -> Void) {
    reporter.start(report)
    indexer.start(
      ownThread: options.ownThreads, clock: clock, failed: { [weak self] in self?.end(.failed($0)) },
      absorbed: { [weak self] in self?.room.ring() })
    if options.ownThreads { thread = NamedThread.start(name: "log-sync", stackBytes: 256 << 10) { self.syncLoop() } }
  }

  package func hasRoom(for bytes: Int) -> Bool {
    let limit = identity.limits.maxUnsyncedBytes
    return shared.withLock { $0.unsynced + bytes <= limit && $0.blocked == nil } && indexer.backlogBytes <= limit
  }

  package func append(_ group: LogChunk) throws(JournalError) {
    try waitForRoom(group.byteCount)
    if isFull(for: group.byteCount) { try roll() }
    precondition(
      active.segment.next.problem(of: CommitHeader(group.base)) == nil, "a group follows the one before it")
    do throws(FileError) {
      try active.write(group.bytes, at: activeEnd)
    } catch {
      throw cutBack(after: error)
    }
    activeEnd += group.byteCount
    active.segment.note(group.commits)
    indexer.appended(group, to: active.segment)
    let next = group.next
    shared.withLock { shared in
      shared.appended = next.point
      let last = shared.writers.count - 1
      shared.writers[last].written.end = activeEnd
      shared.writers[last].written.point = next.point
      shared.writers[last].written.chain = next.chain
    }
  }

  /// Room beyond this is taken for granted: a probe is to be cheap.
  private static var largestProbe: Int { 1 << 20 }

  package func makeRoom(for bytes: Int) throws(JournalError) {
    try waitForRoom(bytes)
    if isFull(for: bytes) { try roll() }
    do throws(FileError) {
      try active.reserve(min(bytes, Self.largestProbe), behind: activeEnd)
    } catch {
      if error.mayPass { throw .noSpace(error) }
      throw end(.failed(error))
    }
  }

  /// A segment is named after its first position, so it is not sealed before it has an entry.
  private func isFull(for bytes: Int) -> Bool {
    activeEnd + bytes + SegmentSeal.size > options.segmentBytes
      && active.segment.next.position > active.segment.firstPosition
  }

  private func waitForRoom(_ bytes: Int) throws(JournalError) {
    while true {
      let (ended, blocked) = shared.withLock { ($0.ended, $0.blocked) }
      if let ended { throw ended }
      if let blocked { throw .noSpace(blocked) }
      if hasRoom(for: bytes) { return }
      if options.ownThreads {
        indexer.hurry()
        work.ring()
        room.wait()
      } else {
        syncOnce()
        indexer.workOnce()
      }
    }
  }

  /// Begins a new segment; the sync thread seals the old one and gives the new one its name (L4).
  private func roll() throws(JournalError) {
    var first = active.segment.next
    first.epoch = epoch
    let header = SegmentHeader(identity: identity, first: first, created: clock.wallMicroseconds())
    do throws(FileError) {
      let writer = try SegmentWriter.make(header, folder: folder.log, in: fileSystem)
      active = writer
      activeEnd = SegmentHeader.size
      catalog.append(writer.segment)
      indexer.began(writer.segment)
      let written = Written(end: activeEnd, syncedEnd: 0, point: first.point, chain: first.chain)
      shared.withLock { $0.writers.append((writer, written)) }
    } catch {
      if error.mayPass { throw .noSpace(error) }
      throw end(.failed(error))
    }
    work.ring()
  }

  /// A write has failed (L2): when the disk is full, the file ends again where the group began, durably, so that no
  /// part of the group can come back. Everything else ends the journal.
  private func cutBack(after error: FileError) -> JournalError {
    guard error.mayPass else { return end(.failed(error)) }
    do throws(FileError) {
      try active.cut(to: activeEnd)
      return .noSpace(error)
    } catch {
      return end(.failed(error))
    }
  }

  /// Ends the journal for good; only the first call counts, and only it reports.
  @discardableResult
  func end(_ error: JournalError) -> JournalError {
    let first = shared.withLock { shared in
      shared.ended = shared.ended ?? error
      return shared.ended!
    }
    indexer.halt()
    reporter.report(.ended(first))
    room.ring()
    return first
  }
}

extension CommitExpectation {
  /// The commit before the one expected.
  var point: DurablePoint {
    DurablePoint(commit: number - 1, position: Position(position.rawValue - 1), time: time)
  }
}
