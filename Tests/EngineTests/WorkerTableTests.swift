import Synchronization
import Testing

@testable import Engine

@Suite("Workers that are watched")
struct WorkerTableTests {
  private static let second: Int64 = 1_000_000_000

  /// A table with its time; a look every quarter of a second, as the watch does.
  private struct Bench {
    var table: WorkerTable
    var seats: [WorkerSeat]
    var now: Int64 = 100 * second

    init(workers: Int = 2, mostLost: Int = 16) {
      table = WorkerTable(WorkerTable.Settings(workers: workers, stuckAfter: 2 * second, mostLost: mostLost))
      seats = table.hire()
    }

    /// The worker's thread comes for more; it begins the call of the shard's first unit.
    @discardableResult
    mutating func take(_ worker: Int) -> WorkerTable.Step {
      let seat = seats[worker]
      if seat.mark.now.unit != nil { seat.mark.end() }
      let step = table.take(seat, now: now)
      if case .run(let job) = step.next { seat.mark.begin(job.shard.units[0]) }
      return step
    }

    /// Looks until something is given up, at most for so long.
    mutating func look(for seconds: Double) -> WorkerTable.Look {
      var look = table.look(now: now)
      let end = now + Int64(seconds * Double(second))
      while look.lost.isEmpty, now < end {
        now += table.lookEvery
        look = table.look(now: now)
      }
      seats += look.hired
      return look
    }
  }

  @Test func `a call that does not come back is given up after its time, and another worker takes the place`() {
    var bench = Bench()
    let batch = Work.batch(7, 8)
    _ = bench.table.add(batch, now: bench.now)
    bench.take(0)
    bench.take(1)
    bench.seats[1].mark.end()
    let began = bench.now
    let look = bench.look(for: 10)
    #expect(look.lost.map(\.call.unit) == [0])
    #expect(look.lost.first?.call.batch === batch)
    #expect(look.lost.first?.seconds == 2)
    #expect((2 * Self.second...3 * Self.second).contains(bench.now - began))
    #expect(look.hired.map(\.number) == [2])
    #expect(look.warning == nil)
    #expect(batch.isVoid)
    // The other shard ends later: the batch is not done.
    #expect(bench.take(1).finished == nil)
    let next = Work.batch(9, number: 2)
    _ = bench.table.add(next, now: bench.now)
    guard case .run(let job) = bench.take(2).next else {
      return #expect(Bool(false), "the new worker has nothing to do")
    }
    #expect(job.batch === next)
    #expect(bench.take(2).finished === next)
  }

  @Test func `calls that come back in time are nothing special, however many there are`() {
    var bench = Bench(workers: 1)
    for number in 1...20 {
      let batch = Work.batch(7, number: UInt64(number))
      _ = bench.table.add(batch, now: bench.now)
      bench.take(0)
      // Always the same unit of the same reader, and a look always finds it in a call.
      #expect(bench.look(for: 1.75).lost.isEmpty)
      #expect(bench.table.stuckCalls(now: bench.now).map(\.isGivenUp) == [false])
      #expect(bench.take(0).finished === batch)
      #expect(bench.table.stuckCalls(now: bench.now).isEmpty)
    }
  }

  @Test func `time in which the watch did not run is held against nobody (fault 41)`() {
    var bench = Bench(workers: 1)
    _ = bench.table.add(Work.batch(7), now: bench.now)
    bench.take(0)
    #expect(bench.look(for: 0.5).lost.isEmpty)
    bench.now += 60 * Self.second
    #expect(bench.look(for: 0).lost.isEmpty)
    #expect(bench.look(for: 10).lost.count == 1)
  }

  @Test func `a worker between two calls, or reading the log, is not given up`() {
    var bench = Bench(workers: 1)
    _ = bench.table.add(Work.batch(7), now: bench.now)
    bench.take(0)
    bench.seats[0].mark.end()
    #expect(bench.look(for: 60).lost.isEmpty)
  }

