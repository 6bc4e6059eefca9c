import Dispatch
import Events
import LogStorage
import Platform
import Scripts
import Synchronization
import TestKit
import Testing

@testable import Engine

/// The engine with its real threads, files and scripts, and calls that hang where the test says so.
@Suite("A host with a call that does not come back")
struct StuckEngineTests {
  private static let scripts = [
    "hangs.lua": """
    consumer "hangs" {
      from = "start",
      retry = { attempts = 2, first = "10ms", jitter = 0 },
      on = { Work = function(event) emit("Done", { n = event.data.n }) end },
    }
    """,
    "flows.lua": """
    consumer "flows" {
      from = "start",
      on = { Work = function(event) emit("Flowed", { n = event.data.n }) end },
    }
    """,
  ]

  /// Which calls hang, and those that do.
  private final class Gate: Sendable {
    private let state: Mutex<(positions: Set<UInt64>, hanging: Int)>
    private let semaphore = DispatchSemaphore(value: 0)

    init(_ positions: Set<UInt64>) { state = Mutex((positions, 0)) }

    var hanging: Int { state.withLock { $0.hanging } }

    /// The worker's thread, at the beginning of a shard.
    func pass(_ batch: Batch, _ shard: Shard, _ mark: CallMark) {
      guard batch.declaration.name == "hangs" else { return }
      for unit in shard.units where !batch.givenUp.contains(where: { $0.position == batch.units[unit].position }) {
        let hangs = state.withLock { state in
          guard state.positions.contains(batch.units[unit].position) else { return false }
          state.hanging += 1
          return true
        }
        guard hangs else { continue }
        mark.begin(unit)
        semaphore.wait()
        mark.end()
      }
    }

    /// Lets go of those that hang; from now on nobody does.
    func open() {
      let hanging = state.withLock { state in
        state.positions = []
        return state.hanging
      }
      for _ in 0..<hanging { semaphore.signal() }
    }
  }

  private final class Observer: EngineObserver {
    let failures = Mutex<[ProgressRecord.FailedUnit]>([])
    let warnings = Mutex<[String]>([])
    func log(_ lines: [LogLine], consumer: String, position: Position) {}
    func failed(_ unit: ProgressRecord.FailedUnit, consumer: String) { failures.withLock { $0.append(unit) } }
    func warn(_ message: String) { warnings.withLock { $0.append(message) } }
    func journalEnded(_ error: JournalError) { Issue.record("the journal ended: \(error)") }
  }

  private struct Host {
    let opened: OpenedLog
    let engine: RunningEngine
    let observer = Observer()

    init(in folder: String, gate: Gate, stuckAfter: Int64, stopGrace: Int64 = 2_000_000) async throws {
      opened = try LogStore.open(
        folder: folder, fileSystem: LocalFileSystem(), options: LogOptions(), clock: SystemClock(),
        randomness: SystemRandomness())
      var control = ControlState()
      try control.catchUp(with: opened.reader)
      var settings = EngineSettings()
      (settings.stuckAfter, settings.stopGrace) = (stuckAfter, stopGrace)
      let (reader, identity) = (opened.reader, opened.identity)
      engine = RunningEngine(
        settings: settings,
        start: EngineStart(identity: identity, control: control, logBytes: opened.reader.byteCount),
        journal: opened.journal, identities: opened.identities, framer: opened.framer, reader: reader,
        clock: SystemClock(), observer: observer
      ) { mark in
        var runner = ShardRunner(log: reader, clock: SystemClock(), hash: identity.hash, identity: identity, mark: mark)
        return { batch, shard in
          gate.pass(batch, shard, mark)
          runner.run(batch, shard)
        }
      }
      engine.start()
      let files = StuckEngineTests.scripts.map { SourceFile(path: $0.key, text: $0.value) }.sorted { $0.path < $1.path }
      guard case .loaded = await engine.deploy(try Generation.load(files).get()) else {
        throw LogError(.options, "the scripts do not load")
      }
    }

    func append(_ numbers: Range<Int>, subjects: Int) async {
      let batch = EntryBatch(hash: engine.hash)
      for number in numbers {
        Array("Work".utf8).withUnsafeBytes { type in
          Array("s-\(number % subjects)".utf8).withUnsafeBytes { subject in
            Array(#"{"n":\#(number)}"#.utf8).withUnsafeBytes { data in
              batch.begin(kind: .event, type: type, subject: subject, data: data, encoding: .json)
            }
          }
        }
        batch.end()
      }
      _ = await engine.append(batch, expecting: nil, stream: nil)
    }

    /// (type, subject, cause) of what scripts have made, in log order.
    func made(_ type: String) throws -> [(subject: String, cause: UInt64)] {
      var made: [(String, UInt64)] = []
      try opened.reader.replay(fromCommit: 1) { commit in
        for record in commit.records where record.takesPosition && record.entry.type.text == type {
          made.append((record.entry.subject.text, record.entry.cause))
        }
        return true
      }
      return made
    }

