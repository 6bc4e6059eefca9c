internal import Events
internal import Platform

extension LogReader {
  static func damage(_ problem: CommitProblem, in segment: Segment, at offset: Int) -> LogError {
    if case .newer = problem {
      return LogError(.newer, "\(segment.path) at offset \(offset): a commit: \(problem); \(Advice.newer)")
    }
    return LogError(
      .corrupt, "\(segment.path) at offset \(offset): a commit cannot be read: \(problem); \(Advice.damage)")
  }

  /// A scanner that begins at a place of a segment; what comes before it is not checked again.
  func scanner(
    in segment: Segment, at place: CommitPlace, end: Int, blockBytes: Int = 1 << 20
  ) throws(LogError) -> CommitScanner {
    let file = try explaining("reading the log") { try segment.file(in: fileSystem) }
    var expected = segment.header.first
    if place.offset > SegmentHeader.size {
      expected = try Self.expectation(at: place, in: segment, file: file)
    }
    return CommitScanner(
      file: file, from: place.offset, limit: end, identity: identity, expected: expected, blockBytes: blockBytes)
  }

  /// What the commit at `place` claims of the commit before it: only its number and position are known from elsewhere.
  static func expectation(
    at place: CommitPlace, in segment: Segment, file: any File
  ) throws(LogError) -> CommitExpectation {
    var bytes = [UInt8](repeating: 0, count: CommitHeader.size)
    _ = try explaining("reading the log") {
      try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: place.offset) }
    }
    return bytes.withUnsafeBytes { buffer in
      let header = CommitHeader(buffer.baseAddress!)
      return CommitExpectation(
        number: place.number, position: place.position, chain: header.previous, time: place.time, epoch: header.epoch)
    }
  }

  /// Whole commits from the one that holds `position`, found by scanning from `place`.
  func chunk(
    in segment: Segment, at place: CommitPlace, end: Int, from position: Position, limitBytes: Int, through: Position
  ) throws(LogError) -> LogChunk? {
    let block = min(max(limitBytes + CommitPlace.spacing, 4096), 4 << 20)
    var scanner = try scanner(in: segment, at: place, end: end, blockBytes: block)
    var builder = ChunkBuilder(hash: identity.hash, capacity: min(limitBytes, end - place.offset))
    while true {
      switch try explaining("reading the log", { try scanner.next() }) {
      case .commit(let commit, _):
        if commit.firstPosition.rawValue + UInt64(commit.positionCount) <= position.rawValue { continue }
        if commit.firstPosition > through { return builder.chunk() }
        if !builder.isEmpty && builder.byteCount + commit.wholeLength > limitBytes { return builder.chunk() }
        builder.append(commit)
      case .bad(let problem, let offset):
        throw Self.damage(problem, in: segment, at: offset)
      case .end, .seal:
        return builder.chunk()
      }
    }
  }
}

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
