package import Events
package import Platform

/// What a repair of a log will keep and give up. Repairing keeps the longest beginning of the log that is whole, since
/// commits behind a hole cannot be numbered on; what follows is kept as files for people, outside of the log.
package struct RepairPlan: Sendable, Equatable {
  /// The first thing that is wrong, with file and offset.
  package let reason: String
  /// What stays.
  package let lastCommit: UInt64
  package let lastPosition: Position
  /// The highest commit that is known to have been there, from the log itself, its witness or a snapshot.
  package let lastKnownCommit: UInt64
  /// The segment that is cut, and where; nil when the segments are whole and only too few.
  let cut: Cut?
  /// Segments behind it, in order.
  let later: [String]
  /// Snapshots of what is given up.
  let snapshots: [String]

  struct Cut: Sendable, Equatable {
    let path: String
    let offset: Int
    let size: Int
  }

  /// What will happen, a sentence each.
  package var sentences: [String] {
    var all = [reason, "kept: commits 1–\(lastCommit), positions 1–\(lastPosition)"]
    if lastKnownCommit > lastCommit {
      all.append("given up: commits \(lastCommit + 1)–\(lastKnownCommit), which had been acknowledged or may have been")
    }
    if let cut {
      all.append("\(cut.path) is cut at offset \(cut.offset); \(cut.size - cut.offset) bytes are kept beside it")
    }
    all += later.map { "\($0) is taken out of the log and kept under another name" }
    all += snapshots.map { "\($0) is of commits that are given up and is kept under another name" }
    return all
  }
}

extension RepairPlan {
  /// Looks through a log; nil when opening it for writing would succeed, so that there is nothing to repair. A log of
  /// a newer version is never repaired, and neither is one that a device cannot read.
  package static func make(folder root: String, fileSystem: any FileSystem) throws(LogError) -> RepairPlan? {
    try explaining("looking for what to repair") {
      var planner = RepairPlanner(folder: LogFolder(root: root), fileSystem: fileSystem)
      return try planner.plan()
    }
  }
}

/// Finds the longest whole beginning of a log.
struct RepairPlanner {
  let folder: LogFolder
  let fileSystem: any FileSystem
  private var reason: String?
  private var cut: RepairPlan.Cut?

  init(folder: LogFolder, fileSystem: any FileSystem) {
    self.folder = folder
    self.fileSystem = fileSystem
  }

  mutating func plan() throws -> RepairPlan? {
    let names = try LogStore.segmentNames(folder, fileSystem)
    if names.isEmpty { throw LogError(.empty, "there is no log in \(folder.log)") }
    let witness = try Witness.load(folder.witness, in: fileSystem).best
    var expected = CommitExpectation.start
    var identity: LogIdentity?
    var kept = 0
    for (index, name) in names.enumerated() where reason == nil {
      guard let (header, file) = try header(name, expected, identity) else { break }
      identity = header.identity
      kept = index + 1
      let durable = witness.flatMap { $0.logID == header.identity.id ? $0.point.commit : nil }
      let isLast = index == names.count - 1
      expected = try end(of: header, file, isLast: isLast, durable: durable)
    }
    guard let identity else {
      throw LogError(.corrupt, "\(reason ?? ""): no commit can be kept; move the data folder away to begin a new log")
    }
    let claims = try SnapshotStore.claims(in: folder, fileSystem, identity: identity)
    let known = max(
      witness.flatMap { $0.logID == identity.id ? $0.point.commit : nil } ?? 0, claims.map(\.commit).max() ?? 0)
    if reason == nil && known >= expected.number {
      reason =
        "\(folder.log) ends with commit \(expected.number - 1), but commit \(known) is known to have been durable"
    }
    guard let reason else { return nil }
    let seen = try lastCommitAnywhere(names.dropFirst(max(kept - 1, 0)), identity)
    return RepairPlan(
      reason: reason, lastCommit: expected.number - 1, lastPosition: Position(expected.position.rawValue - 1),
      lastKnownCommit: max(known, seen, expected.number - 1), cut: cut,
      later: names.dropFirst(kept).map { "\(folder.log)/\($0)" },
      snapshots: try snapshots(beyond: expected.number - 1, identity))
  }

