internal import Events
internal import GRDB
internal import LogStorage
internal import Platform
internal import Scripts

/// A projection folded once more from the start of the log up to a position: how it was then. By the code that folds
/// it now, so at the last position it says what the view says.
struct PastView {
  /// Longer than this nobody waits for an answer.
  static let limitNanoseconds: UInt64 = 20_000_000_000

  let fold: Fold
  let position: UInt64
  let log: LogReader
  let identity: LogIdentity
  private let clock = SystemClock()
  private let deadline: UInt64

  init(
    _ name: String, by generation: Generation, at position: UInt64, log: LogReader, identity: LogIdentity,
    row: StoredProjection? = nil
  ) throws {
    guard let declaration = generation.projections.first(where: { $0.name.utf8.elementsEqual(name.utf8) }),
      let fold = Fold(
        row ?? StoredProjection(declaration), try FoldWorker(generation, log: identity), cacheBytes: 16 << 20)
    else { throw RunningViews.notReady }
    (self.fold, self.position, self.log, self.identity) = (fold, position, log, identity)
    deadline = clock.monotonicNanoseconds() + Self.limitNanoseconds
  }

  /// How a document was, and how many events it was made of.
  struct Found {
    var document: ViewDocument?
    var count = 0
    /// How many events were looked at.
    var seen = 0
  }

  /// Through the subject index: for keys that are subjects.
  func find(subject key: [UInt8]) throws -> Found {
    var found = Found()
    try key.withUnsafeBytes { subject in
      try log.entries(ofSubject: subject, through: Position(position)) { place, entry, commit in
        found.seen += 1
        try take(entry, place.rawValue, time: commit.time, key, into: &found)
        return found.document?.frozen == nil
      }
    }
    return found
  }

  /// Through every event before it: for keys that scripts make of events.
  func find(key: [UInt8]) throws -> Found {
    var found = Found()
    try eachChunk { chunk, last in
      var at = chunk.firstPosition.rawValue
      while at <= last {
        let entry = chunk.entry(Position(at))
        if entry.rawKind == RecordKind.event.rawValue, fold.declaration.handler(forType: entry.type) != nil {
          found.seen += 1
          let time = chunk.commit(of: Position(at)).time
          if try fold.hasKey(key, entry, at, time: time) { try take(entry, at, time: time, key, into: &found) }
        }
        at += 1
      }
      return found.document?.frozen == nil
    }
    return found
  }

  private func take(
    _ entry: EntryView, _ position: UInt64, time: Int64, _ key: [UInt8], into found: inout Found
  ) throws {
    guard entry.rawKind == RecordKind.event.rawValue, let handler = fold.declaration.handler(forType: entry.type) else {
      return
    }
    let outcome = try fold.fold(
      entry, position, time: time, handler: handler, key: key, document: found.document?.document)
    switch outcome {
    case .document:
      found.document = ViewDocument(
        key: String(decoding: key, as: UTF8.self), document: fold.lastWritten, position: position)
    case .removed: found.document = nil
    case .failed(let failure):
      // The view has kept it so from here on.
      found.document?.frozen = ViewDocument.Frozen(
        position: position, error: failure.message, traceback: failure.traceback, since: time, waiting: 1)
      if found.document == nil {
        throw ViewError(
          .noDocument, "The key has no document then: its first event, \(position), fails: \(failure.message)")
      }
    case .hostFault(let message): throw Fold.Stop.host(message)
    }
    found.count += 1
  }

  /// Folds everything into a database of its own, which ends with the last one who uses it.
  func foldAll(into database: DatabaseQueue) throws {
    let store = FoldStore(database: database)
    try eachChunk { chunk, last in
      try fold.gather(chunk, through: last, hash: identity.hash)
      try store.load([fold])
      try fold.run(chunk, through: last)
      try store.commit([fold], durable: position, now: clock.wallMicroseconds())
      return true
    }
  }

  private func eachChunk(_ body: (LogChunk, UInt64) throws -> Bool) throws {
    var from: UInt64 = 0
    while from < position,
      let chunk = try log.chunk(from: Position(from + 1), limitBytes: 1 << 20, through: Position(position)),
      chunk.count > 0
    {
      let last = min(chunk.lastPosition.rawValue, position)
      guard try body(chunk, last) else { return }
      from = last
      if clock.monotonicNanoseconds() > deadline {
        throw ViewError(
          .tooFar,
          "Folding up to position \(position) takes longer than \(Self.limitNanoseconds / 1_000_000_000) seconds; "
            + "\(from) was reached. Ask for an earlier moment, or for a projection whose key is the subject.")
      }
    }
  }
}

extension StoredProjection {
  /// A row that is in no database.
  init(_ declaration: ProjectionDeclaration) {
    self.init(
      id: 0, name: declaration.name, role: .live, table: ViewTable(name: declaration.name, fields: declaration.index),
      position: 0, isComplete: false, script: declaration.scriptHash.description, files: [], failure: nil)
  }
}
