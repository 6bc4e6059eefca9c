import Events
import LogStorage
import Platform
import Scripts
import Synchronization
import TestKit
import Testing

@testable import Engine

/// The engine with all its threads on real files, asked by many at once. What the single-threaded tests say about the
/// outcome is not said again: this one is for ThreadSanitizer, and for what only happens with threads.
@Suite struct ThreadsTests {
  private static let scripts = """
    consumer "double" {
      retry = { attempts = 3, first = "1ms", factor = 1, jitter = 0 },
      on = { Number = function(event)
        if event.data.n % 97 == 0 then error("no") end
        emit("Doubled", { n = 2 * event.data.n })
      end },
    }
    consumer "check" {
      exhausted = "skip", retry = { attempts = 1 },
      on = { Doubled = function(event) if event.data.n % 502 == 0 then fail("no") end end },
    }
    """
  private static let writers = 4
  private static let eachWrites = 25
  private static let batch = 20

  private let folder = TemporaryFolder()

  private func open() throws -> (OpenedLog, RunningEngine, Problems) {
    let opened = try LogStore.open(
      folder: folder.path + "/data", fileSystem: LocalFileSystem(), options: LogOptions(), clock: SystemClock(),
      randomness: SystemRandomness())
    var control = ControlState()
    try control.catchUp(with: opened.reader)
    var settings = EngineSettings()
    settings.workers = 3
    let problems = Problems()
    let engine = RunningEngine(
      settings: settings, start: EngineStart(identity: opened.identity, control: control, logBytes: 0),
      journal: opened.journal, identities: opened.identities, framer: opened.framer, reader: opened.reader,
      clock: SystemClock(), observer: problems)
    engine.start()
    return (opened, engine, problems)
  }

