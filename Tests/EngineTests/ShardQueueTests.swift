import TestKit
import Testing

@testable import Engine

@Suite("Worker time is shared")
struct ShardQueueTests {
  private static let millisecond: Int64 = 1_000_000

  @Test func `readers that always have something take turns`() {
    for count in 1...5 {
      var queue = ShardQueue<Int>(workers: 1)
      for reader in 1...count { queue.add([reader], of: UInt32(reader)) }
      var order: [Int] = []
      var now: Int64 = 0
      for _ in 0..<(count * 10) {
        guard let run = queue.next(now: now) else { return #expect(Bool(false), "nothing to run") }
        order.append(run.job)
        now += Self.millisecond
        queue.end(run, now: now)
        queue.add([run.job], of: run.reader)
      }
      #expect(order == (0..<(count * 10)).map { $0 % count + 1 })
    }
  }

  @Test func `a reader that was idle goes first once, and has saved up nothing`() {
    var queue = ShardQueue<Int>(workers: 1)
    queue.add([1], of: 1)
    var now: Int64 = 0
    var order: [Int] = []
    for step in 0..<30 {
      // Reader 2 comes after the first has had the worker for ten shards.
      if step == 10 { queue.add([2], of: 2) }
      guard let run = queue.next(now: now) else { break }
      order.append(run.job)
      now += 10 * Self.millisecond
      queue.end(run, now: now)
      queue.add([run.job], of: run.reader)
    }
    #expect(order.prefix(10).allSatisfy { $0 == 1 })
    #expect(zip(order.dropFirst(10), order.dropFirst(11)).allSatisfy { $0 != $1 }, "\(order)")
  }

  @Test func `the shards of a batch stay together`() {
    var queue = ShardQueue<String>(workers: 2)
    queue.add(["a1", "a2"], of: 1)
    queue.add(["b1", "b2"], of: 2)
    let order = (0..<4).compactMap { queue.next(now: Int64($0))?.job }
    #expect(order == ["a1", "a2", "b1", "b2"])
  }

  @Test func `slow readers leave a worker free, for every number of workers and of slow readers`() {
    for workers in 1...4 {
      for slow in 1...4 {
        var loop = Loop(workers: workers, costs: Array(repeating: 250 * Self.millisecond, count: slow))
        // What they are shows in their first shards.
        loop.run(shards: 2 * slow + workers)
        loop.mostBusy = 0
        loop.run(shards: 200)
        #expect(loop.mostBusy == min(slow, max(1, workers - 1)), "\(workers) workers, \(slow) slow readers")
      }
    }
  }

  @Test func `two readers that begin to be slow at the same time cannot take turns in holding both workers`() {
    var queue = ShardQueue<Int>(workers: 2)
    for reader in 1...2 { queue.add([reader, reader], of: UInt32(reader)) }
    let first = queue.next(now: 0)!
    let second = queue.next(now: 1)!
    #expect(first.reader == 1 && second.reader == 1)
    queue.end(first, now: 100 * Self.millisecond)
    #expect(queue.isSlow(1))
    // The other shard of reader 1 runs still. Reader 2 is not known to be slow, so it may go.
    let third = queue.next(now: 100 * Self.millisecond)!
    #expect(third.reader == 2)
    queue.end(second, now: 150 * Self.millisecond)
    // Reader 2 runs for 50 ms by now, which is enough to know.
    #expect(queue.next(now: 150 * Self.millisecond) == nil)
    #expect(queue.isSlow(2))
    queue.end(third, now: 200 * Self.millisecond)
    #expect(queue.next(now: 200 * Self.millisecond)?.reader == 2)
  }

  @Test func `a reader is quick again when its shards are`() {
    var queue = ShardQueue<Int>(workers: 2)
    var now: Int64 = 0
    func shard(of cost: Int64) {
      queue.add([1], of: 1)
      let run = queue.next(now: now)!
      now += cost
      queue.end(run, now: now)
    }
    let enough = ShardQueue<Int>.quickAgainAfter
    shard(of: 30 * Self.millisecond)
    for _ in 1..<enough { shard(of: Self.millisecond) }
    #expect(queue.isSlow(1), "one short of enough")
    shard(of: 30 * Self.millisecond)
    for _ in 1..<enough { shard(of: Self.millisecond) }
    #expect(queue.isSlow(1), "it begins anew after a slow one")
    shard(of: Self.millisecond)
    #expect(!queue.isSlow(1))
  }

  @Test func `what is dropped is not run, and the reader may come back`() {
    var queue = ShardQueue<Int>(workers: 1)
    queue.add([1, 2, 3], of: 1)
    queue.add([4], of: 2)
    queue.drop(of: 1) { $0 != 2 }
    queue.drop(of: 7) { _ in true }
    #expect(queue.next(now: 0)?.job == 2)
    queue.add([5], of: 1)
    queue.drop(of: 1) { _ in true }
    queue.add([6], of: 1)
    #expect([queue.next(now: 0)?.job, queue.next(now: 0)?.job, queue.next(now: 0)?.job] == [4, 6, nil])
  }

  // MARK: waiting

  /// Every mixture of up to four readers, each quick, at the end of its slice, or spinning, on one to three workers.
  @Test func `a quick reader waits for the slices of the others and never for a spinning one`() {
    let costs = [Self.millisecond, 10 * Self.millisecond, 250 * Self.millisecond]
    for workers in 2...3 {
      for count in 1...4 {
        for mixture in Self.mixtures(of: costs, count: count) {
          var loop = Loop(workers: workers, costs: mixture)
          loop.run(shards: 3 * count + workers)
          loop.longestWait = Array(repeating: 0, count: count)
          loop.run(shards: 1000)
          let slices = mixture.filter { $0 <= 10 * Self.millisecond }.reduce(0, +)
          for (reader, cost) in mixture.enumerated() where cost <= 10 * Self.millisecond {
            // Once the slices of all, and what it has had itself counts first.
            #expect(
              loop.longestWait[reader] <= slices + cost,
              "reader \(reader) of \(mixture) on \(workers) workers waited \(loop.longestWait[reader]) ns")
          }
          if slices == 0 { continue }
          let spun = loop.served.enumerated().filter { mixture[$0.offset] > 10 * Self.millisecond }
          #expect(spun.allSatisfy { $0.element > 0 }, "\(mixture): a slow reader is not shut out either")
        }
      }
    }
  }

