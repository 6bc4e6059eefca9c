internal import Events
internal import Platform

/// Decides what the bytes behind the last whole commit of the last segment are (O4).
struct TailJudge {
  enum Verdict: Equatable {
    /// Nothing but zeros follow.
    case clean
    /// Torn by a crash: `bytes` of them are kept, then the file is cut.
    case torn(bytes: Int)
  }

  let file: any File
  let path: String
  let identity: LogIdentity
  /// Where the first invalid commit begins, and the size of the file.
  let offset: Int
  let size: Int
  /// The number of the commit that belongs there.
  let number: UInt64
  let problem: CommitProblem
  /// The highest commit known durable from elsewhere, and who says so.
  let durable: (commit: UInt64, who: String)?

  private static let blockBytes = 1 << 20

  func judge() throws(LogError) -> Verdict {
    if let refusal = refusal { throw refusal }
    return try explaining("reading the tail of the log") {
      let bad = try file.lastByteSet(from: offset, to: size) - offset
      if bad == 0 { return .clean }
      if let witness = try laterWitness(end: offset + bad) { throw corrupt("it had been acknowledged: \(witness)") }
      if let durable, durable.commit >= number {
        throw corrupt("it had been acknowledged: \(durable.who) knows commit \(durable.commit) to be durable")
      }
      if bad > identity.limits.maxUnsyncedBytes {
        throw LogError(
          .tailTooLong,
          "\(path) at offset \(offset): \(bad) bytes from commit \(number) on are bad, more than a crash can tear "
            + "(\(identity.limits.maxUnsyncedBytes)); \(Advice.damage)")
      }
      return .torn(bytes: bad)
    }
  }

  /// What no crash can leave behind: a whole header, in its place, that does not belong there.
  private var refusal: LogError? {
    switch problem {
    case .short, .notACommit, .headerCRC, .bodyCRC, .padding: return nil
    case .newer:
      return LogError(.newer, "\(path) at offset \(offset): commit \(number): \(problem); \(Advice.newer)")
    case .order, .foreign:
      return LogError(.chain, "\(path) at offset \(offset): commit \(number): \(problem); \(Advice.damage)")
    case .length, .records: return corrupt(problem.description)
    }
  }

  private func corrupt(_ why: String) -> LogError {
    LogError(
      .corrupt, "\(path) at offset \(offset): commit \(number) is damaged (\(problem)) and \(why); \(Advice.damage)")
  }

  /// A later commit that says that `number` was durable when it was written, or a seal, which says it of everything
  /// before it. Both are looked for at every place where one may begin.
  private func laterWitness(end: Int) throws(FileError) -> String? {
    let block = ChunkMemory(capacity: Self.blockBytes + CommitHeader.size)
    var start = (offset + CommitHeader.alignment) & ~(CommitHeader.alignment - 1)
    while start < end {
      let wanted = min(Self.blockBytes + CommitHeader.size, end - start)
      let count = try file.read(into: UnsafeMutableRawBufferPointer(start: block.base, count: wanted), at: start)
      var at = 0
      while at < min(count, Self.blockBytes) {
        let bytes = UnsafeRawBufferPointer(start: block.base + at, count: count - at)
        if let witness = witness(in: bytes, at: start + at) { return witness }
        at += CommitHeader.alignment
      }
      start += Self.blockBytes
    }
    return nil
  }

  private func witness(in bytes: UnsafeRawBufferPointer, at place: Int) -> String? {
    guard bytes.count >= CommitHeader.size, let base = bytes.baseAddress else { return nil }
    let magic = base.integer(UInt32.self, at: 0)
    if magic == CommitHeader.magic {
      guard CommitHeader.problem(at: bytes, logIDLow: identity.id.low, limits: identity.limits) == nil else {
        return nil
      }
      let header = CommitHeader(base)
      guard header.number > number, header.durable >= number else { return nil }
      return "commit \(header.number) at offset \(place) knows commit \(header.durable) to be durable"
    }
    if magic == SegmentSeal.magic, let seal = try? SegmentSeal.load(from: bytes),
      seal.logIDLow == identity.id.low, seal.offset == place, seal.next.number > number
    {
      return "the segment was sealed at offset \(place)"
    }
    return nil
  }
}

extension File {
  /// Behind the last byte between the two offsets that is not zero; `offset` when all are.
  func lastByteSet(from offset: Int, to size: Int) throws(FileError) -> Int {
    let block = ChunkMemory(capacity: 1 << 20)
    var end = size
    while end > offset {
      let start = max(offset, end - (1 << 20))
      let buffer = UnsafeMutableRawBufferPointer(start: block.base, count: end - start)
      let count = try read(into: buffer, at: start)
      var last = count
      while last > 0, buffer[last - 1] == 0 { last -= 1 }
      if last > 0 { return start + last }
      end = start
    }
    return offset
  }
}
