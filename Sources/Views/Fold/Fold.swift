internal import Events
internal import LogStorage
internal import Scripts

/// One projection that is being folded by one version of its code. A batch goes through it in three steps, so that the
/// database is asked and told once: `gather` finds the keys, the cache is filled, `run` calls the scripts.
///
/// Belongs to the views' thread.
final class Fold {
  /// Frozen keys and their queued events in all, at most; then the projection waits for a deploy.
  static let mostWaiting = 100_000

  let worker: FoldWorker
  let declaration: ProjectionDeclaration
  /// Among the projections of the worker's generation.
  private let index: Int
  /// As the database has it.
  var row: StoredProjection
  var cache: DocumentCache
  /// Set while newer code is to replace older: whether the older one has not folded this event either, so that a failure
  /// freezes its key here too. One of an event that the older code has folded ends the whole fold.
  var isExcused: ((_ key: [UInt8], _ position: UInt64) throws -> Bool)?
  var pace = Pace()
  /// Keys whose events wait, with how many they are, the failed one included.
  private(set) var frozen: [[UInt8]: Int] = [:]
  private(set) var waiting = 0
  /// Why it does not go on at the moment, and until when (monotonic ns) it rests.
  var pause: (reason: String, until: UInt64)?

  /// What the batch under way adds.
  private(set) var position: UInt64
  private(set) var newlyFrozen: [Frozen] = []
  private(set) var queued: [(key: [UInt8], position: UInt64)] = []
  /// How many events were folded, one for each key.
  private(set) var foldCount = 0
  private var units: [Unit] = []
  private var written = ByteWriter(capacity: 4096)

  private struct Unit {
    let position: UInt64
    let handler: Int32
    let entry: Int32
  }

  struct Frozen {
    let key: [UInt8]
    let position: UInt64
    let error: String
    let traceback: String
  }

  /// Why a batch cannot be used.
  enum Stop: Error {
    /// By the code's own fault, in a fold that must not have any: one that is to replace another.
    case failed(StoredProjection.Failure)
    /// The host could not make the call.
    case host(String)
  }

  init?(_ row: StoredProjection, _ worker: FoldWorker, cacheBytes: Int) {
    let projections = worker.generation.projections
    guard let index = projections.firstIndex(where: { $0.name.utf8.elementsEqual(row.name.utf8) }) else { return nil }
    self.worker = worker
    self.index = index
    self.row = row
    declaration = projections[index]
    cache = DocumentCache(limit: cacheBytes)
    position = row.position
  }

  /// Whether it may read on.
  func canRead(at now: UInt64) -> Bool {
    row.failure == nil && !isFull && (pause.map { $0.until <= now } ?? true)
  }

  var isFull: Bool { waiting >= Self.mostWaiting }

  /// What the database says of frozen keys.
  func setFrozen(_ keys: [[UInt8]: Int]) {
    frozen = keys
    waiting = keys.values.reduce(0, +)
  }

  func isFrozen(_ key: UnsafeRawBufferPointer) -> Bool { !frozen.isEmpty && frozen[Array(key)] != nil }

  // MARK: a batch

  /// Finds whose documents the entries of a chunk change, from this fold's position on through `end`.
  func gather(_ chunk: LogChunk, through end: UInt64, hash: StableHash) throws(Stop) {
    guard position < end else { return }
    var at = max(position + 1, chunk.firstPosition.rawValue)
    while at <= end {
      let entry = chunk.entry(Position(at))
      if entry.rawKind == RecordKind.event.rawValue, let handler = declaration.handler(forType: entry.type) {
        if declaration.key.isDefault {
          if !entry.subject.isEmpty {
            let place = chunk.place(Position(at))
            add(at, handler, cache.entry(entry.subject, hash: place.subjectHash))
          }
        } else {
          try gatherKeys(entry, at, chunk, handler, hash)
        }
      }
      at += 1
    }
  }

  private func gatherKeys(
    _ entry: EntryView, _ position: UInt64, _ chunk: LogChunk, _ handler: Int, _ hash: StableHash
  ) throws(Stop) {
    try renew()
    let time = chunk.commit(of: Position(position)).time
    switch worker.scripts.keys(projection: index, event: entry, position: Position(position), recorded: time) {
    case .keys(let keys):
      for key in keys where !key.isEmpty { add(position, handler, cache.entry(key, hash: hash(key))) }
    case .failed(let failure):
      // The empty key stands for what is nobody's: no event has it otherwise.
      try checkExcuse(failure, [], position)
      freeze([], position, failure)
    case .hostFault(let message): throw .host(message)
    }
  }

  private func add(_ position: UInt64, _ handler: Int, _ entry: Int32) {
    units.append(Unit(position: position, handler: Int32(handler), entry: entry))
  }

