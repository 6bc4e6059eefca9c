import Events
import LogStorage
import Platform
import Scripts

/// Answers `read` for the handlers of one generation on one worker: folds events as the views do, with a Lua state of
/// its own, so that the call that asks is not disturbed and pays for nothing but the document.
///
/// What it folds is appended, but perhaps not yet synced, like the event that is handled: a crash that loses it loses
/// what was decided on it as well.
final class DocumentReader: PastReader {
  private let generation: RunningGeneration
  private let store: ReadStore
  private let log: LogReader
  private let clock: any HostClock
  private let hash: StableHash
  private let identity: LogIdentity
  private let mark: CallMark
  private let snapshots: SubjectSnapshots?
  /// Made when something is to be folded.
  private var scripts: ScriptWorker?
  private var folds: [ReadSource: ReadFold] = [:]
  private var window = LogWindow()
  private var written = ByteWriter(capacity: 1024)
  /// The call under way.
  private var batch: Batch?
  private var unit = 0
  private var deadline: Int64?

  /// Why nothing can be read now.
  private struct Stop: Error, CustomStringConvertible {
    let description: String
  }

  /// The script's fault: an event that its aggregate cannot fold.
  private struct Unfoldable: Error {
    let message: String
  }

  init(
    _ generation: RunningGeneration, store: ReadStore, log: LogReader, clock: any HostClock, hash: StableHash,
    identity: LogIdentity, mark: CallMark, snapshots: SubjectSnapshots?
  ) {
    self.generation = generation
    self.store = store
    self.log = log
    self.clock = clock
    self.hash = hash
    self.identity = identity
    self.mark = mark
    self.snapshots = snapshots
  }

  /// The reads that follow are those of a unit's call.
  func begin(_ unit: Int, of batch: Batch) {
    self.batch = batch
    self.unit = unit
    deadline = nil
  }

  func end() { batch = nil }

  func read(
    _ source: ReadSource, key: UnsafeRawBufferPointer, at position: Position, into writer: inout ByteWriter
  ) -> ReadOutcome {
    do {
      let fold = self.fold(source)
      guard let document = try document(fold, KeyBytes(key), at: position.rawValue) ?? beginning(fold) else {
        return .none
      }
      writer.append(document)
      return .document
    } catch let error as Unfoldable {
      return .failed(error.message)
    } catch {
      return .hostFault("\(error)")
    }
  }

  private func fold(_ source: ReadSource) -> ReadFold {
    if let known = folds[source] { return known }
    let made = ReadFold(source, of: generation.scripts, store)
    folds[source] = made
    return made
  }

  /// What stands where nothing has happened yet: nothing in a projection, and what every subject of an aggregate begins
  /// with, as its commands see it.
  private func beginning(_ source: ReadFold) throws -> [UInt8]? {
    guard case .aggregate(let aggregate, _) = source.code else { return nil }
    return try readyScripts().initialState(of: aggregate)
  }

  private func document(_ source: ReadFold, _ key: KeyBytes, at position: UInt64) throws -> [UInt8]? {
    let name = FoldedDocuments.Key(fold: source.number, key: key)
    var document = store.find(name, at: position) ?? kept(source, key, at: position) ?? FoldedDocument()
    if document.through >= position { return document.bytes }
    let before = document.through
    do {
      try advance(&document, source, name, to: position)
    } catch {
      if document.through > before { store.keep(document, of: name) }
      throw error
    }
    store.keep(document, of: name)
    return document.bytes
  }

  /// The state of a subject with a long history, from its file.
  private func kept(_ source: ReadFold, _ key: KeyBytes, at position: UInt64) -> FoldedDocument? {
    guard case .aggregate(let aggregate, _) = source.code, let snapshots else { return nil }
    let name = SubjectSnapshots.Name(aggregate: source.name, subject: key)
    let kept = snapshots.newest(
      name, code: generation.scripts.stateHash(of: aggregate), log, through: position)
    return kept.map { FoldedDocument(changed: $0.through, through: $0.through, bytes: $0.json) }
  }

