internal import Events
internal import Synchronization

/// What the entries of one segment are found by: in memory until the segment has an index file. Any thread.
///
/// Chunks are added as they are appended, and taken into the tables later by the index thread; a look-up searches
/// tables and waiting chunks, so it never misses what has been appended. Locks: `tables` before `waiting`.
final class SegmentIndex: Sendable {
  private struct Tables {
    var pairs: SegmentPairs?
    var file: IndexFile?
    var filter: IdentityFilter?
  }

  private let tables: Mutex<Tables>
  private let waiting = Mutex<[LogChunk]>([])
  private let first: Position

  /// - isGrowing: whether chunks will be added. Otherwise look-ups say `Damaged` until something is installed.
  init(first: Position, isGrowing: Bool) {
    self.first = first
    tables = Mutex(Tables(pairs: isGrowing ? SegmentPairs(first: first) : nil, file: nil))
  }

  var file: IndexFile? { tables.withLock { $0.file } }
  /// Of the outside identities in a segment with an index file, when it has any. Shares its memory with the engine's.
  var filter: IdentityFilter? { tables.withLock { $0.filter } }
  /// How many positions the tables in memory hold; 0 when there is an index file.
  var tableCount: UInt32 { tables.withLock { $0.pairs?.count ?? 0 } }

  /// The writing thread: a chunk has been appended.
  func add(_ chunk: LogChunk) { waiting.withLock { $0.append(chunk) } }

  /// The index thread: takes waiting chunks into the tables. Returns how many bytes they had.
  func absorb(hash: StableHash) -> Int {
    var bytes = 0
    while let chunk = waiting.withLock({ $0.first }) {
      tables.withLock { tables in
        tables.pairs!.add(chunk, hash: hash)
        waiting.withLock { _ = $0.removeFirst() }
      }
      bytes += chunk.byteCount
    }
    return bytes
  }

  /// Every identity in the tables: hash and position.
  func forEachIdentity(_ body: (UInt64, Position) -> Void) {
    guard let pairs = pairs() else { return }
    for pair in pairs.identities { body(pair.key, first + UInt64(pair.ordinal)) }
  }

  /// A copy of the tables, to write them to a file. Everything has been absorbed.
  func pairs() -> SegmentPairs? { tables.withLock { $0.pairs } }

  /// Look-ups use the file from now on.
  func install(_ file: IndexFile, _ filter: IdentityFilter?) {
    tables.withLock { tables in
      tables.file = file
      tables.filter = filter
      tables.pairs = nil
    }
  }

  /// Look-ups use these tables from now on.
  func install(_ pairs: SegmentPairs) {
    tables.withLock { tables in
      tables.file = nil
      tables.filter = nil
      tables.pairs = pairs
    }
  }

  /// The ordinals of entries that probably have `key`, within `range`, ascending; the first `limit` of them.
  func ordinals(
    _ kind: IndexKind, _ key: UInt64, in range: ClosedRange<UInt32>, limit: Int, hash: StableHash
  ) throws -> [UInt32] {
    let (file, inTables, chunks) = tables.withLock { tables in
      (tables.file, tables.pairs?.ordinals(kind, key, in: range, limit: limit), waiting.withLock { $0 })
    }
    if let file { return try file.ordinals(kind, key, in: range, limit: limit) }
    guard var found = inTables else { throw IndexFile.Damaged() }
    for chunk in chunks where found.count < limit {
      scan(chunk, kind, key, in: range, limit: limit, hash: hash, into: &found)
    }
    return found
  }

  private func scan(
    _ chunk: LogChunk, _ kind: IndexKind, _ key: UInt64, in range: ClosedRange<UInt32>, limit: Int,
    hash: StableHash, into found: inout [UInt32]
  ) {
    let start = UInt32(chunk.firstPosition.rawValue - first.rawValue)
    func consider(_ index: Int) {
      let ordinal = start + UInt32(index)
      if range.contains(ordinal) && found.count < limit { found.append(ordinal) }
    }
    switch kind {
    case .subject:
      for (index, place) in chunk.places.enumerated() where place.subjectHash == key { consider(index) }
    case .type:
      for (index, place) in chunk.places.enumerated() where place.typeHash == key { consider(index) }
    case .root:
      for (index, place) in chunk.places.enumerated() {
        let record = chunk.record(at: place)
        if record.kind != nil, hash.rootKey(of: record.entry) == key { consider(index) }
      }
    case .identity:
      for identity in chunk.identities where identity.hash == key { consider(Int(identity.ordinal)) }
    }
  }
}