    func reader(_ name: String) async -> HostStatus.Reader {
      await engine.status().readers.first { $0.name == name }!
    }

    func stop() async throws -> ControlState {
      defer { try? opened.close() }
      return try await engine.stop()
    }
  }

  @Test
  func `is named in the status, fails by the policy, keeps the others going, and nothing is done twice`() async throws {
    let folder = TemporaryFolder()
    let gate = Gate([5])
    defer { gate.open() }
    let host = try await Host(in: folder.path + "/data", gate: gate, stuckAfter: 1_500_000)
    await host.append(1..<21, subjects: 4)
    try await until("the call hangs") { gate.hanging == 1 }
    try await until("the other consumer is through") { try host.made("Flowed").count == 20 }
    try await until("the status names the call") { await host.reader("hangs").state == "stuck" }
    let note = await host.reader("hangs").note ?? ""
    #expect(note.contains("the call of hangs.lua for the event at 5 has not come back for"), "\(note)")
    #expect(await host.reader("flows").state == "running")

    // Given up: position 5 and what follows of its key wait, the rest is done.
    try await until("the dead letter") { await host.reader("hangs").deadLetters == 1 }
    try await until("the other keys are through") { try host.made("Done").count == 16 }
    #expect(host.observer.failures.withLock { $0.map(\.attempt) } == [1, 2])
    #expect(host.observer.failures.withLock { $0.allSatisfy { $0.kind == .time && $0.position == 5 } })
    #expect(gate.hanging == 1, "the second try was not called: one event takes one worker")
    let after = await host.reader("hangs")
    #expect(after.state == "stuck")
    #expect(after.note?.contains("was given up (1 worker thread is lost") == true, "\(after.note ?? "")")

    gate.open()
    try await until("the call is back") { await host.reader("hangs").state == "running" }
    #expect(await host.reader("hangs").note == nil)
    guard case .done = await host.engine.resolve(.retry, .all(consumer: "hangs", key: nil), by: "test") else {
      return #expect(Bool(false), "the letter cannot be tried again")
    }
    try await until("everything is done") { try host.made("Done").count == 20 }
    let control = try await host.stop()
    #expect(control.readers.allSatisfy { $0.blocked.isEmpty && $0.letters.isEmpty })
    for type in ["Done", "Flowed"] {
      let made = try host.made(type)
      #expect(made.map(\.cause).sorted() == Array(1...20), "\(type)")
      for (_, ofSubject) in Dictionary(grouping: made, by: \.subject) {
        #expect(ofSubject.map(\.cause) == ofSubject.map(\.cause).sorted(), "\(type)")
      }
    }
  }

  @Test func `a stop goes on without the call, and the next start does what it was part of`() async throws {
    let folder = TemporaryFolder()
    let gate = Gate([5])
    defer { gate.open() }
    do {
      let host = try await Host(
        in: folder.path + "/data", gate: gate, stuckAfter: 3_600_000_000, stopGrace: 200_000)
      await host.append(1..<21, subjects: 4)
      try await until("the call hangs") { gate.hanging == 1 }
      try await until("the other consumer is through") { try host.made("Flowed").count == 20 }
      let began = ContinuousClock.now
      let control = try await host.stop()
      #expect(ContinuousClock.now - began < Slowness.stretch(.seconds(10)))
      #expect(control.readers.first { $0.name == "flows" }?.cursor == control.position)
      #expect(control.readers.first { $0.name == "hangs" }!.cursor < 5)
    }
    let host = try await Host(in: folder.path + "/data", gate: Gate([]), stuckAfter: 3_600_000_000)
    try await until("the rest is done") { try host.made("Done").count == 20 }
    _ = try await host.stop()
    #expect(try host.made("Done").map(\.cause).sorted() == Array(1...20))
    #expect(try host.made("Flowed").map(\.cause).sorted() == Array(1...20))
  }

  @Test func `calls that hang one after the other take a thread each, and the work flows on in their places`()
    async throws
  {
    let folder = TemporaryFolder()
    let gate = Gate([1, 2, 3])
    defer { gate.open() }
    let host = try await Host(in: folder.path + "/data", gate: gate, stuckAfter: 200_000)
    await host.append(1..<4, subjects: 100)
    try await until("all three are given up") {
      await host.reader("hangs").note?.contains("3 worker threads are lost") == true
    }
    await host.append(4..<500, subjects: 100)
    try await until("the other consumer is through") { try host.made("Flowed").count == 499 }
    try await until("the rest of this one, too") { try host.made("Done").count >= 400 }
    gate.open()
    try await until("all are back") { await host.reader("hangs").state == "running" }
    _ = try await host.stop()
  }
}