  /// Folds what comes after `document` through `position`.
  private func advance(
    _ document: inout FoldedDocument, _ source: ReadFold, _ name: FoldedDocuments.Key, to position: UInt64
  ) throws {
    try window.cover(
      position, known: batch?.chunks ?? [], ahead: batch?.through ?? position, log: log)
    let hash = name.key.hash(hash)
    try name.key.bytes.withUnsafeBytes { key in
      if let index = source.index {
        try advance(&document, source, name, computed: key, hash, by: index, to: position)
      } else {
        try advance(&document, source, name, subject: key, hash, to: position)
      }
    }
    if document.through < position { document.through = position }
  }

  private func advance(
    _ document: inout FoldedDocument, _ source: ReadFold, _ name: FoldedDocuments.Key,
    subject: UnsafeRawBufferPointer, _ hash: UInt64, to position: UInt64
  ) throws {
    let from = document.through + 1
    if from < window.start {
      let through = Position(window.start - 1)
      try log.entries(ofSubject: subject, from: Position(from), through: through) { place, entry, commit in
        try take(entry, place.rawValue, commit.time, source, name, &document)
      }
    }
    if document.through == FoldedDocument.frozen { return }
    try window.forEach(subject: subject, hash: hash, from: from, through: position) { place, entry, time in
      try take(entry, place, time, source, name, &document)
    }
  }

  private func advance(
    _ document: inout FoldedDocument, _ source: ReadFold, _ name: FoldedDocuments.Key,
    computed key: UnsafeRawBufferPointer, _ hash: UInt64, by index: KeyIndex, to position: UInt64
  ) throws {
    try roll(index, of: source, through: position)
    let from = document.through + 1
    let found = index.find(hash, from: from, through: position)
    if from < found.first {
      try scan(from, through: min(found.first - 1, position)) { place, entry, time in
        guard try hasKey(key, entry, place, time, source) else { return true }
        return try take(entry, place, time, source, name, &document)
      }
    }
    if document.through == FoldedDocument.frozen { return }
    func takeIfItHasTheKey(_ place: UInt64, _ entry: EntryView, _ time: Int64) throws -> Bool {
      guard try hasKey(key, entry, place, time, source) else { return true }
      return try take(entry, place, time, source, name, &document)
    }
    let inWindow = found.positions.firstIndex { $0 >= window.start } ?? found.positions.count
    try log.entries(at: found.positions[..<inWindow]) { place, entry, commit in
      try takeIfItHasTheKey(place.rawValue, entry, commit.time)
    }
    for place in found.positions[inWindow...] where document.through != FoldedDocument.frozen {
      guard let chunk = window.chunk(at: place) else { continue }
      let at = Position(place)
      _ = try takeIfItHasTheKey(place, chunk.entry(at), chunk.commit(of: at).time)
    }
  }

  private func roll(_ index: KeyIndex, of source: ReadFold, through position: UInt64) throws {
    try index.roll(
      through: position,
      chunk: { from in
        if let chunk = window.chunk(at: from) { return chunk }
        return try log.chunk(from: Position(from), limitBytes: KeyIndex.sliceBytes, through: Position(position))
      },
      keys: { entry, place, time, hashes in
        try forEachKey(entry, place, time, source) { hashes.append(hash($0)) }
      }, pause: { try goOn(source) })
  }

  /// Every entry of a part of the log.
  private func scan(
    _ from: UInt64, through: UInt64, _ body: (UInt64, EntryView, Int64) throws -> Bool
  ) throws {
    var at = from
    while at <= through {
      guard let chunk = try log.chunk(from: Position(at), through: Position(through)) else { return }
      for place in at...min(through, chunk.lastPosition.rawValue) {
        let position = Position(place)
        if try !body(place, chunk.entry(position), chunk.commit(of: position).time) { return }
      }
      at = chunk.lastPosition.rawValue + 1
    }
  }

