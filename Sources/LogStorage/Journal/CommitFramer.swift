package import Events

/// Builds groups of commits: numbers them, positions their entries, links and checks them. Belongs to the engine's
/// thread; one value per log, never copied.
///
///     beginGroup · (beginCommit · (append | appendRecord)+ · endCommit)+ · endGroup
///
/// After `endGroup` the group goes to the journal; when the journal refuses it, `rollback` makes it not have happened.
package struct CommitFramer {
  package let identity: LogIdentity
  /// Of this opening of the log.
  package let epoch: UInt32
  private var next: CommitExpectation
  private var atGroupStart: CommitExpectation

  private var memory: ChunkMemory?
  /// Of a group that was small, for the next one.
  private var spare: ChunkMemory?
  /// Bytes of the group so far, an open commit included.
  package private(set) var byteCount = 0
  private var places: ContiguousArray<EntryPlace> = []
  private var identities: ContiguousArray<IdentityPlace> = []
  private var groupFirst = Position.start
  private var commitOffset = 0
  private var lastCommitOffset = -1
  private var open: CommitFields?

  init(identity: LogIdentity, epoch: UInt32, next: CommitExpectation) {
    self.identity = identity
    self.epoch = epoch
    self.next = next
    atGroupStart = next
  }

  /// The number of the next commit; of the open one while there is one.
  package var nextCommit: UInt64 { next.number }
  /// The position of the next entry.
  package var nextPosition: Position { next.position }
  /// The time of the last commit; the next one's is not before it.
  package var lastTime: Int64 { next.time }
  /// Whether there is a group with at least one whole commit.
  package var hasCommits: Bool { lastCommitOffset >= 0 }

  /// Whether `bytes` more of records still fit into the group, in a commit of their own.
  package func fits(_ bytes: Int) -> Bool {
    byteCount + bytes + CommitHeader.size + CommitHeader.alignment <= identity.limits.maxGroupBytes
  }

  /// - capacity: bytes the group will probably have; it grows as needed.
  package mutating func beginGroup(reserving capacity: Int = 64 << 10) {
    precondition(memory == nil, "a group is ended before the next one begins")
    atGroupStart = next
    groupFirst = next.position
    if let spare, spare.capacity >= capacity { memory = spare } else { memory = ChunkMemory(capacity: capacity) }
    spare = nil
    byteCount = 0
    places = []
    identities = []
    lastCommitOffset = -1
  }

  /// - time: µs since 1970, not before `lastTime`. - durable: the highest commit known durable now.
  package mutating func beginCommit(producer: Producer, generation: UInt32, time: Int64, durable: UInt64) {
    precondition(memory != nil && open == nil, "a commit lies in a group and ends before the next one begins")
    precondition(time >= next.time, "commit times never go back")
    precondition(durable < next.number, "a commit cannot be durable before it is written")
    commitOffset = byteCount
    reserve(CommitHeader.size)
    byteCount += CommitHeader.size
    open = CommitFields(
      storedLength: 0, number: next.number, firstPosition: next.position, positionCount: 0, epoch: epoch,
      logIDLow: identity.id.low, time: time, durable: durable, producer: producer, generation: generation,
      previous: next.chain, bodyCRC: 0)
  }

  /// Appends all entries of a batch. Returns the position of the first.
  @discardableResult
  package mutating func append(_ batch: EntryBatch) -> Position { append(batch, batch.infos.indices) }

  /// Appends entries of a batch: they get the next positions. Returns that of the first.
  @discardableResult
  package mutating func append(_ batch: EntryBatch, _ range: Range<Int>) -> Position {
    precondition(open != nil, "entries are appended to an open commit")
    let first = next.position
    if range.isEmpty { return first }
    let start = Int(batch.infos[range.lowerBound].offset)
    let last = batch.infos[range.upperBound - 1]
    let length = Int(last.offset) + Int(last.length) - start
    let target = byteCount
    appendRaw(UnsafeRawBufferPointer(rebasing: batch.bytes.bytes[start..<(start + length)]))
    // Room for exactly what comes would be made anew for every short run, and copy all places each time.
    if places.count + range.count > places.capacity {
      places.reserveCapacity(max(places.count + range.count, 2 * places.capacity))
    }
    var ordinal = UInt32(next.position.rawValue - groupFirst.rawValue)
    batch.infos.withUnsafeBufferPointer { infos in
      for info in infos[range] {
        places.append(
          EntryPlace(
            offset: UInt32(target + Int(info.offset) - start), commitOffset: UInt32(commitOffset),
            typeHash: info.typeHash, subjectHash: info.subjectHash))
        if info.identityHash != 0 { identities.append(IdentityPlace(hash: info.identityHash, ordinal: ordinal)) }
        ordinal += 1
      }
    }
    open!.positionCount += range.count
    next.position = next.position + UInt64(range.count)
    return first
  }

  /// Every entry of the group so far from `position` on, until `body` returns false. The views are good during the call only.
  package func forEachEntry(from position: Position, _ body: (Position, EntryView, EntryPlace) -> Bool) {
    guard let memory, position < next.position else { return }
    let first = max(position, groupFirst)
    for index in Int(first.rawValue - groupFirst.rawValue)..<places.count {
      let entry = EntryView(UnsafeRawPointer(memory.base) + Int(places[index].offset))
      guard body(groupFirst + UInt64(index), entry, places[index]) else { return }
    }
  }

  /// Appends one or more whole control records (kinds that take no position).
  package mutating func appendRecord(_ bytes: UnsafeRawBufferPointer) {
    precondition(open != nil, "records are appended to an open commit")
    appendRaw(bytes)
  }

  /// Appends the whole control records that `records` holds.
  package mutating func appendRecords(_ records: borrowing ByteWriter) { appendRecord(records.bytes) }

  /// Closes the open commit; it must have at least one record. Returns its number.
  @discardableResult
  package mutating func endCommit() -> UInt64 {
    guard var fields = open, let memory else { preconditionFailure("a commit is begun before it ends") }
    let body = UnsafeRawBufferPointer(
      start: memory.base + commitOffset + CommitHeader.size, count: byteCount - commitOffset - CommitHeader.size)
    precondition(!body.isEmpty, "a commit has at least one record")
    fields.storedLength = body.count
    fields.bodyCRC = crc32c(body)
    next.chain = fields.store(to: memory.base + commitOffset)
    let padding = -byteCount & (CommitHeader.alignment - 1)
    if padding > 0 {
      reserve(padding)
      (self.memory!.base + byteCount).initializeMemory(as: UInt8.self, repeating: 0, count: padding)
      byteCount += padding
    }
    precondition(byteCount <= identity.limits.maxGroupBytes, "a group is at most maxGroupBytes long")
    lastCommitOffset = commitOffset
    open = nil
    next.number += 1
    next.time = fields.time
    next.epoch = epoch
    return fields.number
  }

  /// Forgets the open commit: its entries and records never were.
  package mutating func abandonCommit() {
    guard let fields = open else { preconditionFailure("a commit is begun before it is abandoned") }
    byteCount = commitOffset
    places.removeLast(fields.positionCount)
    next.position = fields.firstPosition
    let kept = UInt32(next.position.rawValue - groupFirst.rawValue)
    while let last = identities.last, last.ordinal >= kept { identities.removeLast() }
    open = nil
  }

  /// The group as it goes to the journal. It must have at least one commit.
  package mutating func endGroup() -> LogChunk {
    guard let memory, open == nil, hasCommits else { preconditionFailure("a group of whole commits is ended") }
    // Chunks stay in memory for a while: a small one does not keep room for a large one.
    let isSmall = byteCount <= memory.capacity / 2
    if isSmall { spare = memory }
    let chunk = LogChunk(
      memory: isSmall ? memory.copy(of: byteCount) : memory, byteCount: byteCount, places: places,
      identities: identities,
      lastCommitOffset: lastCommitOffset)
    self.memory = nil
    byteCount = 0
    places = []
    identities = []
    lastCommitOffset = -1
    return chunk
  }

  /// The last group, open or ended, never was: numbers, positions and chain are as before its `beginGroup`.
  /// Call it when the journal has refused the group.
  package mutating func rollback() {
    next = atGroupStart
    memory = nil
    byteCount = 0
    places = []
    identities = []
    lastCommitOffset = -1
    open = nil
  }

  private mutating func reserve(_ extra: Int) {
    if byteCount + extra > memory!.capacity { memory!.grow(to: byteCount + extra, keeping: byteCount) }
  }

  private mutating func appendRaw(_ bytes: UnsafeRawBufferPointer) {
    guard let source = bytes.baseAddress, !bytes.isEmpty else { return }
    reserve(bytes.count)
    (memory!.base + byteCount).copyMemory(from: source, byteCount: bytes.count)
    byteCount += bytes.count
  }
}
