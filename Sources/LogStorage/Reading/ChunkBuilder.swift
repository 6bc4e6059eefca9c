internal import Events

/// Builds a chunk of commits that have been checked.
struct ChunkBuilder {
  private let hash: StableHash
  private let memory: ChunkMemory
  private(set) var byteCount = 0
  private var places: ContiguousArray<EntryPlace> = []
  private var identities: ContiguousArray<IdentityPlace> = []
  private var lastCommitOffset = 0

  init(hash: StableHash, capacity: Int) {
    self.hash = hash
    memory = ChunkMemory(capacity: capacity)
  }

  var isEmpty: Bool { byteCount == 0 }

  mutating func append(_ commit: CommitHeader) {
    let length = commit.wholeLength
    if byteCount + length > memory.capacity { memory.grow(to: byteCount + length, keeping: byteCount) }
    (memory.base + byteCount).copyMemory(from: commit.base, byteCount: length)
    let start = byteCount
    var offset = start + CommitHeader.size
    for record in CommitHeader(memory.base + start).records {
      if record.takesPosition { add(record, at: offset, in: start) }
      offset += record.length
    }
    lastCommitOffset = start
    byteCount += length
  }

  private mutating func add(_ record: RecordView, at offset: Int, in commitOffset: Int) {
    // An entry of a kind that this version may skip has a position and nothing that it could be found by.
    let entry: EntryView? = record.kind == nil ? nil : record.entry
    if let entry, let identity = hash.identity(of: entry) {
      identities.append(IdentityPlace(hash: identity, ordinal: UInt32(places.count)))
    }
    places.append(
      EntryPlace(
        offset: UInt32(offset), commitOffset: UInt32(commitOffset),
        typeHash: entry.map { hash($0.type) } ?? 0, subjectHash: entry.map { hash($0.subject) } ?? 0))
  }

  /// What was appended so far; the builder is empty afterwards. Nil when nothing was appended.
  mutating func take() -> LogChunk? {
    guard let chunk = chunk() else { return nil }
    self = ChunkBuilder(hash: hash, capacity: chunk.byteCount)
    return chunk
  }

  /// Nil when nothing was appended.
  func chunk() -> LogChunk? {
    if isEmpty { return nil }
    return LogChunk(
      memory: memory, byteCount: byteCount, places: places, identities: identities,
      lastCommitOffset: lastCommitOffset)
  }
}

extension StableHash {
  /// The hash of the identity an entry came with: it has one when it has both an id and a source attribute.
  func identity(of entry: EntryView) -> UInt64? {
    let attributes = entry.attributes
    if attributes.bytes.isEmpty { return nil }
    guard let id = attributes[.id], let source = attributes[.source] else { return nil }
    return identity(source: source, id: id)
  }
}