  private mutating func header(
    _ name: String, _ expected: CommitExpectation, _ identity: LogIdentity?
  ) throws -> (SegmentHeader, any File)? {
    let path = "\(folder.log)/\(name)"
    do throws(LogError) {
      let check = SegmentCheck(fileSystem: fileSystem)
      let found = try check.header(path, named: SegmentName.position(ofSegment: name)!)
      if found.0.first.follows(expected) && (identity == nil || identity == found.0.identity) { return found }
      reason = "\(path) at offset 0: the segment does not follow the one before it"
    } catch {
      guard error.code == .corrupt else { throw error }
      reason = error.message
    }
    return nil
  }

  /// Reads a segment as far as it is whole; what the next one must begin with.
  private mutating func end(
    of header: SegmentHeader, _ file: any File, isLast: Bool, durable: UInt64?
  ) throws -> CommitExpectation {
    let size = try file.size()
    var scanner = CommitScanner(file: file, limit: size, identity: header.identity, expected: header.first)
    while true {
      switch try scanner.next() {
      case .commit: continue
      case .end(let offset):
        if !isLast { stop("the segment is followed by another but is not sealed", file.path, offset, size) }
      case .seal(let seal, let offset):
        let excess = try SegmentCheck.excess(behindSealAt: offset, of: file, size: size, isLast: isLast)
        if let problem = SegmentCheck.problem(of: seal, at: offset, header)
          ?? (excess == 0 ? nil : "bytes follow it")
        {
          stop("the seal is bad: \(problem)", file.path, offset, size)
        }
      case .bad(let problem, let offset):
        if case .newer = problem {
          throw LogError(.newer, "\(file.path) at offset \(offset): \(problem); \(Advice.newer)")
        }
        let judge = TailJudge(
          file: file, path: file.path, identity: header.identity, offset: offset, size: size,
          number: scanner.expected.number, problem: problem, durable: durable.map { ($0, "the witness") })
        if !isLast || (try? judge.judge()) == nil { stop(problem.description, file.path, offset, size) }
      }
      return scanner.expected
    }
  }

  private mutating func stop(_ what: String, _ path: String, _ offset: Int, _ size: Int) {
    reason = "\(path) at offset \(offset): \(what)"
    cut = RepairPlan.Cut(path: path, offset: offset, size: size)
  }

  /// The highest commit number that any header behind the whole part bears.
  private func lastCommitAnywhere(_ names: ArraySlice<String>, _ identity: LogIdentity) throws -> UInt64 {
    var highest: UInt64 = 0
    let window = ChunkMemory(capacity: 1 << 20)
    for name in names {
      let file = try fileSystem.open("\(folder.log)/\(name)", .read)
      let size = try file.size()
      var at = SegmentHeader.size
      while at < size {
        let buffer = UnsafeMutableRawBufferPointer(start: window.base, count: min(1 << 20, size - at))
        let count = try file.read(into: buffer, at: at)
        var index = 0
        while index + CommitHeader.size <= count {
          let bytes = UnsafeRawBufferPointer(start: window.base + index, count: count - index)
          if CommitHeader.problem(at: bytes, logIDLow: identity.id.low, limits: identity.limits) == nil {
            highest = max(highest, CommitHeader(bytes.baseAddress!).number)
          }
          index += CommitHeader.alignment
        }
        if index == 0 { break }
        at += index
      }
    }
    return highest
  }

  private func snapshots(beyond commit: UInt64, _ identity: LogIdentity) throws -> [String] {
    try SnapshotStore.names(in: folder.snapshots, fileSystem).map { "\(folder.snapshots)/\($0)" }.filter { path in
      guard case .good(let header, _) = try SnapshotStore.load(path, in: fileSystem, wantsPayload: false) else {
        return false
      }
      return header.logID == identity.id && header.point.commit > commit
    }
  }
}
