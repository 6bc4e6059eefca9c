import CoreMetrics
import Engine
import Events
import Foundation
import LogStorage
import Platform
import Scripts

/// A host in a folder of its own: the daemon without its door.
struct BenchHost {
  let folder: String
  let opened: OpenedLog
  let engine: RunningEngine
  private let run: BenchRun

  init(_ run: BenchRun) throws {
    self.run = run
    folder = run.newFolder()
    opened = try LogStore.open(
      folder: folder, fileSystem: LocalFileSystem(), options: LogOptions(), clock: SystemClock(),
      randomness: SystemRandomness())
    var settings = EngineSettings()
    settings.workers = run.workers
    engine = RunningEngine(
      settings: settings, start: EngineStart(identity: opened.identity, control: ControlState(), logBytes: 0),
      journal: opened.journal, identities: opened.identities, framer: opened.framer, reader: opened.reader,
      clock: SystemClock(), observer: SilentObserver())
    engine.start()
  }

  /// Runs `body` with a host that is stopped and removed afterwards, however it ends.
  static func with<Result>(_ run: BenchRun, _ body: (BenchHost) async throws -> Result) async throws -> Result {
    let host = try BenchHost(run)
    let result: Result
    do {
      result = try await body(host)
    } catch {
      try? await host.stop()
      throw error
    }
    try await host.stop()
    return result
  }

  func deploy(_ source: String) async throws {
    let scripts = try Generation.load([SourceFile(path: "bench.lua", text: source)]).get()
    if case .refused(let errors) = await engine.deploy(scripts) { throw BenchError(errors.joined(separator: "\n")) }
  }

  private func stop() async throws {
    _ = try await engine.stop()
    try opened.close()
    try FileManager.default.removeItem(atPath: folder)
  }

  /// Events with data that fill their records, a thousand a batch.
  func batches(_ count: Int, type: String, recordBytes: Int, subjects: Int = 10_000) -> [EntryBatch] {
    BenchEvents(hash: engine.hash, type: type, recordBytes: recordBytes, subjects: subjects).batches(count)
  }

  /// Appends batches with a bounded number in flight; returns once all are durable.
  func append(_ batches: some Sequence<EntryBatch>, inFlight: Int = 32) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      var started = 0
      for batch in batches {
        try run.goOn()
        if started >= inFlight { try await group.next() }
        started += 1
        group.addTask {
          let outcome = await engine.append(batch, expecting: nil, stream: nil)
          guard case .appended = outcome else { throw BenchError("an append was answered \(outcome)") }
        }
      }
      try await group.waitForAll()
    }
  }

  /// Returns when the log is durable up to `position`.
  func wait(for position: UInt64) async throws {
    var durable = engine.durable
    while durable.rawValue < position {
      try run.goOn()
      durable = try await engine.waitForDurable(after: durable)
    }
  }
}

final class SilentObserver: EngineObserver {
  func log(_ lines: [LogLine], consumer: String, position: Position) {}
  func failed(_ unit: ProgressRecord.FailedUnit, consumer: String) {}
  func warn(_ message: String) {}
  func journalEnded(_ error: JournalError) { fatalError("the log of the benchmark failed: \(error)") }
}

/// Seconds that `body` takes.
func seconds(_ body: () async throws -> Void) async rethrows -> Double {
  let start = ContinuousClock.now
  try await body()
  return (ContinuousClock.now - start).seconds
}

extension Duration {
  var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
