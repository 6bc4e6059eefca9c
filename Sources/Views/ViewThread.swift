import Events
internal import GRDB
import LogStorage
import Platform
import Scripts
import Synchronization

/// The thread that folds. It alone writes to views.db.
///
/// `@unchecked Sendable`: everything but the inbox, the board, `durable`, `reads` and `database` belongs to the thread.
final class ViewThread: @unchecked Sendable {
  enum Command: Sendable {
    /// `taken` is called once, when it is done or when it has to wait.
    case deploy(Generation, taken: @Sendable () -> Void)
    case rebuild(String)
    /// Somebody who reads has found the file damaged.
    case damaged
    case stop
  }

  let inbox = Inbox<Command>()
  /// Nil while it cannot be opened.
  let database = Mutex<ViewDatabase?>(nil)
  let settings: ViewSettings
  let log: LogReader
  let identity: LogIdentity
  let clock: any HostClock
  private let board: ViewBoard
  private let durable = Atomic<UInt64>(0)
  /// Whether there is anything to fold: without views nobody is woken at each sync.
  private let reads = Atomic<Bool>(false)

  /// The running scripts.
  private(set) var generation: Generation?
  /// What commands have asked for and is not done yet.
  private var isDeployed = false
  private var rebuilds: [String] = []
  var folds: [Fold] = []
  private var isStopping = false
  private var isDamaged = false
  /// When a failed step may be tried again, and what was said about it.
  private var rest: (until: UInt64, reason: String)?

  /// Views that lag by no more than this many positions are folded together and first.
  static let near: UInt64 = 20_000
  /// Nanoseconds that a batch gathers chunks before it commits.
  static let batchNanoseconds: UInt64 = 100_000_000
  /// Nanoseconds that a deploy waits for frozen keys to be tried again.
  static let thawNanoseconds: UInt64 = 2_000_000_000
  static let chunkBytes = 1 << 20
  /// Changed documents that one transaction writes, at least before it ends.
  static let batchDocuments = 20_000

  init(settings: ViewSettings, log: LogReader, identity: LogIdentity, clock: any HostClock, board: ViewBoard) {
    (self.settings, self.log, self.identity, self.clock, self.board) = (settings, log, identity, clock, board)
  }

  /// Any thread.
  func durableAdvanced(to position: UInt64) {
    var known = durable.load(ordering: .relaxed)
    while known < position {
      let (isStored, now) = durable.compareExchange(
        expected: known, desired: position, ordering: .sequentiallyConsistent)
      if isStored {
        if reads.load(ordering: .sequentiallyConsistent) { inbox.bell.ring() }
        return
      }
      known = now
    }
  }

  func run() {
    var commands: [Command] = []
    while !isStopping {
      inbox.takeAll(into: &commands)
      for command in commands { take(command) }
      let hasWorked = isStopping ? false : attempt { try step() } ?? false
      for command in commands { if case .deploy(_, let taken) = command { taken() } }
      if !hasWorked && !isStopping { inbox.bell.wait(until: nextAttempt) }
    }
    folds = []
    board.end()
    inbox.takeAll(into: &commands)
    for command in commands { if case .deploy(_, let taken) = command { taken() } }
    database.withLock { $0 }?.close()
    database.withLock { $0 = nil }
  }

  private func take(_ command: Command) {
    switch command {
    case .deploy(let scripts, _):
      generation = scripts
      isDeployed = true
    case .rebuild(let name): rebuilds.append(name)
    case .damaged: isDamaged = true
    case .stop: isStopping = true
    }
  }

  private var nextAttempt: UInt64? {
    let now = clock.monotonicNanoseconds()
    let pauses = folds.compactMap { $0.pause?.until }.filter { $0 > now } + (rest.map { [$0.until] } ?? [])
    return pauses.min()
  }

  // MARK: steps

  /// Whether there was anything to do.
  private func step() throws -> Bool {
    let now = clock.monotonicNanoseconds()
    if let rest, rest.until > now { return false }
    guard let generation else { return false }
    if generation.projections.isEmpty, hasNoDatabase {
      takeOverNothing()
      return false
    }
    // Before the look at `durable`: what comes later rings.
    reads.store(true, ordering: .sequentiallyConsistent)
    let database = try keepDatabase()
    try obey(in: database)
    let end = durable.load(ordering: .sequentiallyConsistent)
    let ready = folds.filter { $0.row.position < end && $0.canRead(at: now) }
    if ready.isEmpty { return false }
    let near = ready.filter { end - $0.row.position <= Self.near }
    let behind = ready.filter { end - $0.row.position > Self.near }
    if !near.isEmpty { try foldBatch(near, through: end) }
    if !behind.isEmpty { try foldBatch(behind, through: end) }
    return true
  }

