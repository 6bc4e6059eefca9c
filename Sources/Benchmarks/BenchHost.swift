import CoreMetrics
import Engine
import Events
import Foundation
import LogStorage
import Platform
import Scripts

/// A host in a temporary folder: the daemon without its door, and counting as the daemon does.
struct BenchHost {
  let folder: String
  let opened: OpenedLog
  let engine: RunningEngine

  /// `parent`: the folder whose disk is measured.
  init(in parent: String, workers: Int) throws {
    folder = parent + "/bench-\(ProcessInfo.processInfo.processIdentifier)-\(UInt32.random(in: 0...UInt32.max))"
    opened = try LogStore.open(
      folder: folder, fileSystem: LocalFileSystem(), options: LogOptions(), clock: SystemClock(),
      randomness: SystemRandomness())
    var settings = EngineSettings()
    settings.workers = workers
    engine = RunningEngine(
      settings: settings, start: EngineStart(identity: opened.identity, control: ControlState(), logBytes: 0),
      journal: opened.journal, identities: opened.identities, framer: opened.framer, reader: opened.reader,
      clock: SystemClock(), observer: SilentObserver())
    engine.start()
  }

  func deploy(_ source: String) async throws {
    let scripts = try Generation.load([SourceFile(path: "bench.lua", text: source)]).get()
    if case .refused(let errors) = await engine.deploy(scripts) { throw BenchError(errors.joined(separator: "\n")) }
  }

  func stop() async throws {
    _ = try await engine.stop()
    try opened.close()
    try FileManager.default.removeItem(atPath: folder)
  }

  /// A batch of `count` events of one type whose records are `recordBytes` long.
  func batch(_ count: Int, type: String, recordBytes: Int, first: Int) -> EntryBatch {
    let batch = EntryBatch(hash: engine.hash, capacity: count * recordBytes)
    for number in first..<(first + count) {
      let subject = "subject-\(number % 10_000)"
      let empty = #"{"n":\#(number),"pad":""}"#
      let padding = max(0, recordBytes - EntryView.headerSize - type.utf8.count - subject.utf8.count - empty.utf8.count)
      batch.add(
        type, subject, json: #"{"n":\#(number),"pad":"\#(String(repeating: "x", count: padding))"}"#.utf8)
    }
    return batch
  }

  /// Appends batches with a bounded number in flight; returns once all are durable.
  func append(_ batches: [EntryBatch], inFlight: Int) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      var started = 0
      for batch in batches {
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
    while durable.rawValue < position { durable = try await engine.waitForDurable(after: durable) }
  }
}

struct BenchError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

final class SilentObserver: EngineObserver {
  func log(_ lines: [LogLine], consumer: String, position: Position) {}
  func failed(_ unit: ProgressRecord.FailedUnit, consumer: String) {}
  func warn(_ message: String) {}
  func journalEnded(_ error: JournalError) { fatalError("the log of the benchmark failed: \(error)") }
}

/// Seconds that `body` takes.
func seconds<Result>(_ body: () async throws -> Result) async rethrows -> (Double, Result) {
  let clock = ContinuousClock()
  let start = clock.now
  let result = try await body()
  let duration = clock.now - start
  return (Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18, result)
}
