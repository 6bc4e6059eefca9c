import DequeModule
import HeapModule

/// Decides which waiting shard a free worker runs next, so that no reader can keep the workers from the others.
///
/// Worker time is shared fairly: every reader has a time of its own, which advances by what its shards take, and the
/// reader that is furthest back goes first (start-time fair queueing). A reader that comes back after a pause begins at
/// the time of those that are being served: what it did not use is not saved up.
///
/// Fair shares alone do not help against a call that holds its worker for a quarter of a second, since nobody can take
/// it away. So readers whose shards take long are slow, and slow readers together have all workers but one (with a
/// single worker: that one).
///
/// Times are in ns of a clock that never goes back. Nothing here costs more than a heap's logarithm, per shard.
struct ShardQueue<Job> {
  /// A shard that a worker has taken.
  struct Run {
    let reader: UInt32
    let job: Job
    let began: Int64
  }

  /// A shard that takes longer is slow: a single call took this long, or it has overrun its slice by far.
  static var slowAfter: Int64 { 25_000_000 }
  /// A slow reader is quick again after so many quick shards in a row. One would not do: between two slow calls there
  /// may be a quick one.
  static var quickAgainAfter: Int { 4 }
  /// What a shard costs at least, so that a reader with many tiny ones does not go first for ever.
  static var leastCharge: Int64 { 20_000 }

  private struct Reader {
    var time: Int64 = 0
    var waiting: Deque<Job> = []
    var isSlow = false
    var quickInARow = 0
    /// Of its entry in one of the heaps; any other entry of this reader is out of date. 0: none.
    var ticket: UInt64 = 0
  }

  /// A reader that has something waiting. Who came first goes first among equals.
  private struct Entry: Comparable {
    var time: Int64
    var ticket: UInt64
    var reader: Int

    static func < (left: Entry, right: Entry) -> Bool { (left.time, left.ticket) < (right.time, right.ticket) }
  }

  private let slowLimit: Int
  /// By reader number - 1.
  private var readers: [Reader] = []
  private var quick = Heap<Entry>()
  private var slow = Heap<Entry>()
  /// The time of those that are being served.
  private var time: Int64 = 0
  private var tickets: UInt64 = 0
  private var running: [(reader: Int, began: Int64)] = []

  init(workers: Int) { slowLimit = max(1, workers - 1) }

  mutating func add(_ jobs: some Sequence<Job>, of reader: UInt32) {
    let index = Int(reader) - 1
    while readers.count <= index { readers.append(Reader()) }
    let waits = !readers[index].waiting.isEmpty
    readers[index].waiting.append(contentsOf: jobs)
    guard !waits, !readers[index].waiting.isEmpty else { return }
    readers[index].time = max(readers[index].time, time)
    enterAnew(index)
  }

  /// Whether `next` would give something.
  mutating func hasNext(now: Int64) -> Bool { first(now) != nil }

  /// Takes out what is to run next; nil when nothing waits, or slow readers only and they have their share.
  mutating func next(now: Int64) -> Run? {
    guard let entry = first(now) else { return nil }
    let index = entry.reader
    if readers[index].isSlow { slow.removeMin() } else { quick.removeMin() }
    let job = readers[index].waiting.removeFirst()
    // The other shards of its batch keep the place: a batch is of use when all of it is done.
    if readers[index].waiting.isEmpty { readers[index].ticket = 0 } else { enter(index) }
    time = max(time, readers[index].time)
    running.append((index, now))
    return Run(reader: UInt32(index + 1), job: job, began: now)
  }

  /// What was taken out has ended, or will not be waited for.
  mutating func end(_ run: Run, now: Int64) {
    let index = Int(run.reader) - 1
    guard let at = running.firstIndex(where: { $0.reader == index && $0.began == run.began }) else { return }
    running.remove(at: at)
    let elapsed = now - run.began
    readers[index].time += max(elapsed, Self.leastCharge)
    if elapsed > Self.slowAfter {
      readers[index].isSlow = true
      readers[index].quickInARow = 0
    } else if readers[index].isSlow {
      readers[index].quickInARow += 1
      if readers[index].quickInARow == Self.quickAgainAfter { readers[index].isSlow = false }
    }
    if !readers[index].waiting.isEmpty { enterAnew(index) }
  }

  /// Drops what waits of a reader and is not wanted any more.
  mutating func drop(of reader: UInt32, where isUnwanted: (Job) -> Bool) {
    let index = Int(reader) - 1
    guard readers.indices.contains(index) else { return }
    readers[index].waiting.removeAll(where: isUnwanted)
    if readers[index].waiting.isEmpty { readers[index].ticket = 0 }
  }

  func isSlow(_ reader: UInt32) -> Bool {
    readers.indices.contains(Int(reader) - 1) && readers[Int(reader) - 1].isSlow
  }

  private mutating func first(_ now: Int64) -> Entry? {
    noticeSlow(now)
    let quick = Self.first(of: &quick, readers)
    guard running.count(where: { readers[$0.reader].isSlow }) < slowLimit,
      let slow = Self.first(of: &slow, readers)
    else { return quick }
    return quick.map { min($0, slow) } ?? slow
  }

  private static func first(of heap: inout Heap<Entry>, _ readers: [Reader]) -> Entry? {
    while let entry = heap.min {
      if readers[entry.reader].ticket == entry.ticket { return entry }
      heap.removeMin()
    }
    return nil
  }

  /// What runs for too long is slow before it has ended: else two readers that begin to be slow at the same time could
  /// take turns in holding all workers.
  private mutating func noticeSlow(_ now: Int64) {
    for run in running where now - run.began > Self.slowAfter && !readers[run.reader].isSlow {
      readers[run.reader].isSlow = true
      readers[run.reader].quickInARow = 0
      if !readers[run.reader].waiting.isEmpty { enterAnew(run.reader) }
    }
  }

  /// Behind its equals; an older entry of it becomes void.
  private mutating func enterAnew(_ index: Int) {
    tickets += 1
    readers[index].ticket = tickets
    enter(index)
  }

  private mutating func enter(_ index: Int) {
    let entry = Entry(time: readers[index].time, ticket: readers[index].ticket, reader: index)
    if readers[index].isSlow { slow.insert(entry) } else { quick.insert(entry) }
  }
}
