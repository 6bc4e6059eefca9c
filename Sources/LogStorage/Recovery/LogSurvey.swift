internal import Events
internal import Platform

/// What the files of a log are, found by reading them; nothing is changed (O3–O5).
struct LogSurvey {
  let identity: LogIdentity
  /// In order; the last one has been read through.
  let segments: [Segment]
  let tail: Tail
  let witness: Witness?
  let warnings: [String]

  /// What follows the last whole commit of the last segment.
  enum Tail: Equatable {
    /// The file ends there.
    case end
    /// Zeros, which go when the log is opened for writing.
    case zeros
    /// The segment is sealed. A crash may have kept the seal and lost that the file was cut there: so many zeros follow,
    /// which go when the log is opened for writing.
    case sealed(zeros: Int)
    /// Bytes that a crash has torn: nobody was told that they are in the log.
    case torn(bytes: Int, problem: CommitProblem)
  }

  var last: Segment { segments.last! }
  var next: CommitExpectation { last.next }
}

/// Surveys the log of a folder.
struct LogSurveyor {
  let folder: LogFolder
  let fileSystem: any FileSystem
  let claims: [DurableClaim]
  private let check: SegmentCheck
  private var warnings: [String] = []
  private var witness: Witness?

  init(folder: LogFolder, fileSystem: any FileSystem, claims: [DurableClaim]) {
    self.folder = folder
    self.fileSystem = fileSystem
    self.claims = claims
    check = SegmentCheck(fileSystem: fileSystem)
  }

  /// - names: the segment files, sorted. Nil when there are none and nothing says that there should be.
  mutating func survey(_ names: [String]) throws(LogError) -> LogSurvey? {
    let loaded = try Witness.load(folder.witness, in: fileSystem)
    warnings = loaded.warnings
    witness = loaded.best
    guard let lastName = names.last else {
      try refuseLostLog()
      return nil
    }
    var segments: [Segment] = []
    var before: (SegmentHeader, SegmentSeal)?
    for name in names.dropLast() {
      let (header, file) = try header(name, after: before)
      let seal = try check.seal(of: file, header)
      segments.append(Segment(header, path: "\(folder.log)/\(name)", seal: seal))
      before = (header, seal)
    }
    let (header, file) = try header(lastName, after: before)
    let identity = header.identity
    adopt(witness: loaded.best, isMissing: loaded.isMissing, identity)
    let last = Segment(header, path: "\(folder.log)/\(lastName)", file: file)
    let claims = try SnapshotStore.claims(in: folder, fileSystem, identity: identity)
    let tail = try readThrough(last, file, claims: claims)
    segments.append(last)
    try refuseWhenBehind(last, identity, claims: claims)
    return LogSurvey(identity: identity, segments: segments, tail: tail, witness: witness, warnings: warnings)
  }

  private func header(
    _ name: String, after before: (SegmentHeader, SegmentSeal)?
  ) throws(LogError) -> (SegmentHeader, any File) {
    let path = "\(folder.log)/\(name)"
    let (header, file) = try check.header(path, named: SegmentName.position(ofSegment: name)!)
    if let before {
      try check.link(header, path, after: before.1, before.0)
    } else if header.first.number != 1 || header.first.position != Position(1) || header.first.chain != .start {
      throw LogError(
        .segmentMissing,
        "\(path) begins at position \(header.first.position): the segments before it are missing; "
          + "restore them from a backup")
    } else if header.first.time != CommitExpectation.start.time {
      throw LogError(.chain, "\(path): the log's first segment names a commit before it; \(Advice.damage)")
    }
    return (header, file)
  }

  private mutating func adopt(witness: Witness?, isMissing: Bool, _ identity: LogIdentity) {
    self.witness = nil
    guard let witness else {
      if isMissing { warnings.append("the witness file \(folder.witness) is missing and is made again") }
      return
    }
    if witness.logID == identity.id {
      self.witness = witness
    } else {
      warnings.append("the witness file \(folder.witness) belongs to another log and is not used")
    }
  }

