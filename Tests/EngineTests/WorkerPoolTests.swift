import Foundation
import Platform
import Synchronization
import TestKit
import Testing

@testable import Engine

/// The threads themselves; what they decide is tested in `WorkerTableTests`.
@Suite("The worker pool")
struct WorkerPoolTests {
  /// A pool whose calls hang where the test says so.
  private final class Stage: Sendable {
    struct Seen {
      var ran: [UInt64] = []
      var hanging: Set<UInt64> = []
      var reports: [String] = []
      var finished: [UInt64] = []
    }

    let seen = Mutex(Seen())
    let gate = DispatchSemaphore(value: 0)
    let pool = Mutex<WorkerPool?>(nil)

    /// Calls of positions in `hangs` wait at the gate.
    init(workers: Int = 2, stuckAfter: Int64 = 100_000_000, mostLost: Int = 16, hangs: Set<UInt64>) {
      let settings = WorkerTable.Settings(workers: workers, stuckAfter: stuckAfter, mostLost: mostLost)
      let made = WorkerPool(settings, clock: SystemClock()) { [self] mark in
        { [self] batch, shard in
          for unit in shard.units where !batch.isVoid {
            let position = batch.units[unit].position
            mark.begin(unit)
            if hangs.contains(position) {
              seen.withLock { _ = $0.hanging.insert(position) }
              gate.wait()
            }
            mark.end()
            seen.withLock { $0.ran.append(position) }
          }
        }
      } report: { [self] report in
        seen.withLock { seen in
          switch report {
          case .finished(let batch): seen.finished.append(batch.number)
          case .lost(let batch, let unit, _): seen.reports.append("lost \(batch.units[unit].position)")
          case .back(let batch, let unit): seen.reports.append("back \(batch.units[unit].position)")
          case .warning: seen.reports.append("warning")
          }
        }
      }
      pool.withLock { $0 = made }
    }

    func run(_ batch: Batch) { pool.withLock { $0! }.run(batch) }
    func stop(within seconds: Double = 10) { pool.withLock { $0! }.stop(within: Int64(seconds * 1e9)) }
    var stuck: [WorkerTable.StuckCall] { pool.withLock { $0! }.stuckCalls }
  }

  /// An hour: beside tests that keep all cores, minutes may pass before a test goes on.
  private static let never: Int64 = 3_600_000_000_000

  @Test func `every batch is finished once, by many workers`() async throws {
    let stage = Stage(workers: 4, hangs: [])
    for number in 1...500 {
      stage.run(Work.batch(1, 2, 3, reader: UInt32(number % 7 + 1), number: UInt64(number)))
    }
    try await until("all are finished") { stage.seen.withLock { $0.finished.count == 500 } }
    #expect(stage.seen.withLock { $0.finished.sorted() } == Array(1...500))
    #expect(stage.seen.withLock { $0.ran.count } == 1500)
    stage.stop()
  }

  @Test func `a call that hangs is given up and its place taken, and its late end changes nothing`() async throws {
    let stage = Stage(workers: 1, hangs: [7])
    stage.run(Work.batch(7, reader: 1, number: 1))
    try await until("the call is shown as stuck") { stage.stuck.map(\.position) == [7] }
    stage.run(Work.batch(8, reader: 2, number: 2))
    try await until("the next batch is finished") { stage.seen.withLock { $0.finished == [2] } }
    #expect(stage.seen.withLock { $0.reports } == ["lost 7"])
    #expect(stage.stuck.map(\.isGivenUp) == [true])
    stage.gate.signal()
    try await until("the lost thread is back") { stage.seen.withLock { $0.reports == ["lost 7", "back 7"] } }
    #expect(stage.stuck.isEmpty)
    stage.run(Work.batch(9, reader: 1, number: 3))
    try await until("work goes on") { stage.seen.withLock { $0.finished == [2, 3] } }
    stage.stop()
    #expect(stage.seen.withLock { $0.finished } == [2, 3])
  }

  @Test func `with as many lost as may be, the rest goes on, and the pool grows again when one comes back`()
    async throws
  {
    let stage = Stage(workers: 2, mostLost: 1, hangs: [1, 2])
    stage.run(Work.batch(1, reader: 1, number: 1))
    stage.run(Work.batch(2, reader: 2, number: 2))
    try await until("both are given up") {
      stage.seen.withLock { Set($0.reports).isSuperset(of: ["lost 1", "lost 2"]) }
    }
    try await until("the warning") { stage.seen.withLock { $0.reports.contains("warning") } }
    stage.gate.signal()
    stage.gate.signal()
    try await until("both are back") { stage.seen.withLock { $0.reports.count { $0.hasPrefix("back") } == 2 } }
    for number in 3...20 { stage.run(Work.batch(3, 4, reader: 3, number: UInt64(number))) }
    try await until("work goes on") { stage.seen.withLock { $0.finished.count == 18 } }
    stage.stop()
  }

  @Test func `a stop waits for calls that come back`() async throws {
    let stage = Stage(workers: 2, stuckAfter: Self.never, hangs: [1])
    stage.run(Work.batch(1))
    try await until("it runs") { stage.seen.withLock { $0.hanging == [1] } }
    Thread.detachNewThread {
      usleep(100_000)
      stage.gate.signal()
    }
    stage.stop(within: 60)
    #expect(stage.seen.withLock { $0.finished } == [1])
  }

  @Test func `a stop does not wait for ever for one that does not`() async throws {
    let stage = Stage(workers: 2, stuckAfter: Self.never, hangs: [1])
    stage.run(Work.batch(1))
    try await until("it runs") { stage.seen.withLock { $0.hanging == [1] } }
    let began = ContinuousClock.now
    stage.stop(within: 0.2)
    #expect(ContinuousClock.now - began < Slowness.stretch(.seconds(5)))
    #expect(stage.seen.withLock { $0.finished } == [])
    stage.gate.signal()
    try await until("the thread ends after all") { stage.seen.withLock { $0.ran == [1] } }
  }

  @Test func `a lost thread stands back behind the others`() async throws {
    let policy = Mutex<String?>(nil)
    let gate = DispatchSemaphore(value: 0)
    let began = Mutex(false)
    let thread = NamedThread.start(name: "stands-back") {
      began.withLock { $0 = true }
      gate.wait()
      policy.withLock { $0 = Self.schedulingPolicy() }
    }
    try await until("it runs") { began.withLock { $0 } }
    thread.standBack()
    gate.signal()
    thread.join()
    #if os(Linux)
      #expect(policy.withLock { $0 } == "5", "not SCHED_IDLE")
    #endif
  }

  /// Field 41 of the thread's line in /proc.
  private static func schedulingPolicy() -> String? {
    guard let file = fopen("/proc/thread-self/stat", "r") else { return nil }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 2048)
    let count = fread(&bytes, 1, bytes.count, file)
    let text = String(decoding: bytes.prefix(count), as: UTF8.self)
    // The name, in parentheses, may hold spaces.
    guard let close = text.lastIndex(of: ")") else { return nil }
    return text[close...].split(separator: " ").dropFirst(39).first.map { String($0) }
  }
}

/// Waits for a condition, and says what it waited for when it does not come.
func until(_ what: String, within seconds: Double = 30, _ holds: () async throws -> Bool) async throws {
  struct NeverCame: Error, CustomStringConvertible { var description: String }
  let end = ContinuousClock.now + Slowness.stretch(.seconds(seconds))
  while try await !holds() {
    if ContinuousClock.now > end { throw NeverCame(description: "waited \(seconds) s until \(what)") }
    try await Task.sleep(for: .milliseconds(2))
  }
}
