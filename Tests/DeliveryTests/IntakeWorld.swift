import Delivery
import Engine
import Events
import Foundation
import LogStorage
import Platform
import Scripts
import Synchronization
import TestKit

/// A running engine on real files with the sources of its scripts.
final class IntakeWorld: Sendable {
  struct Wrong: Error, CustomStringConvertible {
    let description: String
  }

  let engine: RunningEngine
  let intake: Intake
  let clock = SystemClock()
  private let opened: OpenedLog
  private let notes: Notes
  private let variables = Mutex<[String: String]>([:])

  final class Notes: EngineObserver {
    let all = Mutex<[String]>([])
    func log(_ lines: [LogLine], consumer: String, position: Position) {}
    func failed(_ unit: ProgressRecord.FailedUnit, consumer: String) {}
    func warn(_ message: String) {}
    func journalEnded(_ error: JournalError) { all.withLock { $0.append("\(error)") } }
  }

  init(_ scripts: String, in folder: TemporaryFolder, environment: [String: String] = [:]) async throws {
    let notes = Notes()
    self.notes = notes
    opened = try LogStore.open(
      folder: folder.path + "/data", fileSystem: LocalFileSystem(), options: LogOptions(), clock: clock,
      randomness: SystemRandomness())
    var control = ControlState()
    try control.catchUp(with: opened.reader)
    let engine = RunningEngine(
      settings: EngineSettings(),
      start: EngineStart(identity: opened.identity, control: control, logBytes: opened.reader.byteCount),
      journal: opened.journal, identities: opened.identities, framer: opened.framer, reader: opened.reader,
      clock: clock, observer: notes)
    self.engine = engine
    let settings = IntakeSettings(identity: opened.identity, environment: { environment[$0] }) { level, source, text in
      notes.all.withLock { $0.append("\(level) \(source) \(text)") }
    }
    intake = Intake(settings, host: engine) { engine.runningGeneration }
    engine.start()
    try await deploy(scripts)
  }

  func deploy(_ scripts: String) async throws {
    let generation = try Generation.load([SourceFile(path: "a.lua", text: scripts)]).get()
    if case .refused(let errors) = await engine.deploy(generation) {
      throw IntakeWorld.Wrong(description: errors.joined(separator: "\n"))
    }
    intake.deployed(generation)
  }

  func stop() async throws {
    intake.stop()
    _ = try await engine.stop()
    try opened.close()
  }

  var told: [String] { notes.all.withLock { $0 } }

  /// The events from outside in the order of the log: type, subject, data, source, id.
  func events() throws -> [(type: String, subject: String, data: String, source: String, id: String)] {
    var events: [(type: String, subject: String, data: String, source: String, id: String)] = []
    var next = Position(1)
    while next <= engine.durable, let chunk = try engine.reader.chunk(from: next, through: engine.durable) {
      guard chunk.count > 0 else { break }
      for at in max(chunk.firstPosition.rawValue, next.rawValue)...chunk.lastPosition.rawValue {
        let entry = chunk.entry(Position(at))
        guard entry.rawKind == RecordKind.event.rawValue, let source = entry.attributes[.source] else { continue }
        events.append(
          (entry.type.text, entry.subject.text, entry.data.text, source.text, entry.attributes[.id]?.text ?? ""))
      }
      next = Position(chunk.lastPosition.rawValue + 1)
    }
    return events
  }

  func status(_ name: String) async -> SourceStatus? { await intake.sources().first { $0.name == name } }

  /// Waits until `condition` holds, and says what there is when it does not.
  func wait(for what: String, seconds: Double = 60, _ condition: () async throws -> Bool) async throws {
    let end = Date(timeIntervalSinceNow: seconds)
    while try await !condition() {
      if Date() > end {
        throw IntakeWorld.Wrong(description: "waited for \(what): \(await intake.sources()) \(told.suffix(5))")
      }
      try await Task.sleep(for: .milliseconds(10))
    }
  }
}