  /// Reads the last segment commit by commit, into its tables too.
  private func readThrough(
    _ segment: Segment, _ file: any File, claims: [(commit: UInt64, who: String)]
  ) throws(LogError) -> LogSurvey.Tail {
    let identity = segment.header.identity
    return try explaining("reading the log") {
      let size = try file.size()
      var scanner = CommitScanner(file: file, limit: size, identity: identity, expected: segment.header.first)
      var builder = ChunkBuilder(hash: identity.hash, capacity: 1 << 20)
      while true {
        let step = try scanner.next()
        if case .commit(let commit, _) = step {
          segment.note(CommitSequence(UnsafeRawBufferPointer(start: commit.base, count: commit.wholeLength)))
          builder.append(commit)
          try compareWithWitness(commit, segment)
          if builder.byteCount < 1 << 20 { continue }
        }
        if let chunk = builder.take() {
          segment.index.add(chunk)
          _ = segment.index.absorb(hash: identity.hash)
        }
        switch step {
        case .commit: continue
        case .end: return .end
        case .seal(let seal, let offset):
          return .sealed(zeros: try accept(seal, at: offset, file, size: size, segment))
        case .bad(let problem, let offset):
          let durable = durableCommit(claims)
          let judge = TailJudge(
            file: file, path: segment.path, identity: identity, offset: offset, size: size,
            number: scanner.expected.number, problem: problem, durable: durable)
          switch try judge.judge() {
          case .clean: return .zeros
          case .torn(let bytes): return .torn(bytes: bytes, problem: problem)
          }
        }
      }
    }
  }

  /// How many zeros follow a seal that is in order.
  private func accept(
    _ seal: SegmentSeal, at offset: Int, _ file: any File, size: Int, _ segment: Segment
  ) throws -> Int {
    let excess = try SegmentCheck.excess(behindSealAt: offset, of: file, size: size, isLast: true)
    let wrong =
      SegmentCheck.problem(of: seal, at: offset, segment.header)
      ?? (seal.next == segment.next ? nil : "it does not follow the last commit")
      ?? (excess == 0 ? nil : "\(excess) bytes follow it")
    if let wrong {
      throw LogError(
        .corrupt,
        "\(segment.path) at offset \(offset): the seal at the end of the segment is bad: \(wrong); \(Advice.damage)")
    }
    return size - offset - SegmentSeal.size
  }

  private func compareWithWitness(_ commit: CommitHeader, _ segment: Segment) throws(LogError) {
    guard let witness, witness.point.commit == commit.number, witness.chain != commit.chain else { return }
    throw LogError(
      .chain,
      "\(segment.path): commit \(commit.number) is not the one that was durable when the witness file "
        + "\(folder.witness) was written: the log, or part of it, has been replaced; \(Advice.damage)")
  }

  private func durableCommit(_ claims: [(commit: UInt64, who: String)]) -> (commit: UInt64, who: String)? {
    var all = claims
    if let witness { all.append((witness.point.commit, "the witness file \(folder.witness)")) }
    return all.max { $0.commit < $1.commit }
  }

  /// A log that ends before something that was durable has lost acknowledged commits (O5).
  private func refuseWhenBehind(
    _ last: Segment, _ identity: LogIdentity, claims: [(commit: UInt64, who: String)]
  ) throws(LogError) {
    let next = last.next
    if let durable = durableCommit(claims), durable.commit >= next.number {
      throw LogError(
        .behind,
        "\(last.path) ends with commit \(next.number - 1), but \(durable.who) knows commit \(durable.commit) to be "
          + "durable: acknowledged commits are missing; restore the newer files of this log")
    }
    for claim in self.claims where claim.position >= next.position.rawValue {
      if let log = claim.log, log != identity.id { continue }
      throw LogError(
        .behind,
        "\(last.path) ends with position \(next.position.rawValue - 1), but \(claim.who) has seen position "
          + "\(claim.position): acknowledged commits are missing; restore the newer files of this log")
    }
  }

  private func refuseLostLog() throws(LogError) {
    let claim =
      witness.flatMap {
        $0.point.commit > 0 ? "the witness file \(folder.witness) knows commit \($0.point.commit)" : nil
      }
      ?? claims.first { $0.position > 0 }.map { "\($0.who) has seen position \($0.position)" }
    if let claim {
      throw LogError(
        .segmentMissing,
        "\(folder.log) has no segment, but \(claim) to be durable: restore the segments, or, to begin a new log, "
          + "move the whole data folder away")
    }
  }
}