  @Test func `all threads at work leave a log that folds to the state they leave`() async throws {
    let (opened, engine, problems) = try open()
    try await deploy(Self.scripts, to: engine)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for writer in 0..<Self.writers { group.addTask { try await Self.write(writer, to: engine) } }
      group.addTask { try await operate(engine) }
      group.addTask { await Self.look(engine) }
      group.addTask { try Self.read(engine, until: UInt64(Self.writers * Self.eachWrites * Self.batch)) }
      try await group.waitForAll()
    }
    try await waitUntilQuiet(engine)
    let control = try await engine.stop()
    try opened.close()
    #expect(problems.all == [])
    var folded = ControlState()
    let log = try LogStore.openReadOnly(folder: folder.path + "/data", fileSystem: LocalFileSystem())
    try folded.catchUp(with: log.reader)
    #expect(folded == control)
    try checkOutcome(log.reader, control)
    let verified = try LogVerifier.verify(folder: folder.path + "/data", fileSystem: LocalFileSystem())
    #expect(verified.isGood && verified.notes.isEmpty, "\(verified)")
  }

  @Test func `whoever is answered finds what was asked for: the scripts that run, the events that are durable`()
    async throws
  {
    let (opened, engine, problems) = try open()
    for round in 0..<200 {
      let scripts = try Generation.load([
        SourceFile(path: "a.lua", text: "consumer \"c\" { on = { E = function() end } } -- \(round / 2)")
      ]).get()
      _ = await engine.deploy(scripts)
      #expect(engine.runningGeneration?.scripts.fingerprint == scripts.fingerprint)
      let batch = EntryBatch(hash: engine.hash)
      batch.add("E", "s", json: "{}".utf8)
      guard case .appended(_, let last, _, _) = await engine.append(batch, expecting: nil, stream: nil) else {
        Issue.record("not appended")
        break
      }
      #expect(engine.durable >= last)
    }
    _ = try await engine.stop()
    try opened.close()
    #expect(problems.all == [])
  }

  private func deploy(_ source: String, to engine: RunningEngine) async throws {
    let scripts = try Generation.load([SourceFile(path: "numbers.lua", text: source)]).get()
    if case .refused(let errors) = await engine.deploy(scripts) { throw Fuzz.Wrong(errors.joined(separator: "\n")) }
  }

  /// Every event has an id, and every batch is sent twice.
  private static func write(_ writer: Int, to engine: RunningEngine) async throws {
    for round in 0..<eachWrites {
      for isSecond in [false, true] {
        let batch = EntryBatch(hash: engine.hash)
        for index in 0..<Self.batch {
          let number = (writer * eachWrites + round) * Self.batch + index + 1
          add(number, to: batch)
        }
        let outcome = await engine.append(batch, expecting: nil, stream: nil)
        guard case .appended(_, _, Self.batch, let duplicates) = outcome, duplicates == (isSecond ? Self.batch : 0)
        else { throw Fuzz.Wrong("an append was answered \(outcome)") }
      }
    }
  }

  private static func add(_ number: Int, to batch: EntryBatch) {
    let (type, source) = (Array("Number".utf8), Array("test".utf8))
    let (subject, data, id) = (Array("k\(number % 13)".utf8), Array(#"{"n":\#(number)}"#.utf8), Array("\(number)".utf8))
    type.withUnsafeBytes { type in
      subject.withUnsafeBytes { subject in
        data.withUnsafeBytes { batch.begin(kind: .event, type: type, subject: subject, data: $0, encoding: .json) }
      }
    }
    let identity = id.withUnsafeBytes { id in
      source.withUnsafeBytes { source in
        batch.addAttribute(.id, id)
        batch.addAttribute(.source, source)
        return batch.hash.identity(source: source, id: id)
      }
    }
    batch.end(identityHash: identity)
  }

  /// Verbs and deploys between the events.
  private func operate(_ engine: RunningEngine) async throws {
    for round in 0..<6 {
      _ = await engine.act(.pause, on: "check", by: "ops")
      try await deploy(Self.scripts + "-- \(round)\n", to: engine)
      _ = await engine.act(.resume, on: "check", by: "ops")
      _ = await engine.resolve(.retry, .all(consumer: "double", key: nil), by: "ops")
      _ = try await engine.waitForDurable(after: Position(UInt64(round)))
    }
  }

  private static func look(_ engine: RunningEngine) async {
    for _ in 0..<100 {
      let status = await engine.status()
      if let page = await engine.letters(LetterQuery()), let letter = page.letters.first {
        _ = try? FailureHistory.read(letter.id, from: engine.reader)
      }
      _ = (status.head, engine.durable, engine.durablePoint, engine.isOverloaded, engine.isOutOfSpace)
    }
  }

  /// Reads what is durable, on and on.
  private static func read(_ engine: RunningEngine, until count: UInt64) throws {
    while true {
      let durable = engine.durable
      if durable.rawValue >= count { return }
      guard durable.rawValue > 0 else { continue }
      let from = Position(durable.rawValue > 50 ? durable.rawValue - 50 : 1)
      _ = try engine.reader.chunk(from: from, through: durable)
    }
  }

  /// Until nothing is left but dead letters and what waits behind them.
  private func waitUntilQuiet(_ engine: RunningEngine) async throws {
    let end = ContinuousClock.now + Slowness.stretch(.seconds(30))
    while true {
      let status = await engine.status()
      let isDone = status.readers.allSatisfy { $0.lag == 0 && $0.blockedKeys <= $0.deadLetters }
      if isDone, status.head == status.durable { return }
      if ContinuousClock.now > end { throw Fuzz.Wrong("it does not come to rest: \(status)") }
      _ = try? await engine.waitForDurable(after: Position(status.durable))
    }
  }

  /// Each number is there once, and was doubled unless it waits behind a dead letter.
  private func checkOutcome(_ log: LogReader, _ control: ControlState) throws {
    var numbers: [String: Int] = [:]
    var doubled: [String: Int] = [:]
    try log.replay(fromCommit: 1) { commit in
      for record in commit.records where record.takesPosition {
        if record.entry.type.text == "Number" { numbers[record.entry.data.text, default: 0] += 1 }
        if record.entry.type.text == "Doubled" { doubled[record.entry.data.text, default: 0] += 1 }
      }
      return true
    }
    let waiting = control.readers[0].blocked.unitCount
    #expect(numbers.count == Self.writers * Self.eachWrites * Self.batch && numbers.values.allSatisfy { $0 == 1 })
    #expect(doubled.values.allSatisfy { $0 == 1 })
    #expect(doubled.count + waiting == numbers.count, "\(waiting) wait")
  }
}

/// What the engine says goes wrong with itself.
private final class Problems: EngineObserver {
  private let found = Mutex<[String]>([])
  var all: [String] { found.withLock { $0 } }

  func log(_ lines: [LogLine], consumer: String, position: Position) {}
  func failed(_ unit: ProgressRecord.FailedUnit, consumer: String) {}
  func warn(_ message: String) { found.withLock { $0.append(message) } }
  func journalEnded(_ error: JournalError) { found.withLock { $0.append("\(error)") } }
}