  // MARK: one event

  /// Folds an event into the document. False: it stays as it is from here on, as the view keeps it, since the fold fails.
  /// A state of an aggregate does not stay: no command could be decided on it either.
  private func take(
    _ entry: EntryView, _ position: UInt64, _ time: Int64, _ source: ReadFold, _ name: FoldedDocuments.Key,
    _ document: inout FoldedDocument
  ) throws -> Bool {
    guard entry.rawKind == RecordKind.event.rawValue,
      let handler = source.handler(forType: entry.type)
    else { return true }
    try goOn(source)
    let scripts = try readyScripts()
    written.truncate(to: 0)
    let outcome = name.key.bytes.withUnsafeBytes { key in
      source.fold(
        scripts, handler, entry, Position(position), recorded: time, key: key, document.bytes, into: &written)
    }
    switch outcome {
    case .document: document = FoldedDocument(changed: position, through: position, bytes: Array(written.bytes))
    case .removed: document = FoldedDocument(changed: position, through: position)
    case .failed(let failure):
      try checkClock(scripts, failure, position)
      if case .aggregate = source.code {
        throw Unfoldable(message: "event \(position) cannot be folded: \(failure.message)")
      }
      document.through = position - 1
      store.keep(document, of: name)
      document.changed = position
      document.through = FoldedDocument.frozen
      return false
    case .hostFault(let message): throw Stop(description: message)
    }
    return true
  }

  private func hasKey(
    _ key: UnsafeRawBufferPointer, _ entry: EntryView, _ position: UInt64, _ time: Int64, _ source: ReadFold
  ) throws -> Bool {
    var has = false
    try forEachKey(entry, position, time, source) { if $0.equals(key) { has = true } }
    return has
  }

  /// An event whose keys cannot be computed has none, here as in the view.
  private func forEachKey(
    _ entry: EntryView, _ position: UInt64, _ time: Int64, _ source: ReadFold, _ body: (UnsafeRawBufferPointer) -> Void
  ) throws {
    guard case .projection(let projection, let declaration) = source.code,
      entry.rawKind == RecordKind.event.rawValue, declaration.handler(forType: entry.type) != nil
    else { return }
    try goOn(source)
    let scripts = try readyScripts()
    switch scripts.keys(
      projection: projection, event: entry, position: Position(position), recorded: time)
    {
    case .keys(let keys): for key in keys where !key.isEmpty { body(key) }
    case .failed(let failure): try checkClock(scripts, failure, position)
    case .hostFault(let message): throw Stop(description: message)
    }
  }

  /// What the clock has ended might end well another time, so nothing follows from it.
  private func checkClock(_ scripts: ScriptWorker, _ failure: HandlerFailure, _ position: UInt64) throws {
    guard scripts.isDead, scripts.ranOutOfClock else { return }
    throw Stop(description: "folding event \(position): \(failure.message)")
  }

  private func readyScripts() throws -> ScriptWorker {
    if let scripts, !scripts.isDead { return scripts }
    let made = try generation.scripts.makeWorker(
      hash: hash, logName: identity.name, logID: (identity.id.high, identity.id.low))
    scripts = made
    return made
  }

  /// Before each step of a fold. Each is a call of its own for whoever watches the workers.
  private func goOn(_ source: ReadFold) throws {
    guard let batch else { return }
    mark.begin(unit)
    if batch.isVoid { throw Stop(description: "the call was given up") }
    let now = Int64(clock.monotonicNanoseconds())
    guard let deadline else {
      deadline = now + store.longestNanoseconds
      return
    }
    if now > deadline {
      throw Stop(
        description: """
          folding "\(source.name)" takes longer than \(store.longestNanoseconds / 1_000_000_000) s; what was folded is \
          kept, and the event is handled again
          """)
    }
  }
}
