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

  /// Where commits of a segment begin.
  func places(of segment: Segment) throws(LogError) -> [CommitPlace] {
    if let places = segment.places { return places }
    return try repairingIndex(of: segment) {
      if let places = segment.places { return places }
      guard let file = segment.index.file else { throw IndexFile.Damaged() }
      let places = try file.places()
      segment.setPlaces(places)
      return places
    }
  }

  /// Runs a look-up; when the segment's index file is missing or damaged, builds it again from the segment first.
  func repairingIndex<Value>(of segment: Segment, _ body: () throws -> Value) throws(LogError) -> Value {
    try explaining("reading an index of the log") {
      do {
        return try body()
      } catch is IndexFile.Damaged {
        _ = try builder.rebuild(segment)
        do {
          return try body()
        } catch is IndexFile.Damaged {
          throw LogError(
            .inputOutput, "\(builder.path(of: segment)) was built again and is damaged again: check the disk")
        }
      }
    }
  }

  func nextCommit(of scanner: inout CommitScanner, in segment: Segment) throws(LogError) -> CommitScanner.Step {
    let step = try explaining("reading the log") { try scanner.next() }
    if case .bad(let problem, let offset) = step { throw Self.damage(problem, in: segment, at: offset) }
    return step
  }

  /// A scanner that begins at a place of a segment; what comes before it is not checked again.
  func scanner(
    in segment: Segment, at place: CommitPlace, end: Int, blockBytes: Int = 1 << 20
  ) throws(LogError) -> CommitScanner {
    let file = try explaining("reading the log") { try segment.file(builder.cache) }
    if place.offset == SegmentHeader.size {
      return CommitScanner(
        file: file, limit: end, identity: identity, expected: segment.header.first, blockBytes: blockBytes)
    }
    return CommitScanner(file: file, from: place, limit: end, identity: identity, blockBytes: blockBytes)
  }

  /// Whole commits from the one that holds `position`, found by scanning from `place`.
  func chunk(
    in segment: Segment, at place: CommitPlace, end: Int, from position: Position, limitBytes: Int, through: Position
  ) throws(LogError) -> LogChunk? {
    let block = min(max(limitBytes + CommitPlace.spacing, 4096), 4 << 20)
    var scanner = try scanner(in: segment, at: place, end: end, blockBytes: block)
    var builder = ChunkBuilder(hash: identity.hash, capacity: min(limitBytes, end - place.offset))
    try explaining("reading the log") { try scanner.skip(before: position) }
    while true {
      switch try explaining("reading the log", { try scanner.next() }) {
      case .commit(let commit, _):
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
