package import Events
internal import Platform

extension LogReader {
  /// Calls `body` with every entry of a subject from `from` through `through`, in order, until it returns false.
  /// The views are good during the call only.
  package func entries(
    ofSubject subject: UnsafeRawBufferPointer, from: Position = .start, through: Position,
    _ body: (Position, EntryView, CommitHeader) throws -> Bool
  ) throws {
    try lookUp(.subject, identity.hash(subject), from, through, where: { $0.subject.equals(subject) }, body)
  }

  /// As `entries(ofSubject:)`, of a type.
  package func entries(
    ofType type: UnsafeRawBufferPointer, from: Position = .start, through: Position,
    _ body: (Position, EntryView, CommitHeader) throws -> Bool
  ) throws {
    try lookUp(.type, identity.hash(type), from, through, where: { $0.type.equals(type) }, body)
  }

  /// As `entries(ofSubject:)`: everything that goes back to the entry at `root`, which itself is not among them.
  /// - log: the name of the log that `root` lies in, when it is another one.
  package func entries(
    ofRoot root: Position, inLog log: UnsafeRawBufferPointer? = nil, from: Position = .start, through: Position,
    _ body: (Position, EntryView, CommitHeader) throws -> Bool
  ) throws {
    let key = log.map { identity.hash.rootKey(root, log: $0) } ?? root.rawValue
    try lookUp(
      .root, key, from, through,
      where: { entry in
        guard entry.root == root.rawValue else { return false }
        guard let found = entry.attributes[.causelog] else { return log == nil }
        return log.map { $0.equals(found) } ?? false
      }, body)
  }

  /// The positions of a subject's entries, ascending, at most `limit`.
  package func positions(
    ofSubject subject: UnsafeRawBufferPointer, from: Position = .start, through: Position, limit: Int = .max
  ) throws(LogError) -> [Position] {
    try collect(limit) { try entries(ofSubject: subject, from: from, through: through, $0) }
  }

  /// The positions of a type's entries, ascending, at most `limit`.
  package func positions(
    ofType type: UnsafeRawBufferPointer, from: Position = .start, through: Position, limit: Int = .max
  ) throws(LogError) -> [Position] {
    try collect(limit) { try entries(ofType: type, from: from, through: through, $0) }
  }

  /// The positions of the entries that go back to `root`, ascending, at most `limit`.
  package func positions(
    ofRoot root: Position, inLog log: UnsafeRawBufferPointer? = nil, from: Position = .start, through: Position,
    limit: Int = .max
  ) throws(LogError) -> [Position] {
    try collect(limit) { try entries(ofRoot: root, inLog: log, from: from, through: through, $0) }
  }

  private func collect(
    _ limit: Int, _ run: ((Position, EntryView, CommitHeader) throws -> Bool) throws -> Void
  ) throws(LogError) -> [Position] {
    try explaining("looking up entries") {
      var found: [Position] = []
      if limit <= 0 { return found }
      try run { position, _, _ in
        found.append(position)
        return found.count < limit
      }
      return found
    }
  }

  fileprivate func lookUp(
    _ kind: IndexKind, _ key: UInt64, _ from: Position, _ through: Position,
    where matches: (EntryView) -> Bool, _ body: (Position, EntryView, CommitHeader) throws -> Bool
  ) throws {
    for segment in catalog.segments where segment.firstPosition <= through && segment.next.position > from {
      guard try lookUp(kind, key, in: segment, from, through, where: matches, body) else { return }
    }
  }

  /// How many hits are taken from an index at once.
  private static var pageHits: Int { 512 }

  /// False when `body` has had enough.
  @discardableResult
  fileprivate func lookUp(
    _ kind: IndexKind, _ key: UInt64, in segment: Segment, _ from: Position, _ through: Position,
    where matches: (EntryView) -> Bool, _ body: (Position, EntryView, CommitHeader) throws -> Bool
  ) throws -> Bool {
    let first = segment.firstPosition
    let end = min(segment.next.position.rawValue, through.rawValue == .max ? .max : through.rawValue + 1)
    var start = max(from, first).rawValue
    var cursor = EntryCursor(reader: self)
    while start < end {
      let range = UInt32(start - first.rawValue)...UInt32(end - 1 - first.rawValue)
      let hits = try repairingIndex(of: segment) {
        try segment.index.ordinals(kind, key, in: range, limit: Self.pageHits, hash: identity.hash)
      }
      for ordinal in hits {
        let position = first + UInt64(ordinal)
        let found = try cursor.entry(at: position)
        if let entry = found.entry, matches(entry) {
          guard try body(position, entry, found.commit) else { return false }
        }
      }
      if hits.count < Self.pageHits { return true }
      start = first.rawValue + UInt64(hits.last!) + 1
    }
    return true
  }
}

/// Looks for entries by the identity they came with from outside. Keeps the part of the log that it read last, so that
/// looking for many that lie together reads it once. One thread.
package struct IdentityFinder {
  private let reader: LogReader
  private var cursor: EntryCursor

  package init(_ reader: LogReader) {
    self.reader = reader
    cursor = EntryCursor(reader: reader)
  }

  /// The entry that came with this identity, and a copy of it; the first, should there be several. Sees everything that
  /// has been appended, synced or not.
  /// - hash: `identity.hash.identity(source:id:)`. - candidates: what `IdentityIndex.candidates` says; nil when not
  ///   at hand, and then segments without an index file are searched from one end to the other.
  package mutating func find(
    source: UnsafeRawBufferPointer, id: UnsafeRawBufferPointer, hash: UInt64, candidates: [Position]? = nil
  ) throws(LogError) -> (position: Position, entry: [UInt8])? {
    func isSame(_ entry: EntryView) -> Bool {
      let attributes = entry.attributes
      guard let foundID = attributes[.id], let foundSource = attributes[.source] else { return false }
      return foundID.equals(id) && foundSource.equals(source)
    }
    let reader = reader
    var cursor = cursor
    defer { self.cursor = cursor }
    return try explaining("looking for an identity") {
      var found: (position: Position, entry: [UInt8])?
      func accept(_ position: Position, _ entry: EntryView, _ commit: CommitHeader) -> Bool {
        found = (position, Array(entry.whole))
        return false
      }
      for segment in reader.catalog.segments where candidates == nil || segment.index.file != nil || !segment.growsHere {
        try reader.lookUp(.identity, hash, in: segment, .start, reader.lastPosition, where: isSame, accept)
        if found != nil { return found }
      }
      for position in candidates ?? [] where position <= reader.lastPosition {
        let found = try cursor.entry(at: position)
        if let entry = found.entry, isSame(entry) { return (position, Array(entry.whole)) }
      }
      return nil
    }
  }
}

extension LogReader {
  /// As `IdentityFinder.find`, for one identity.
  package func find(
    source: UnsafeRawBufferPointer, id: UnsafeRawBufferPointer, hash: UInt64, candidates: [Position]? = nil
  ) throws(LogError) -> (position: Position, entry: [UInt8])? {
    var finder = IdentityFinder(self)
    return try finder.find(source: source, id: id, hash: hash, candidates: candidates)
  }
}
