import Platform
import Synchronization

/// The threads that run Lua, and the one that watches them. What is run next, and who is given up, decides `WorkerTable`.
final class WorkerPool: Sendable {
  /// Runs a shard, on the thread that made it.
  typealias Runner = (Batch, Shard) -> Void

  /// Reports of one batch come in this order.
  enum Report: Sendable {
    /// Its last shard has ended.
    case finished(Batch)
    /// A call of it was given up: the batch will not be finished.
    case lost(Batch, unit: Int, seconds: Int)
    /// A call that was given up has come back.
    case back(Batch, unit: Int)
    case warning(String)
  }

  private let table: Mutex<WorkerTable>
  private let clock: any HostClock
  private let makeRunner: @Sendable (CallMark) -> Runner
  private let report: @Sendable (Report) -> Void
  /// By the numbers of their seats.
  private let threads = Mutex<[Int: NamedThread]>([:])
  private let watch = Mutex<NamedThread?>(nil)
  private let watchBell = Doorbell()
  /// Rung when a thread ends because the pool stops.
  private let ended = Doorbell()

  /// - makeRunner: called on each worker's thread; what it makes says by the mark which call it is in.
  /// - report: called on threads of the pool, outside its lock.
  init(
    _ settings: WorkerTable.Settings, clock: any HostClock, makeRunner: @escaping @Sendable (CallMark) -> Runner,
    report: @escaping @Sendable (Report) -> Void
  ) {
    table = Mutex(WorkerTable(settings))
    self.clock = clock
    self.makeRunner = makeRunner
    self.report = report
    start(table.withLock { $0.hire() })
    watch.withLock { $0 = NamedThread.start(name: "worker-watch") { self.lookAfter() } }
  }

  private var now: Int64 { Int64(clock.monotonicNanoseconds()) }

  /// Any thread.
  func run(_ batch: Batch) {
    let woken = table.withLock { $0.add(batch, now: now) }
    for seat in woken { seat.bell.ring() }
  }

  /// Calls that do not come back, the oldest first. Any thread.
  var stuckCalls: [WorkerTable.StuckCall] { table.withLock { $0.stuckCalls(now: now) } }

  /// Waits until the workers have ended what they are at, at most so long; the rest of the queue is dropped. Threads
  /// that are still in a call then are left behind: they end when it comes back, and touch nothing before that.
  func stop(within nanoseconds: Int64) {
    let deadline = UInt64(now + nanoseconds)
    let seats = table.withLock { $0.stop() }
    for seat in seats { seat.bell.ring() }
    watchBell.ring()
    watch.withLock { watch in
      defer { watch = nil }
      return watch
    }?.join()
    while table.withLock({ $0.livingCount }) > 0, ended.wait(until: deadline) {}
    let left = Set(table.withLock { $0.workers.map(\.seat.number) })
    let gone = threads.withLock { threads in
      defer { threads = [:] }
      return threads.filter { !left.contains($0.key) }.map(\.value)
    }
    for thread in gone { thread.join() }
  }

  private func start(_ seats: [WorkerSeat]) {
    for seat in seats {
      threads.withLock {
        $0[seat.number] = NamedThread.start(name: "worker-\(seat.number)", stackBytes: 8 << 20) { self.work(seat) }
      }
    }
  }

  private func work(_ seat: WorkerSeat) {
    let run = makeRunner(seat.mark)
    while !seat.isLost.load(ordering: .relaxed) {
      let step = table.withLock { $0.take(seat, now: now) }
      if let other = step.wakes { other.bell.ring() }
      if step.ringsWatch { watchBell.ring() }
      if let batch = step.finished { report(.finished(batch)) }
      switch step.next {
      case .run(let job): run(job.batch, job.shard)
      case .wait: seat.bell.wait()
      case .end:
        ended.ring()
        if !seat.isLost.load(ordering: .relaxed) { return }
      }
    }
    // It stands back behind everybody by now, so it must not take the lock that the others want.
    seat.isBack.store(true, ordering: .relaxed)
    watchBell.ring()
  }

  // MARK: the watch

  private func lookAfter() {
    var deadline: UInt64?
    while true {
      watchBell.wait(until: deadline)
      let (look, every) = table.withLock { ($0.look(now: now), $0.lookEvery) }
      act(on: look)
      if look.ends { return }
      deadline = look.sleeps ? nil : UInt64(now + every)
    }
  }

  private func act(on look: WorkerTable.Look) {
    start(look.hired)
    for (call, seconds, seat) in look.lost {
      threads.withLock { $0[seat.number]?.standBack() }
      report(.lost(call.batch, unit: call.unit, seconds: seconds))
    }
    for (call, seat) in look.back {
      report(.back(call.batch, unit: call.unit))
      threads.withLock { $0.removeValue(forKey: seat.number) }?.join()
    }
    if let warning = look.warning { report(.warning(warning)) }
  }
}
