import Engine
import Events
import Foundation
import LogStorage
import Platform
import Scripts
import Synchronization
import TestKit
import Testing

@testable import Views

/// A real log in a temporary folder with views beside it: the daemon without its door and without a folder of scripts.
final class ViewWorld {
  let folder: TemporaryFolder
  let opened: OpenedLog
  let engine: RunningEngine
  private(set) var views: RunningViews
  let notes: Notes
  private var isRunning = false
  private var sources: [ContentHash: [UInt8]] = [:]
  /// Up to where the log is acknowledged, and so durable.
  private(set) var durable = Position(0)

  /// What the views told the daemon's log.
  final class Notes: Sendable {
    private let lines = Mutex<[String]>([])
    var all: [String] { lines.withLock { $0 } }
    func add(_ level: String, _ message: String) { lines.withLock { $0.append("\(level): \(message)") } }
  }

  var database: String { folder.path + "/views.db" }

  init(in folder: TemporaryFolder = TemporaryFolder(), clockMode: ClockMode = .host, claims: [DurableClaim] = []) throws
  {
    self.folder = folder
    var options = LogOptions()
    options.clockMode = clockMode
    options.claims = claims
    opened = try LogStore.open(
      folder: folder.path, fileSystem: LocalFileSystem(), options: options, clock: SystemClock(),
      randomness: SystemRandomness())
    var control = ControlState()
    try control.catchUp(with: opened.reader)
    var settings = EngineSettings()
    settings.clockIsEvents = clockMode == .events
    engine = RunningEngine(
      settings: settings,
      start: EngineStart(identity: opened.identity, control: control, logBytes: opened.reader.byteCount),
      journal: opened.journal, identities: opened.identities, framer: opened.framer, reader: opened.reader,
      clock: SystemClock(), observer: QuietObserver())
    engine.start()
    notes = Notes()
    sources = control.sources
    views = Self.makeViews(folder.path + "/views.db", opened, sources, notes)
  }

  private static func makeViews(
    _ path: String, _ opened: OpenedLog, _ sources: [ContentHash: [UInt8]], _ notes: Notes
  ) -> RunningViews {
    let settings = ViewSettings(path: path, source: { sources[$0] }, note: { notes.add($0, $1) })
    return RunningViews(settings: settings, log: opened.reader, identity: opened.identity, clock: SystemClock())
  }

  func start() {
    views.start()
    isRunning = true
    views.durableAdvanced(to: max(durable, engine.durable))
  }

  /// Stops the views and makes new ones on the same file, as a restart of the daemon does; `change` sees the file.
  func restart(_ change: (String) throws -> Void = { _ in }) async throws {
    await stopViews()
    try change(database)
    views = Self.makeViews(database, opened, sources, notes)
    start()
  }

  func stopViews() async {
    if isRunning { await views.stop() }
    isRunning = false
  }

  func stop() async throws {
    await stopViews()
    _ = try await engine.stop()
    try opened.close()
  }

  @discardableResult
  func deploy(_ source: String, _ modules: [(String, String)] = []) async throws -> Generation {
    let files = [SourceFile(path: "script.lua", text: source)] + modules.map { SourceFile(path: $0.0, text: $0.1) }
    let scripts = try Generation.load(files.sorted { $0.path < $1.path }).get()
    if case .refused(let errors) = await engine.deploy(scripts) { throw Failure("\(errors)") }
    for file in files { sources[file.hash] = file.bytes }
    await views.deploy(scripts)
    return scripts
  }

  struct Failure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
  }

  /// Appends events, `TYPE SUBJECT DATA` each, in one commit; the position of the last.
  @discardableResult
  func emit(_ events: [String], time: String? = nil) async throws -> Position {
    let batch = EntryBatch(hash: engine.hash, capacity: 4096)
    for event in events {
      let parts = event.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false).map { Array($0.utf8) }
      parts[0].withUnsafeBytes { type in
        parts[1].withUnsafeBytes { subject in
          parts[2].withUnsafeBytes { data in
            batch.begin(kind: .event, type: type, subject: subject, data: data, encoding: .json)
          }
        }
      }
      if let time { Array(time.utf8).withUnsafeBytes { batch.addAttribute(.time, $0) } }
      batch.end()
    }
    guard case .appended(_, let last, _, _) = await engine.append(batch, expecting: nil, stream: nil) else {
      throw Failure("not appended")
    }
    durable = last
    views.durableAdvanced(to: last)
    return last
  }

  func emit(_ events: String...) async throws { try await emit(events) }

  /// Waits until every view has read to the end of the log and none is being folded anew.
  func settle(within seconds: Double = 30) async throws {
    let end = durable.rawValue
    try await eventually(within: seconds) {
      guard let views = try? self.views.list(), !views.isEmpty else { return "\(self.notes.all)" }
      let isDone = views.allSatisfy { view in
        view.position >= end && (view.rebuild == nil || view.rebuild?.failure != nil) && view.state == .live
      }
      return isDone ? nil : "\(views) \(self.notes.all)"
    }
  }

  /// All documents of a view by key.
  func documents(_ name: String, _ change: (inout ViewQuery) -> Void = { _ in }) throws -> [String: String] {
    var query = ViewQuery()
    query.limit = 1000
    change(&query)
    let page = try views.page(of: name, query)
    return Dictionary(uniqueKeysWithValues: page.documents.map { ($0.key, $0.text) })
  }

  func status(_ name: String) throws -> ViewStatus { try views.view(named: name) }

  /// Reads the file as anybody can.
  func sqlite(_ sql: String) throws -> String { try Self.sqlite(database, sql) }

  static func sqlite(_ path: String, _ sql: String) throws -> String {
    try Program.run("/usr/bin/sqlite3", [path, sql]).trimmingCharacters(in: .whitespacesAndNewlines)
  }
}

final class QuietObserver: EngineObserver {
  func log(_ lines: [LogLine], consumer: String, position: Position) {}
  func failed(_ unit: ProgressRecord.FailedUnit, consumer: String) {}
  func warn(_ message: String) {}
  func journalEnded(_ error: JournalError) {}
}

extension ViewDocument {
  var text: String { String(decoding: document, as: UTF8.self) }
}

/// Waits for a condition; `check` gives nil when it holds, else what it saw.
func eventually(within seconds: Double = 30, _ check: () async throws -> String?) async throws {
  let end = ContinuousClock.now + Slowness.stretch(.seconds(seconds))
  while let seen = try await check() {
    if ContinuousClock.now > end { throw ViewWorld.Failure("waited \(seconds) s; last seen: \(seen)") }
    try await Task.sleep(for: .milliseconds(2))
  }
}
