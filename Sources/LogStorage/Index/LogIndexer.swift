internal import Events
internal import Platform
internal import Synchronization

/// Keeps the indexes up with the log, off the engine's and the sync thread: takes appended chunks into the tables of
/// their segment, and writes the index file of each sealed segment. Without a thread, whoever calls `workOnce` does it.
package final class LogIndexer: Sendable {
  let builder: IndexBuilder
  let arrivals: FilterArrivals
  private let work = Doorbell()
  private let state: Mutex<State>
  /// Bytes of chunks that wait for their tables.
  private let waitingBytes = Atomic<Int>(0)

  private struct State {
    /// Segments whose tables grow: not sealed, or waiting for their index file.
    var growing: [Segment]
    var isStopping = false
    /// The journal has ended: nothing is written any more.
    var isHalted = false
    var thread: NamedThread?
    var failed: (@Sendable (FileError) -> Void)?
    var absorbed: (@Sendable () -> Void)?
  }

  /// So many bytes wait before the index thread is woken.
  private static let wakeBytes = 1 << 20
  /// How long after a full disk it tries again.
  private static let retryNanoseconds: UInt64 = 5_000_000_000

  init(builder: IndexBuilder, arrivals: FilterArrivals, growing: [Segment]) {
    self.builder = builder
    self.arrivals = arrivals
    state = Mutex(State(growing: growing))
  }

  /// Bytes of chunks that are kept in memory because their entries are not in the tables yet.
  var backlogBytes: Int { waitingBytes.load(ordering: .relaxed) }

  /// - failed: a file operation failed for good. - absorbed: the backlog has shrunk.
  func start(
    ownThread: Bool, clock: any HostClock, failed: @escaping @Sendable (FileError) -> Void,
    absorbed: @escaping @Sendable () -> Void
  ) {
    state.withLock { state in
      state.failed = failed
      state.absorbed = absorbed
      if ownThread { state.thread = NamedThread.start(name: "log-index", stackBytes: 512 << 10) { self.loop(clock) } }
    }
  }

  /// The engine's thread: `chunk` has been appended to `segment`.
  func appended(_ chunk: LogChunk, to segment: Segment) {
    segment.index.add(chunk)
    let before = waitingBytes.add(chunk.byteCount, ordering: .relaxed).oldValue
    if before < Self.wakeBytes && before + chunk.byteCount >= Self.wakeBytes { work.ring() }
  }

  /// The engine's thread: `segment` is written from now on.
  func began(_ segment: Segment) { state.withLock { $0.growing.append(segment) } }

  /// The sync thread: a segment has been sealed.
  func sealed() { work.ring() }

  /// The engine's thread waits for the backlog to shrink.
  func hurry() { work.ring() }

  /// Does what there is to do. Returns false when an index file must wait for room.
  @discardableResult
  package func workOnce() -> Bool {
    let (growing, failed, absorbed) = state.withLock { ($0.growing, $0.failed, $0.absorbed) }
    for segment in growing { absorb(segment) }
    absorbed?()
    for segment in growing where segment.isSealed && !isHalted {
      // What came since: a sealed segment gets nothing more.
      absorb(segment)
      do throws(FileError) {
        let filter = try builder.write(segment)
        state.withLock { state in state.growing.removeAll { $0 === segment } }
        arrivals.put(.init(filter: filter, last: Position(segment.next.position.rawValue - 1)))
      } catch {
        // The tables stay in memory, so look-ups and deduplication go on.
        if error.mayPass { return false }
        failed?(error)
        return true
      }
    }
    return true
  }

  /// Whoever takes chunks into tables must count them off, else the backlog seems never to shrink and appends wait for ever.
  private func absorb(_ segment: Segment) {
    let bytes = segment.index.absorb(hash: builder.identity.hash)
    if bytes > 0 { waitingBytes.subtract(bytes, ordering: .relaxed) }
  }

  private func loop(_ clock: any HostClock) {
    var done = true
    while !state.withLock({ $0.isStopping }) {
      work.wait(until: done ? nil : clock.monotonicNanoseconds() + Self.retryNanoseconds)
      done = workOnce()
    }
  }

  /// After a sync that failed nothing is written any more (docs/faults, L3); look-ups go on from memory. Any thread.
  func halt() { state.withLock { $0.isHalted = true } }

  private var isHalted: Bool { state.withLock { $0.isHalted } }

  func stop() {
    let thread = state.withLock { state in
      state.isStopping = true
      defer { state.thread = nil }
      return state.thread
    }
    work.ring()
    thread?.join()
  }
}