  private static func mixtures(of costs: [Int64], count: Int) -> [[Int64]] {
    guard count > 0 else { return [[]] }
    return mixtures(of: costs, count: count - 1).flatMap { rest in costs.map { rest + [$0] } }
  }

  /// Readers that come back with the next shard as soon as one has ended, in virtual time.
  private struct Loop {
    private let costs: [Int64]
    private let workers: Int
    private var queue: ShardQueue<Int>
    private var running: [(end: Int64, run: ShardQueue<Int>.Run)] = []
    private var since: [Int64]
    private var now: Int64 = 0
    var mostBusy = 0
    var longestWait: [Int64]
    var served: [Int]

    init(workers: Int, costs: [Int64]) {
      (self.workers, self.costs) = (workers, costs)
      queue = ShardQueue(workers: workers)
      since = Array(repeating: 0, count: costs.count)
      longestWait = since
      served = Array(repeating: 0, count: costs.count)
      for reader in costs.indices { queue.add([reader], of: UInt32(reader + 1)) }
    }

    mutating func run(shards: Int) {
      var left = shards
      while left > 0 {
        while running.count < workers, let run = queue.next(now: now) {
          longestWait[run.job] = max(longestWait[run.job], now - since[run.job])
          running.append((now + costs[run.job], run))
          left -= 1
        }
        mostBusy = max(mostBusy, running.count)
        let next = running.indices.min { running[$0].end < running[$1].end }!
        let (end, run) = running.remove(at: next)
        now = end
        served[run.job] += 1
        queue.end(run, now: now)
        since[run.job] = now
        queue.add([run.job], of: run.reader)
      }
    }
  }
}
