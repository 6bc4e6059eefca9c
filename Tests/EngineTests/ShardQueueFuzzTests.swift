import TestKit
import Testing

@testable import Engine

@Suite("Worker time is shared, against a model")
struct ShardQueueFuzzTests {
  @Test(arguments: 0..<200)
  func `the queue chooses what a plain list would, and keeps its promises`(seed: Int) {
    var random = Seed(UInt64(seed))
    let workers = 1 + random.below(4)
    let readers = 1 + random.below(6)
    // Swarm: some operations are rare or off, and some worlds know no slow reader.
    let weights = (add: 1 + random.below(6), drop: random.below(2), end: 1 + random.below(6), tick: random.below(4))
    let slowOneIn = random.below(3) == 0 ? 0 : 1 + random.below(8)
    var queue = ShardQueue<Int>(workers: workers)
    var model = Model(workers: workers)
    var running: [(mine: ShardQueue<Int>.Run, ends: Int64)] = []
    var (now, job): (Int64, Int) = (0, 0)
    for step in 0..<400 {
      var choice = random.below(weights.add + weights.drop + weights.end + weights.tick)
      func chosen(_ weight: Int) -> Bool {
        choice -= weight
        return choice < 0
      }
      if chosen(weights.add) {
        let reader = UInt32(1 + random.below(readers))
        let jobs = (0..<random.below(4)).map { job + $0 }
        job += jobs.count
        queue.add(jobs, of: reader)
        model.add(jobs, of: reader)
      } else if chosen(weights.drop) {
        let reader = UInt32(1 + random.below(readers))
        let parity = random.below(2)
        queue.drop(of: reader) { $0 % 2 == parity }
        model.drop(of: reader) { $0 % 2 == parity }
      } else if chosen(weights.end), !running.isEmpty {
        let ended = running.remove(at: random.below(running.count))
        now = max(now, ended.ends)
        queue.end(ended.mine, now: now)
        model.end(ended.mine.job, now: now)
      } else {
        now += Int64(random.below(3_000_000))
      }
      while running.count < workers {
        let expected = model.next(now: now)
        #expect(queue.hasNext(now: now) == (expected != nil), "seed \(seed), step \(step)")
        let run = queue.next(now: now)
        #expect(run?.job == expected, "seed \(seed), step \(step)")
        guard let run, run.job == expected else { break }
        let isSlow = slowOneIn > 0 && random.below(slowOneIn) == 0
        running.append((run, now + Int64(random.below(isSlow ? 300_000_000 : 10_000_000))))
      }
      if let broken = model.broken(now: now) { return #expect(Bool(false), "seed \(seed), step \(step): \(broken)") }
    }
  }

  /// The same rules over plain lists, looked through from end to end.
  private struct Model {
    struct Reader {
      var time: Int64 = 0
      var place = 0
      var isSlow = false
      var quick = 0
      var waiting: [Int] = []
    }

    let limit: Int
    var readers: [UInt32: Reader] = [:]
    var running: [(job: Int, reader: UInt32, began: Int64)] = []
    var time: Int64 = 0
    var places = 0

    init(workers: Int) { limit = max(1, workers - 1) }

    mutating func add(_ jobs: [Int], of number: UInt32) {
      var reader = readers[number, default: Reader()]
      if reader.waiting.isEmpty, !jobs.isEmpty {
        reader.time = max(reader.time, time)
        takePlace(&reader)
      }
      reader.waiting += jobs
      readers[number] = reader
    }

    private mutating func takePlace(_ reader: inout Reader) {
      places += 1
      reader.place = places
    }

    mutating func drop(of number: UInt32, where unwanted: (Int) -> Bool) {
      readers[number]?.waiting.removeAll(where: unwanted)
    }

    mutating func end(_ job: Int, now: Int64) {
      let at = running.firstIndex { $0.job == job }!
      let run = running.remove(at: at)
      var reader = readers[run.reader]!
      reader.time += max(20_000, now - run.began)
      if now - run.began > 25_000_000 {
        (reader.isSlow, reader.quick) = (true, 0)
      } else {
        reader.quick += 1
        if reader.quick >= 4 { reader.isSlow = false }
      }
      if !reader.waiting.isEmpty { takePlace(&reader) }
      readers[run.reader] = reader
    }

    mutating func next(now: Int64) -> Int? {
      for run in running where now - run.began > 25_000_000 && readers[run.reader]?.isSlow == false {
        var reader = readers[run.reader]!
        (reader.isSlow, reader.quick) = (true, 0)
        if !reader.waiting.isEmpty { takePlace(&reader) }
        readers[run.reader] = reader
      }
      let isFull = running.count { readers[$0.reader]!.isSlow } >= limit
      let able = readers.filter { !$0.value.waiting.isEmpty && !($0.value.isSlow && isFull) }
      guard
        let first = able.min(by: { ($0.value.time, $0.value.place) < ($1.value.time, $1.value.place) })?.key
      else { return nil }
      let job = readers[first]!.waiting.removeFirst()
      time = max(time, readers[first]!.time)
      running.append((job, first, now))
      return job
    }

    /// What must hold whatever was chosen.
    func broken(now: Int64) -> String? {
      let quickWaiting = readers.filter { !$0.value.isSlow && !$0.value.waiting.isEmpty }
      if running.count < limit, !quickWaiting.isEmpty { return "a worker is free and \(quickWaiting.keys) wait" }
      if running.isEmpty, readers.contains(where: { !$0.value.waiting.isEmpty }) { return "nobody works" }
      return nil
    }
  }

  /// What a quick reader can lose to another: what it has just had itself, and one batch of the other's.
  @Test(arguments: 0..<100)
  func `a quick reader is passed over only for what it had before the others`(seed: Int) {
    var random = Seed(UInt64(seed))
    let workers = 1 + random.below(3)
    let count = 2 + random.below(5)
    var queue = ShardQueue<Int>(workers: workers)
    var running: [(end: Int64, run: ShardQueue<Int>.Run)] = []
    // By reader: what its last batch took, and the time that others have got since it waits.
    var last = [Int64](repeating: 0, count: count)
    var passed: [Int: [Int64]] = [:]
    var largest = [Int64](repeating: 0, count: count)
    var now: Int64 = 0
    for _ in 0..<500 {
      for reader in 0..<count
      where passed[reader] == nil && !running.contains(where: { $0.run.job == reader }) && random.oneIn(3) {
        queue.add([reader], of: UInt32(reader + 1))
        passed[reader] = [Int64](repeating: 0, count: count)
      }
      while running.count < workers, let run = queue.next(now: now) {
        let cost = 20_000 + Int64(random.below(10_000_000))
        largest[run.job] = max(largest[run.job], cost)
        for (other, time) in (passed[run.job] ?? []).enumerated() where other != run.job {
          #expect(time <= last[run.job] + largest[other], "seed \(seed): reader \(run.job) waits for \(other)")
        }
        passed[run.job] = nil
        for waiting in passed.keys { passed[waiting]![run.job] += cost }
        last[run.job] = cost
        running.append((now + cost, run))
      }
      guard let next = running.indices.min(by: { running[$0].end < running[$1].end }) else { continue }
      let (end, run) = running.remove(at: next)
      now = end
      queue.end(run, now: now)
    }
  }
}
