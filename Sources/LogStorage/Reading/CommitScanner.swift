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
  private let limit: Int
  private let identity: LogIdentity
  /// What the next commit must agree with.
  private(set) var expected: CommitExpectation
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
    self.blockBytes = max(blockBytes, 4096)
    memory = ChunkMemory(capacity: self.blockBytes)
    windowStart = from
    offset = from
  }

  mutating func next() throws(FileError) -> Step {
    if offset >= limit { return .end(offset: offset) }
    var bytes = try window(CommitHeader.size)
    if let problem = CommitHeader.problem(at: bytes, logIDLow: identity.id.low, limits: identity.limits) {
      if problem == .notACommit { return sealOr(problem, bytes) }
      return .bad(problem, offset: offset)
    }
    let length = CommitHeader(bytes.baseAddress!).wholeLength
    bytes = try window(length)
    let commit = CommitHeader(bytes.baseAddress!)
    if let problem = expected.problem(of: commit) ?? commit.bodyProblem(in: bytes) ?? commit.recordsProblem() {
      return .bad(problem, offset: offset)
    }
    expected.advance(over: commit)
    defer { offset += length }
    return .commit(commit, offset: offset)
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
