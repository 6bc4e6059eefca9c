internal import Events

/// What entries of a segment can be found by. The numbers are those of the runs of an index file.
enum IndexKind: Int, Sendable, CaseIterable {
  case subject = 0
  case root = 1
  case type = 2
  case identity = 3
}

/// The index of a segment that has no index file yet: what its entries can be found by, in memory.
struct SegmentPairs: Sendable {
  let first: Position
  private(set) var subjects = PairTable()
  private(set) var roots = PairTable()
  private(set) var types = OrdinalLists()
  /// Not looked up here: the engine's `IdentityIndex` knows the identities of segments without an index file.
  private(set) var identities: ContiguousArray<IndexPair> = []
  /// How many positions have been added.
  private(set) var count: UInt32 = 0

  init(first: Position) { self.first = first }

  /// Adds the entries of a chunk that follows those added before.
  mutating func add(_ chunk: LogChunk, hash: StableHash) {
    precondition(chunk.firstPosition.rawValue == first.rawValue + UInt64(count), "entries are indexed in order")
    let start = count
    for place in chunk.places {
      let ordinal = count
      count += 1
      let record = chunk.record(at: place)
      if record.kind == nil { continue }
      let entry = record.entry
      types.append(place.typeHash, ordinal)
      if !entry.subject.isEmpty { subjects.append(place.subjectHash, ordinal) }
      if let root = hash.rootKey(of: entry) { roots.append(root, ordinal) }
    }
    for identity in chunk.identities {
      identities.append(IndexPair(key: identity.hash, ordinal: start + identity.ordinal))
    }
  }

  func ordinals(_ kind: IndexKind, _ key: UInt64, in range: ClosedRange<UInt32>, limit: Int) -> [UInt32] {
    switch kind {
    case .subject: subjects.ordinals(of: key, in: range, limit: limit)
    case .root: roots.ordinals(of: key, in: range, limit: limit)
    case .type: types.ordinals(of: key, in: range, limit: limit)
    case .identity:
      Array(identities.lazy.filter { $0.key == key && range.contains($0.ordinal) }.map(\.ordinal).prefix(limit))
    }
  }

  /// The sorted run of an index file.
  func sorted(_ kind: IndexKind) -> ContiguousArray<IndexPair> {
    switch kind {
    case .subject: subjects.sorted()
    case .root: roots.sorted()
    case .type: types.sorted()
    case .identity: ContiguousArray(identities.sorted())
    }
  }
}

extension StableHash {
  /// What an entry's root is indexed by: the root's position, or, when it lies in another log, a hash of both.
  /// Nil for an entry that is its own root.
  func rootKey(of entry: EntryView) -> UInt64? {
    if entry.root == 0 { return nil }
    if !entry.attributes.bytes.isEmpty, let log = entry.attributes[.causelog] {
      return rootKey(Position(entry.root), log: log)
    }
    return entry.root
  }

  func rootKey(_ root: Position, log: UnsafeRawBufferPointer) -> UInt64 {
    withUnsafeTemporaryAllocation(byteCount: log.count + 8, alignment: 8) { joined in
      joined.storeBytes(of: root.rawValue.littleEndian, as: UInt64.self)
      UnsafeMutableRawBufferPointer(rebasing: joined[8...]).copyMemory(from: log)
      return self(UnsafeRawBufferPointer(joined))
    }
  }
}

extension LogChunk {
  func record(at place: EntryPlace) -> RecordView { RecordView(base + Int(place.offset)) }
}
