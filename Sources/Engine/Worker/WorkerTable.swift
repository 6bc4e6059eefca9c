/// Who of the workers runs what, who waits, and who is lost: what the pool decides, without its threads and its clock.
///
/// All times are monotonic, in ns. The methods say what is to be done; the pool does it.
struct WorkerTable {
  struct Job {
    let batch: Batch
    let shard: Shard
  }

  struct Settings {
    var workers = 2
    /// A call that lasts longer is given up, in ns.
    var stuckAfter: Int64 = 2_000_000_000
    /// Threads that may be lost at once. Each holds its stack and its Lua state and perhaps a processor, so there is a
    /// point where another one helps nobody.
    var mostLost = 16
  }

  struct Worker {
    let seat: WorkerSeat
    var run: ShardQueue<Job>.Run?
    /// The call it was seen in, and for how long it has been seen there.
    var seen = CallMark.Sight.none
    var held: Int64 = 0
    /// Its call was given up.
    var lost: LostCall?
  }

  struct LostCall {
    var batch: Batch
    var unit: Int
    /// When the call was first seen.
    var since: Int64
  }

  let settings: Settings
  var queue: ShardQueue<Job>
  /// Those that have a thread, the lost ones included.
  var workers: [Worker] = []
  private var idle: [WorkerSeat] = []
  private var seats = 0
  private(set) var isStopping = false
  /// What the watch remembers from one look to the next.
  var lastLook: Int64 = 0
  var quietLooks = 0
  var hasStarted = false
  var watchSleeps = true

  init(_ settings: Settings) {
    self.settings = settings
    queue = ShardQueue(workers: settings.workers)
  }

  var lostCount: Int { workers.count { $0.lost != nil } }
  var livingCount: Int { workers.count - lostCount }

  /// Workers whose threads are to be started now: at the beginning all, later those that take the place of lost ones.
  mutating func hire() -> [WorkerSeat] {
    guard !isStopping, lostCount <= settings.mostLost else { return [] }
    return (0..<max(0, settings.workers - livingCount)).map { _ in
      let seat = WorkerSeat(number: seats)
      seats += 1
      workers.append(Worker(seat: seat))
      return seat
    }
  }

  /// A batch to be run. Returns who is to be woken.
  mutating func add(_ batch: Batch, now: Int64) -> [WorkerSeat] {
    batch.remaining = batch.shards.count
    queue.add(batch.shards.lazy.map { Job(batch: batch, shard: $0) }, of: batch.reader)
    guard !idle.isEmpty, queue.hasNext(now: now) else { return [] }
    let count = min(batch.shards.count, idle.count)
    defer { idle.removeLast(count) }
    return Array(idle.suffix(count))
  }

  struct Step {
    enum Next {
      case run(Job)
      /// Until the seat's bell is rung.
      case wait
      /// The thread ends.
      case end
    }

    var next = Next.wait
    /// Its last shard has ended.
    var finished: Batch?
    /// There is something to do for another one.
    var wakes: WorkerSeat?
    var ringsWatch = false
  }

  /// A worker's thread is free: it has ended what it took last.
  mutating func take(_ seat: WorkerSeat, now: Int64) -> Step {
    var step = Step()
    guard let at = workers.firstIndex(where: { $0.seat === seat }) else {
      step.next = .end
      return step
    }
    if workers[at].lost != nil {
      step.next = .end
      return step
    }
    if let run = workers[at].run {
      workers[at].run = nil
      queue.end(run, now: now)
      step.finished = count(run.job.batch)
    }
    if isStopping {
      workers.remove(at: at)
      step.next = .end
    } else if let run = queue.next(now: now) {
      workers[at].run = run
      workers[at].seen = .none
      workers[at].held = 0
      step.next = .run(run.job)
      hasStarted = true
      step.ringsWatch = watchSleeps
      watchSleeps = false
    } else {
      idle.append(seat)
    }
    // What has ended may have made room for a slow reader.
    if !idle.isEmpty, case .run = step.next, queue.hasNext(now: now) { step.wakes = idle.removeLast() }
    return step
  }

  /// A shard of the batch has ended. The batch, when that was the last one and it is not void.
  private func count(_ batch: Batch) -> Batch? {
    guard !batch.isVoid else { return nil }
    batch.remaining -= 1
    return batch.remaining == 0 ? batch : nil
  }

  /// Nothing more is taken. Returns who is to be woken.
  mutating func stop() -> [WorkerSeat] {
    isStopping = true
    idle = []
    return workers.map(\.seat)
  }
}
