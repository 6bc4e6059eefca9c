internal import Events
internal import Platform

/// Reads one segment from one end to the other for the verifier: commits, seal, and what its index says.
struct SegmentScrub {
  let segment: Segment
  let file: any File
  let size: Int
  let isLast: Bool
  /// Whether every commit was there, so that the next segment can be compared with it.
  private(set) var isWhole = true
  private var isSealed = false

  private var identity: LogIdentity { segment.header.identity }

  init(segment: Segment, file: any File, size: Int, isLast: Bool) {
    self.segment = segment
    self.file = file
    self.size = size
    self.isLast = isLast
  }

  mutating func run(_ verifier: inout LogVerifier) throws {
    var pairs = SegmentPairs(first: segment.firstPosition)
    var builder = ChunkBuilder(hash: identity.hash, capacity: 1 << 20)
    var scanner = CommitScanner(file: file, limit: size, identity: identity, expected: segment.header.first)
    var reported = 0
    scan: while true {
      let step: CommitScanner.Step
      do throws(FileError) {
        step = try scanner.next()
      } catch {
        // What cannot be read may be readable further on, but not by the same device in the same minute.
        verifier.problem(.inputOutput, segment.path, at: error.offset, commit: scanner.expected.number, error.text)
        isWhole = false
        return
      }
      switch step {
      case .commit(let commit, let offset):
        segment.note(CommitSequence(UnsafeRawBufferPointer(start: commit.base, count: commit.wholeLength)))
        if isWhole { builder.append(commit) }
        try verifier.found(commit)
        if builder.byteCount >= 1 << 20, let chunk = builder.take() { pairs.add(chunk, hash: identity.hash) }
        if offset - reported >= 1 << 20 {
          verifier.advanced(by: offset - reported)
          reported = offset
        }
      case .end: break scan
      case .seal(let seal, let offset):
        try checkSeal(seal, at: offset, &verifier)
        break scan
      case .bad(let problem, let offset):
        guard try handle(problem, at: offset, &scanner, &verifier) else { break scan }
      }
    }
    if let chunk = builder.take() { pairs.add(chunk, hash: identity.hash) }
    verifier.advanced(by: size - reported)
    if !isSealed && !isLast {
      verifier.problem(.corrupt, segment.path, at: segment.end, "the segment is followed by another but is not sealed")
      isWhole = false
    }
    if isSealed && isWhole { try checkIndex(pairs, &verifier) }
  }

  private mutating func checkSeal(_ seal: SegmentSeal, at offset: Int, _ verifier: inout LogVerifier) throws {
    isSealed = true
    let excess = try SegmentCheck.excess(behindSealAt: offset, of: file, size: size, isLast: isLast)
    let wrong =
      SegmentCheck.problem(of: seal, at: offset, segment.header)
      ?? (!isWhole || seal.next == segment.next ? nil : "it does not follow the last commit")
      ?? (excess == 0 ? nil : "\(excess) bytes follow it")
    if let wrong { verifier.problem(.corrupt, segment.path, at: offset, "the seal is bad: \(wrong)") }
  }

  /// Reports damage, or a torn tail; true when the scan goes on behind it.
  private mutating func handle(
    _ problem: CommitProblem, at offset: Int, _ scanner: inout CommitScanner, _ verifier: inout LogVerifier
  ) throws -> Bool {
    let number = scanner.expected.number
    if case .newer = problem {
      verifier.problem(.newer, segment.path, at: offset, commit: number, problem.description)
      isWhole = false
      return false
    }
    if isLast {
      let judge = TailJudge(
        file: file, path: segment.path, identity: identity, offset: offset, size: size, number: number,
        problem: problem, durable: verifier.durable)
      if let verdict = try? judge.judge() {
        if case .torn(let bytes) = verdict {
          verifier.result.notes.append(
            "\(segment.path) at offset \(offset): \(bytes) bytes of commits that were never acknowledged are torn; "
              + "the next start cuts them off")
        }
        return false
      }
    }
    isWhole = false
    let next = try nextWhole(after: offset, number: number)
    let lost = next.map { "; the next whole commit is \($0.number) at offset \($0.offset)" } ?? ""
    verifier.problem(.corrupt, segment.path, at: offset, commit: number, problem.description + lost)
    guard let next else { return false }
    scanner = CommitScanner(
      file: file, from: next.offset, limit: size, identity: identity, expected: next.expectation)
    segment.skip(to: next.offset, next.expectation)
    return true
  }

  /// The next place where a whole commit begins, or the seal (number and all as the seal says).
  private func nextWhole(
    after offset: Int, number: UInt64
  ) throws -> (offset: Int, number: UInt64, expectation: CommitExpectation)? {
    var at = (offset + CommitHeader.alignment) & ~(CommitHeader.alignment - 1)
    let window = ChunkMemory(capacity: 1 << 20)
    while at < size {
      let buffer = UnsafeMutableRawBufferPointer(start: window.base, count: min(1 << 20, size - at))
      let count = try file.read(into: buffer, at: at)
      var index = 0
      while index + CommitHeader.size <= count {
        let bytes = UnsafeRawBufferPointer(start: window.base + index, count: count - index)
        if let expectation = expectation(in: bytes, at: at + index, number: number) {
          return (at + index, expectation.number, expectation)
        }
        index += CommitHeader.alignment
      }
      if index == 0 { return nil }
      at += index
    }
    return nil
  }

  private func expectation(in bytes: UnsafeRawBufferPointer, at offset: Int, number: UInt64) -> CommitExpectation? {
    let magic = bytes.baseAddress!.integer(UInt32.self, at: 0)
    if magic == SegmentSeal.magic, let seal = try? SegmentSeal.load(from: bytes), seal.offset == offset {
      return seal.next
    }
    guard magic == CommitHeader.magic,
      CommitHeader.problem(at: bytes, logIDLow: identity.id.low, limits: identity.limits) == nil
    else { return nil }
    let header = CommitHeader(bytes.baseAddress!)
    guard header.number > number else { return nil }
    let expectation = CommitExpectation(
      number: header.number, position: header.firstPosition, chain: header.previous, time: header.time,
      epoch: header.epoch)
    var probe = CommitScanner(file: file, from: offset, limit: size, identity: identity, expected: expectation)
    guard case .commit = try? probe.next() else { return nil }
    return expectation
  }

  private func checkIndex(_ pairs: SegmentPairs, _ verifier: inout LogVerifier) throws {
    let cache = FileCache(verifier.fileSystem)
    let builder = IndexBuilder(cache: cache, identity: identity, isReadOnly: true)
    let path = builder.path(of: segment)
    guard let index = try IndexFile(path, of: segment, in: cache) else {
      verifier.result.notes.append("the index \(path) is missing or not good; the next start builds it again")
      return
    }
    do {
      for kind in IndexKind.allCases where try index.pairs(kind) != pairs.sorted(kind) {
        verifier.problem(.corrupt, path, "the index does not agree with its segment: remove it, it is built again")
        return
      }
      if try index.places() != segment.places {
        verifier.problem(.corrupt, path, "the index does not agree with its segment: remove it, it is built again")
      }
      let filter = try index.filter()
      for pair in pairs.identities where filter?.mightContain(pair.key) != true {
        verifier.problem(.corrupt, path, "the filter of the index lacks an identity: remove it, it is built again")
        return
      }
    } catch is IndexFile.Damaged {
      verifier.result.notes.append("the index \(path) is damaged; it is built again when it is needed")
    }
  }
}
