package import Events

/// Where an entry lies in a chunk and what it is about, in 24 bytes: enough to filter and to key without decoding.
@frozen
package struct EntryPlace: Sendable {
  package var offset: UInt32
  package var commitOffset: UInt32
  package var typeHash: UInt64
  package var subjectHash: UInt64

  @inlinable
  init(offset: UInt32, commitOffset: UInt32, typeHash: UInt64, subjectHash: UInt64) {
    self.offset = offset
    self.commitOffset = commitOffset
    self.typeHash = typeHash
    self.subjectHash = subjectHash
  }
}

/// An entry with an identity from outside: the hash of (source, id) and the entry's ordinal in its chunk.
@frozen
package struct IdentityPlace: Sendable {
  package var hash: UInt64
  package var ordinal: UInt32

  @inlinable
  init(hash: UInt64, ordinal: UInt32) {
    self.hash = hash
    self.ordinal = ordinal
  }
}

/// Raw memory of a chunk. `@unchecked Sendable`: written while one framer or reader owns it, then never again.
final class ChunkMemory: @unchecked Sendable {
  private(set) var base: UnsafeMutableRawPointer
  private(set) var capacity: Int

  init(capacity: Int) {
    self.capacity = max(capacity, 64)
    base = .allocate(byteCount: self.capacity, alignment: 64)
  }

  deinit { base.deallocate() }

  /// The first bytes of it, in memory of just that size.
  func copy(of count: Int) -> ChunkMemory {
    let copy = ChunkMemory(capacity: count)
    copy.base.copyMemory(from: base, byteCount: count)
    return copy
  }

  func grow(to needed: Int, keeping count: Int) {
    let larger = max(needed, capacity * 2)
    let memory = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 64)
    memory.copyMemory(from: base, byteCount: count)
    base.deallocate()
    base = memory
    capacity = larger
  }
}

/// Whole commits in memory, one after the other: a group as it was written, or a block read back. Immutable.
///
/// `@unchecked Sendable`: nothing changes after it is built.
package final class LogChunk: @unchecked Sendable {
  private let memory: ChunkMemory
  @usableFromInline let base: UnsafeRawPointer
  /// Bytes of all commits.
  package let byteCount: Int
  @usableFromInline let placeList: ContiguousArray<EntryPlace>
  /// The entries by type; nil: they are few, or of many types.
  package let strands: TypeStrands?
  /// The entries that came with an identity from outside.
  package let identities: ContiguousArray<IdentityPlace>
  package let firstCommit: UInt64
  package let lastCommit: UInt64
  /// Of the first entry; with no entries, of the next one to come.
  package let firstPosition: Position
  /// Where the last commit begins.
  private let lastCommitOffset: Int

  init(
    memory: ChunkMemory, byteCount: Int, places: ContiguousArray<EntryPlace>,
    identities: ContiguousArray<IdentityPlace>, lastCommitOffset: Int
  ) {
    precondition(byteCount >= CommitHeader.size && lastCommitOffset < byteCount, "a chunk holds at least one commit")
    self.memory = memory
    base = UnsafeRawPointer(memory.base)
    self.byteCount = byteCount
    placeList = places
    strands = TypeStrands(places)
    self.identities = identities
    self.lastCommitOffset = lastCommitOffset
    let first = CommitHeader(base)
    firstCommit = first.number
    firstPosition = first.firstPosition
    lastCommit = CommitHeader(base + lastCommitOffset).number
  }

  /// The bytes of memory that it takes, places and all.
  package var footprint: Int {
    memory.capacity + placeList.capacity * MemoryLayout<EntryPlace>.stride
      + identities.capacity * MemoryLayout<IdentityPlace>.stride + (strands?.footprint ?? 0) + Self.overhead
  }

  /// The objects and arrays around what is counted, roughly.
  private static var overhead: Int { 256 }

  /// How many entries there are.
  @inlinable package var count: Int { placeList.count }

  /// Of the last entry; with no entries, of the one before the next to come.
  @inlinable package var lastPosition: Position {
    Position(firstPosition.rawValue + UInt64(placeList.count) - 1)
  }

  /// The bytes as they lie in the segment.
  @inlinable package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: byteCount) }

  /// One place per entry, in log order; the first is of `firstPosition`.
  @inlinable package var places: ContiguousArray<EntryPlace> { placeList }

  @inlinable package func contains(_ position: Position) -> Bool {
    position >= firstPosition && position.rawValue < firstPosition.rawValue + UInt64(placeList.count)
  }

  @inlinable package func place(_ position: Position) -> EntryPlace {
    placeList[Int(position.rawValue - firstPosition.rawValue)]
  }

  /// The entry at a position that this chunk contains. Lives as long as the chunk.
  @inlinable package func entry(_ position: Position) -> EntryView {
    EntryView(base + Int(place(position).offset))
  }

  /// The commit of a position that this chunk contains. Lives as long as the chunk.
  @inlinable package func commit(of position: Position) -> CommitHeader {
    CommitHeader(base + Int(place(position).commitOffset))
  }

  /// The commits in order.
  @inlinable package var commits: CommitSequence { CommitSequence(bytes) }

  package var last: CommitHeader { CommitHeader(base + lastCommitOffset) }

  /// What the commit after this chunk must agree with.
  var next: CommitExpectation {
    var next = CommitExpectation.start
    next.advance(over: last)
    return next
  }
}

/// The commits of a chunk, in order.
@frozen
package struct CommitSequence: Sequence, IteratorProtocol {
  @usableFromInline var rest: UnsafeRawBufferPointer

  @inlinable init(_ bytes: UnsafeRawBufferPointer) { rest = bytes }

  @inlinable
  package mutating func next() -> CommitHeader? {
    guard rest.count >= CommitHeader.size, let base = rest.baseAddress else { return nil }
    let header = CommitHeader(base)
    rest = UnsafeRawBufferPointer(start: base + header.wholeLength, count: rest.count - header.wholeLength)
    return header
  }
}