  /// Whether there is no views.db, neither open nor on the disk.
  private var hasNoDatabase: Bool {
    database.withLock { $0 == nil } && (!isDeployed || FileIdentity(path: settings.path) == nil)
  }

  /// Scripts without projections need no file. One that is there from before is opened, so that it is tidied.
  private func takeOverNothing() {
    guard isDeployed else { return }
    isDeployed = false
    rebuilds = []
    board.publish([], codes: [])
    reads.store(false, ordering: .sequentiallyConsistent)
  }

  /// Opens views.db, and again when it was deleted or has turned out to be damaged.
  private func keepDatabase() throws -> ViewDatabase {
    if let open = database.withLock({ $0 }) {
      if open.isInPlace && !isDamaged { return open }
      settings.note(
        "warning",
        "\(open.path) \(isDamaged ? "is damaged" : "has been deleted"): every view is folded again from the start of "
          + "the log")
      folds = []
      database.withLock { $0 = nil }
      open.close()
      try ViewDatabase.delete(path: open.path)
    }
    isDamaged = false
    let opened = try ViewDatabase.open(path: settings.path, log: identity) { settings.note("warning", $0) }
    try reconcile(isOpening: true, in: opened)
    database.withLock { $0 = opened }
    publish()
    return opened
  }

  /// Does what was asked for; what fails is done again.
  private func obey(in database: ViewDatabase) throws {
    if isDeployed {
      try reconcile(isOpening: false, in: database)
      // Older code would fail as before, and is about to be replaced.
      for fold in folds where fold.row.role == .live && fold.worker.generation === generation {
        try retryFrozen(fold, in: database)
      }
      isDeployed = false
      publish()
    }
    while let name = rebuilds.first {
      try rebuild(name, in: database)
      rebuilds.removeFirst()
      publish()
    }
  }

  /// Folds what is next for these into one transaction. Those that are ahead of the others join when they are reached:
  /// so several that begin together read the log once.
  private func foldBatch(_ group: [Fold], through end: UInt64) throws {
    guard let database = database.withLock({ $0 }) else { return }
    let store = FoldStore(database: database.pool)
    var group = group
    var from = group.map(\.row.position).min() ?? end
    let began = clock.monotonicNanoseconds()
    do {
      repeat {
        guard
          let chunk = try log.chunk(from: Position(from + 1), limitBytes: Self.chunkBytes, through: Position(end)),
          chunk.count > 0
        else { break }
        let last = min(chunk.lastPosition.rawValue, end)
        try each(&group, store) { fold throws(Fold.Stop) in
          try fold.gather(chunk, through: last, hash: identity.hash)
        }
        try store.load(group)
        try each(&group, store) { fold throws(Fold.Stop) in try fold.run(chunk, through: last) }
        from = last
      } while from < end && !group.isEmpty && clock.monotonicNanoseconds() - began < Self.batchNanoseconds
        && group.reduce(0) { $0 + $1.cache.dirty.count } < Self.batchDocuments
      try store.commit(group, durable: end, now: clock.wallMicroseconds())
    } catch {
      for fold in group { fold.discard() }
      for fold in group { fold.setFrozen(try store.frozen(fold.row)) }
      throw error
    }
    let now = clock.monotonicNanoseconds()
    for fold in group {
      fold.pause = nil
      fold.pace.note(fold.row.position, at: now)
    }
    try swapWhoHasCaughtUp(group)
    publish()
  }