  @Test func `what waits of a batch that lost a call is dropped, and its overdue calls go with it`() {
    var bench = Bench(workers: 3)
    let batch = Work.batch(1, 2, 3, 4, 5)
    _ = bench.table.add(batch, now: bench.now)
    bench.take(0)
    #expect(bench.look(for: 0.7).lost.isEmpty)
    bench.take(1)
    #expect(bench.look(for: 1).lost.isEmpty)
    bench.take(2)
    let look = bench.look(for: 2)
    // The second is in its call for more than a second, the third is not.
    #expect(look.lost.map(\.call.unit) == [0, 1])
    #expect(look.hired.count == 2)
    guard case .wait = bench.take(2).next else { return #expect(Bool(false), "runs on for a void batch") }
  }

  @Test func `a lost call that comes back ends its thread and counts for nothing`() {
    var bench = Bench(workers: 1)
    let batch = Work.batch(7)
    _ = bench.table.add(batch, now: bench.now)
    bench.take(0)
    let lost = bench.look(for: 10).lost[0]
    let knows = lost.seat.isLost.load(ordering: .relaxed)
    #expect(knows)
    bench.now += 5 * Self.second
    #expect(bench.table.stuckCalls(now: bench.now).map(\.seconds) == [7])
    #expect(bench.table.stuckCalls(now: bench.now).map(\.position) == [7])
    let step = bench.take(0)
    guard case .end = step.next else { return #expect(Bool(false), "a lost worker gets work") }
    #expect(step.finished == nil)
    lost.seat.isBack.store(true, ordering: .relaxed)
    let look = bench.table.look(now: bench.now)
    #expect(look.back.map(\.call.unit) == [0])
    #expect(look.hired.isEmpty)
    #expect(bench.table.stuckCalls(now: bench.now).isEmpty)
    #expect(bench.table.lostCount == 0 && bench.table.livingCount == 1)
  }

  @Test func `so many may be lost, then there is no replacement until one comes back`() {
    var bench = Bench(workers: 2, mostLost: 3)
    var warnings: [String] = []
    for number in 0..<4 {
      _ = bench.table.add(Work.batch(UInt64(number + 1), reader: UInt32(number + 1)), now: bench.now)
      // The newest worker takes it, and hangs; the second one never has anything.
      bench.take(number == 0 ? 0 : bench.seats.count - 1)
      let look = bench.look(for: 10)
      #expect(look.lost.count == 1)
      #expect(look.hired.count == (number < 3 ? 1 : 0))
      if let warning = look.warning { warnings.append(warning) }
    }
    #expect(warnings.count == 1)
    #expect(warnings.first?.contains("4 worker threads are lost") == true)
    #expect(warnings.first?.contains("1 of 2 workers are left") == true)
    bench.seats[0].isBack.store(true, ordering: .relaxed)
    #expect(bench.table.look(now: bench.now).hired.count == 1)
    #expect(bench.table.livingCount == 2)
  }

  @Test func `the watch sleeps while nothing runs and is woken by the next shard`() {
    var bench = Bench(workers: 1)
    bench.take(0)
    var looks = 0
    while !bench.look(for: 0).sleeps, looks < 100 { looks += 1 }
    #expect(looks < 20)
    _ = bench.table.add(Work.batch(1), now: bench.now)
    #expect(bench.take(0).ringsWatch)
    #expect(!bench.look(for: 0).sleeps)
    bench.take(0)
    // Work now and then keeps it awake, so that it costs nobody a wake-up.
    for number in 2..<40 {
      _ = bench.table.add(Work.batch(1, number: UInt64(number)), now: bench.now)
      #expect(!bench.take(0).ringsWatch)
      #expect(!bench.look(for: 0).sleeps)
      bench.take(0)
      #expect(!bench.look(for: 0).sleeps)
    }
  }

  @Test func `whoever can run something is woken, and nobody for a slow reader that has its share`() {
    var bench = Bench(workers: 2)
    for worker in 0..<2 { bench.take(worker) }
    #expect(bench.table.add(Work.batch(1, 2), now: bench.now).count == 2)
    let first = [bench.take(0), bench.take(1)]
    #expect(first.allSatisfy { if case .run = $0.next { true } else { false } })
    bench.now += Self.second / 10
    for worker in 0..<2 { bench.take(worker) }
    // Reader 1 is slow now: one worker runs the first shard, the other stays asleep.
    #expect(bench.table.add(Work.batch(3, 4, number: 2), now: bench.now).count == 2)
    guard case .run = bench.take(0).next, case .wait = bench.take(1).next else {
      return #expect(Bool(false), "not one of the two")
    }
    #expect(bench.table.add(Work.batch(5, reader: 2), now: bench.now).map(\.number) == [1])
    guard case .run(let quick) = bench.take(1).next else { return #expect(Bool(false), "the quick reader waits") }
    #expect(quick.batch.reader == 2)
    // The slow one ends and goes on; the quick one ends and finds nothing.
    guard case .run = bench.take(0).next, case .wait = bench.take(1).next else {
      return #expect(Bool(false), "the second slow shard does not run")
    }
  }

  @Test func `a stopped table gives out nothing, and a batch that was under way is still finished`() {
    var bench = Bench(workers: 2)
    let batch = Work.batch(1)
    _ = bench.table.add(batch, now: bench.now)
    bench.take(0)
    _ = bench.table.add(Work.batch(2, reader: 2), now: bench.now)
    #expect(bench.table.stop().count == 2)
    let step = bench.take(0)
    #expect(step.finished === batch)
    guard case .end = step.next, case .end = bench.take(1).next else { return #expect(Bool(false), "goes on") }
    #expect(bench.table.livingCount == 0)
    #expect(bench.table.look(now: bench.now).ends)
  }
}
