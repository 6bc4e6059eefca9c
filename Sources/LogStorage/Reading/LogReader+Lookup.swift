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

  /// As `entries(ofSubject:)`: the entries at given positions, which ascend and are in the log.
  package func entries(
    at positions: some Sequence<UInt64>, _ body: (Position, EntryView, CommitHeader) throws -> Bool
  ) throws {
    var cursor = EntryCursor(reader: self)
    for position in positions {
      let found = try cursor.entry(at: Position(position))
      if let entry = found.entry, try !body(Position(position), entry, found.commit) { return }
    }
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

  /// The positions of entries whose subject has this hash, ascending: other subjects may share it. Reads no entry.
  package func positions(ofSubjectHash key: UInt64, from: Position, through: Position) throws(LogError) -> [Position] {
    var found: [Position] = []
    for segment in catalog.segments where segment.firstPosition <= through && segment.next.position > from {
      guard let range = Self.ordinals(of: segment, from, through) else { continue }
      let ordinals = try repairingIndex(of: segment) {
        try segment.index.ordinals(.subject, key, in: range, limit: .max, hash: identity.hash)
      }
      found += ordinals.map { segment.firstPosition + UInt64($0) }
    }
    return found
  }

  /// The first position of an entry whose type has one of these hashes: others may share them. Reads no entry.
  package func firstPosition(
    ofTypeHashes keys: [UInt64], from: Position, through: Position
  ) throws(LogError) -> Position? {
    for segment in catalog.segments where segment.firstPosition <= through && segment.next.position > from {
      guard let range = Self.ordinals(of: segment, from, through) else { continue }
      var first: UInt32?
      for key in keys {
        let rest = range.lowerBound...(first ?? range.upperBound)
        let found = try repairingIndex(of: segment) {
          try segment.index.ordinals(.type, key, in: rest, limit: 1, hash: identity.hash)
        }
        if let ordinal = found.first { first = min(first ?? ordinal, ordinal) }
      }
      if let first { return segment.firstPosition + UInt64(first) }
    }
    return nil
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

  private func lookUp(
    _ kind: IndexKind, _ key: UInt64, _ from: Position, _ through: Position,
    where matches: (EntryView) -> Bool, _ body: (Position, EntryView, CommitHeader) throws -> Bool
  ) throws {
    for segment in catalog.segments where segment.firstPosition <= through && segment.next.position > from {
      guard try lookUp(kind, key, in: segment, from, through, where: matches, body) else { return }
    }
  }

  /// Which entries of a segment lie from `from` through `through`, counted from its first one.
  private static func ordinals(of segment: Segment, _ from: Position, _ through: Position) -> ClosedRange<UInt32>? {
    let first = segment.firstPosition.rawValue
    let end = min(segment.next.position.rawValue, through.rawValue == .max ? .max : through.rawValue + 1)
    let start = max(from.rawValue, first)
    return start < end ? UInt32(start - first)...UInt32(end - 1 - first) : nil
  }

  /// How many hits are taken from an index at once.
  private static var pageHits: Int { 512 }

  /// False when `body` has had enough.
  @discardableResult
  private func lookUp(
    _ kind: IndexKind, _ key: UInt64, in segment: Segment, _ from: Position, _ through: Position,
    where matches: (EntryView) -> Bool, _ body: (Position, EntryView, CommitHeader) throws -> Bool
  ) throws -> Bool {
    var rest = Self.ordinals(of: segment, from, through)
    var cursor = EntryCursor(reader: self)
    while let range = rest {
      let hits = try repairingIndex(of: segment) {
        try segment.index.ordinals(kind, key, in: range, limit: Self.pageHits, hash: identity.hash)
      }
      for ordinal in hits {
        let position = segment.firstPosition + UInt64(ordinal)
        let found = try cursor.entry(at: position)
        if let entry = found.entry, matches(entry) {
          guard try body(position, entry, found.commit) else { return false }
        }
      }
      if hits.count < Self.pageHits { return true }
      let last = hits.last!
      rest = last < range.upperBound ? last + 1...range.upperBound : nil
    }
    return true
  }
}