  /// Takes those out of the group whose step cannot be used.
  private func each(
    _ group: inout [Fold], _ store: FoldStore, _ body: (Fold) throws(Fold.Stop) -> Void
  ) throws {
    for fold in group {
      do throws(Fold.Stop) {
        try body(fold)
      } catch {
        group.removeAll { $0 === fold }
        fold.discard()
        fold.setFrozen(try store.frozen(fold.row))
        switch error {
        case .host(let reason):
          fold.pause = (reason, clock.monotonicNanoseconds() + 1_000_000_000)
          settings.note("error", "the view \"\(fold.row.name)\" waits: \(reason)")
        case .failed(var failure):
          failure.since = clock.wallMicroseconds()
          try store.fail(&fold.row, failure)
          settings.note(
            "error",
            """
            the view "\(fold.row.name)" keeps its old code: the new one fails at event \(failure.position), key \
            "\(failure.key)": \(failure.error)
            """)
        }
        publish()
      }
    }
  }

  private func swapWhoHasCaughtUp(_ group: [Fold]) throws {
    guard let database = database.withLock({ $0 }) else { return }
    for next in group where next.row.role == .next && next.row.failure == nil {
      guard let live = folds.first(where: { $0.row.role == .live && $0.row.isOf(next.row.name) }),
        next.row.position >= live.row.position
      else { continue }
      next.row = try database.pool.write { db in try next.row.promote(db, over: live.row) }
      next.isExcused = nil
      folds.removeAll { $0 === live }
      settings.note("info", "the view \"\(next.row.name)\" answers by its new code")
      publish()
      try database.pool.write { db in try StoredProjection.dropLeftovers(db) }
    }
  }

  // MARK: failures

  /// Runs `body`; when it fails, says so and rests. Damage is repaired by the next step.
  private func attempt<Result>(_ body: () throws -> Result) -> Result? {
    do {
      let result = try body()
      if rest != nil {
        if rest?.reason.isEmpty == false { settings.note("info", "the views go on") }
        rest = nil
        publish()
      }
      return result
    } catch let error as DatabaseError where error.isDamage {
      // The next step makes the file anew; not at once, so that a disk that damages everything is not worked without end.
      isDamaged = true
      rest = (clock.monotonicNanoseconds() + 100_000_000, "")
      return nil
    } catch {
      let reason = Self.text(error)
      if rest?.reason != reason { settings.note("error", "the views wait: \(reason)") }
      rest = (clock.monotonicNanoseconds() + 1_000_000_000, reason)
      publish()
      return nil
    }
  }

  private static func text(_ error: any Error) -> String {
    guard let error = error as? DatabaseError else { return "\(error)" }
    return switch error.resultCode {
    case .SQLITE_BUSY, .SQLITE_LOCKED: "another process has locked views.db"
    case .SQLITE_FULL: "there is no room on the disk for views.db"
    default: "views.db cannot be written: \(error.message ?? error.resultCode.description)"
    }
  }

  // MARK: telling

  /// Says on the board how every declared view is.
  func publish() {
    guard let generation, database.withLock({ $0 }) != nil || board.views != nil else { return }
    let end = durable.load(ordering: .relaxed)
    let live = generation.projections.compactMap { declaration in
      folds.first { $0.row.role == .live && $0.row.isOf(declaration.name) }.map { (declaration, $0) }
    }
    board.publish(live.map { status(of: $1, $0, end) }, codes: live.map(\.1.worker.generation))
  }

  private func status(of live: Fold, _ declaration: ProjectionDeclaration, _ end: UInt64) -> ViewStatus {
    let reason = rest.flatMap { $0.reason.isEmpty ? nil : $0.reason } ?? live.pause?.reason
    let state: ViewStatus.State =
      reason != nil
      ? .waiting : live.isFull ? .full : live.row.isComplete || live.row.position >= end ? .live : .building
    func left(_ fold: Fold) -> Double? { fold.pace.seconds(for: end - min(end, fold.row.position)) }
    var status = ViewStatus(
      name: declaration.name, script: declaration.file, state: state, note: reason, position: live.row.position,
      rate: live.pace.perSecond, secondsLeft: left(live), frozenKeys: live.frozen.count, waiting: live.waiting)
    if let next = folds.first(where: { $0.row.role == .next && $0.row.isOf(declaration.name) }) {
      status.rebuild = ViewStatus.Rebuild(
        position: next.row.position, rate: next.pace.perSecond, secondsLeft: left(next),
        failure: next.row.failure.map {
          ViewStatus.Failure(error: $0.error, key: $0.key, position: $0.position, since: $0.since)
        })
    }
    return status
  }
}

extension StoredProjection {
  func isOf(_ name: String) -> Bool { self.name.utf8.elementsEqual(name.utf8) }
}