  /// Folds what was gathered of a chunk. Every entry of the cache is loaded.
  func run(_ chunk: LogChunk, through end: UInt64) throws(Stop) {
    for unit in units {
      if cache[unit.entry].isFrozen {
        queue(cache[unit.entry].key, unit.position)
      } else {
        try fold(unit, chunk)
      }
    }
    units.removeAll(keepingCapacity: true)
    position = max(position, end)
  }

  private func fold(_ unit: Unit, _ chunk: LogChunk) throws(Stop) {
    let place = Position(unit.position)
    let outcome = try fold(
      chunk.entry(place), unit.position, time: chunk.commit(of: place).time, handler: Int(unit.handler),
      key: cache[unit.entry].key, document: cache[unit.entry].document)
    switch outcome {
    case .document: cache.set(unit.entry, document: written.bytes, position: unit.position)
    case .removed: cache.set(unit.entry, document: nil, position: unit.position)
    case .failed(let failure):
      let key = cache[unit.entry].key
      try checkExcuse(failure, key, unit.position)
      freeze(key, unit.position, failure)
      cache[unit.entry].isFrozen = true
    case .hostFault(let message): throw .host(message)
    }
    foldCount += 1
  }

  /// Whether an event changes the document of `key`. What has no key that can be computed changes none.
  func hasKey(_ key: [UInt8], _ event: EntryView, _ position: UInt64, time: Int64) throws(Stop) -> Bool {
    if declaration.key.isDefault { return key.withUnsafeBytes { $0.equals(event.subject) } }
    try renew()
    switch worker.scripts.keys(projection: index, event: event, position: Position(position), recorded: time) {
    case .keys(let keys): return key.withUnsafeBytes { key in keys.contains { $0.equals(key) } }
    case .failed: return false
    case .hostFault(let message): throw .host(message)
    }
  }

  /// Folds one event into a document; the new one is `lastWritten`.
  func fold(
    _ event: EntryView, _ position: UInt64, time: Int64, handler: Int, key: [UInt8], document: [UInt8]?
  ) throws(Stop) -> FoldOutcome {
    try renew()
    written.truncate(to: 0)
    return key.withUnsafeBytes { key in
      func call(_ document: UnsafeRawBufferPointer?) -> FoldOutcome {
        worker.scripts.fold(
          projection: index, handler: handler, event: event, position: Position(position), recorded: time, key: key,
          document: document, into: &written)
      }
      guard let document else { return call(nil) }
      return document.withUnsafeBytes { call($0) }
    }
  }

  var lastWritten: [UInt8] { Array(written.bytes) }

  private func renew() throws(Stop) {
    do {
      try worker.renewIfDead()
    } catch {
      throw .host("\(error)")
    }
  }

  private func checkExcuse(_ failure: HandlerFailure, _ key: [UInt8], _ position: UInt64) throws(Stop) {
    guard let isExcused else { return }
    do {
      if try isExcused(key, position) { return }
    } catch {
      throw .host("\(error)")
    }
    throw .failed(
      StoredProjection.Failure(
        error: failure.message, key: String(decoding: key, as: UTF8.self), position: position, since: 0))
  }

  /// Whether no document of this fold holds an event: its key waits, here or under another name, or it has not come so far.
  func lacks(_ key: [UInt8], _ position: UInt64, _ store: FoldStore) throws -> Bool {
    if self.position < position { return true }
    let isNew = newlyFrozen.contains {
      $0.position == position || ($0.key == key && !key.isEmpty && $0.position < position)
    }
    if isNew || queued.contains(where: { $0.position == position }) { return true }
    return try frozen.isEmpty ? false : store.isWaiting(position, of: key, row)
  }

  private func freeze(_ key: [UInt8], _ position: UInt64, _ failure: HandlerFailure) {
    if frozen[key] != nil { return queue(key, position) }
    newlyFrozen.append(
      Frozen(key: key, position: position, error: failure.message, traceback: failure.traceback))
    frozen[key] = 1
    waiting += 1
  }

  private func queue(_ key: [UInt8], _ position: UInt64) {
    queued.append((key, position))
    frozen[key, default: 0] += 1
    waiting += 1
  }

  /// The batch is in the database.
  func committed() {
    row.position = position
    cache.committed()
    endBatch()
  }

  /// The batch never happened. What was frozen in it must be read again from the database.
  func discard() {
    position = row.position
    cache.removeAll()
    endBatch()
  }

  private func endBatch() {
    newlyFrozen.removeAll(keepingCapacity: true)
    queued.removeAll(keepingCapacity: true)
    units.removeAll(keepingCapacity: true)
  }
}
