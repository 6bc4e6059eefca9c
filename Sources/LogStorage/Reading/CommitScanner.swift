internal import Events
internal import Platform

/// Walks the commits of a segment file in order through a window of memory, checking each.
struct CommitScanner {
  enum Step {
    /// A whole commit, checked; the view is good until the next step.
    case commit(CommitHeader, offset: Int)
    /// A good seal; the bytes behind it have not been looked at.
    case seal(SegmentSeal, offset: Int)
    /// Exactly the end.
    case end(offset: Int)
    /// Neither; the scanner stays there.
    case bad(CommitProblem, offset: Int)
  }

  private let file: any File
  let limit: Int
  private let identity: LogIdentity
  /// What the next commit must agree with.
  private(set) var expected: CommitExpectation
  /// Whether the chain value before the next commit is known.
  private var isLinked: Bool
  private let memory: ChunkMemory
  private var windowStart: Int
  private var windowCount = 0
  private var offset: Int
  /// Not beyond this; grows when a commit is longer.
  private let blockBytes: Int

  /// - from: where a commit begins. - limit: where to stop, at most the size of the file.
  init(
    file: any File, from: Int = SegmentHeader.size, limit: Int, identity: LogIdentity, expected: CommitExpectation,
    blockBytes: Int = 1 << 20
  ) {
    self.file = file
    self.limit = limit
    self.identity = identity
    self.expected = expected
    isLinked = true
    self.blockBytes = max(blockBytes, 4096)
    memory = ChunkMemory(capacity: self.blockBytes)
    windowStart = from
    offset = from
  }

  /// Begins at a place in the middle: number, position and time of the first commit are known, and from there on all.
  init(
    file: any File, from place: CommitPlace, limit: Int, identity: LogIdentity, blockBytes: Int = 1 << 20
  ) {
    let expected = CommitExpectation(
      number: place.number, position: place.position, chain: .start, time: place.time, epoch: 0)
    self.init(
      file: file, from: place.offset, limit: limit, identity: identity, expected: expected, blockBytes: blockBytes)
    isLinked = false
  }

  /// Goes over commits that end before `position`, by their headers alone. Whatever stops it, `next` tells.
  mutating func skip(before position: Position) throws(FileError) {
    while offset < limit {
      let bytes = try window(CommitHeader.size)
      guard CommitHeader.problem(at: bytes, logIDLow: identity.id.low, limits: identity.limits) == nil else { return }
      let commit = CommitHeader(bytes.baseAddress!)
      guard orderProblem(of: commit) == nil, commit.lastPosition < position,
        offset + commit.wholeLength <= limit
      else { return }
      advance(over: commit)
    }
  }

  /// - checkingRecords: false when the caller looks at a record before it uses it.
  mutating func next(checkingRecords: Bool = true) throws(FileError) -> Step {
    if offset >= limit { return .end(offset: offset) }
    var bytes = try window(CommitHeader.size)
    if let problem = CommitHeader.problem(at: bytes, logIDLow: identity.id.low, limits: identity.limits) {
      if problem == .notACommit { return sealOr(problem, bytes) }
      return .bad(problem, offset: offset)
    }
    let length = CommitHeader(bytes.baseAddress!).wholeLength
    bytes = try window(length)
    let commit = CommitHeader(bytes.baseAddress!)
    if let problem = orderProblem(of: commit) ?? commit.bodyProblem(in: bytes)
      ?? (checkingRecords ? commit.recordsProblem() : nil)
    {
      return .bad(problem, offset: offset)
    }
    defer { advance(over: commit) }
    return .commit(commit, offset: offset)
  }

  private func orderProblem(of commit: CommitHeader) -> CommitProblem? {
    var expected = expected
    if !isLinked {
      expected.chain = commit.previous
      expected.epoch = commit.epoch
    }
    return expected.problem(of: commit)
  }

  private mutating func advance(over commit: CommitHeader) {
    offset += commit.wholeLength
    expected.advance(over: commit)
    isLinked = true
  }

  private func sealOr(_ problem: CommitProblem, _ bytes: UnsafeRawBufferPointer) -> Step {
    do throws(SegmentSeal.Problem) {
      return .seal(try SegmentSeal.load(from: bytes), offset: offset)
    } catch .newer(let what) {
      return .bad(.newer(what), offset: offset)
    } catch {
      return .bad(problem, offset: offset)
    }
  }

  /// The bytes from `offset` on: at least `needed`, or fewer at the end.
  private mutating func window(_ needed: Int) throws(FileError) -> UnsafeRawBufferPointer {
    let start = offset - windowStart
    if windowCount - start < needed && windowStart + windowCount < limit {
      let kept = max(windowCount - start, 0)
      if kept > 0 { memory.base.copyMemory(from: memory.base + start, byteCount: kept) }
      let wanted = min(max(needed, blockBytes), limit - offset)
      if wanted > memory.capacity { memory.grow(to: wanted, keeping: kept) }
      let rest = UnsafeMutableRawBufferPointer(start: memory.base + kept, count: wanted - kept)
      windowCount = kept + (try file.read(into: rest, at: offset + kept))
      windowStart = offset
    }
    let from = offset - windowStart
    return UnsafeRawBufferPointer(start: memory.base + from, count: max(windowCount - from, 0))
  }
}
