package import Events
package import Platform

/// Something wrong with a log.
package struct LogProblem: Sendable, CustomStringConvertible {
  package let code: LogError.Code
  package let file: String
  /// Where in the file, when it is at a place.
  package let offset: Int?
  /// The commit that is damaged or missing, when it is known.
  package let commit: UInt64?
  package let message: String

  package var description: String {
    let place = offset.map { " at offset \($0)" } ?? ""
    let number = commit.map { " (commit \($0))" } ?? ""
    return "\(file)\(place)\(number): \(message)"
  }
}

/// What `LogVerifier` found.
package struct LogVerification: Sendable {
  package var segments = 0
  /// Bytes of segment files that were read.
  package var bytes = 0
  package var commits: UInt64 = 0
  package var entries: UInt64 = 0
  package var lastCommit: UInt64 = 0
  package var lastPosition = Position.start
  /// Damage: the log is not what was written.
  package var problems: [LogProblem] = []
  /// Nothing lost: a torn tail that the next start cuts, an index that it builds again.
  package var notes: [String] = []

  package var isGood: Bool { problems.isEmpty }
}

/// Reads a whole log, every commit, every link, every seal, every index, and changes nothing. It goes on behind damage,
/// so that all of it is reported, and so that what can be read can be rescued.
package struct LogVerifier {
  package struct Progress: Sendable {
    package let bytes: Int
    package let totalBytes: Int
  }

  let folder: LogFolder
  let fileSystem: any FileSystem
  var result = LogVerification()
  private let progress: (Progress) -> Void
  private let commit: (CommitHeader) throws -> Void
  private var totalBytes = 0
  /// What the next segment must begin with; nil after damage.
  private var expected: CommitExpectation? = .start
  private var identity: LogIdentity?
  private var witness: Witness?

  /// Refuses a log that another process has open: its end would look torn. Throws `LogError` and what `commit`
  /// throws; damage is not thrown but reported.
  /// - progress: called about once per MiB. - commit: called for each whole commit, in order, damaged ones left out.
  package static func verify(
    folder root: String, fileSystem: any FileSystem, progress: @escaping (Progress) -> Void = { _ in },
    commit: @escaping (CommitHeader) throws -> Void = { _ in }
  ) throws -> LogVerification {
    var verifier = LogVerifier(
      folder: LogFolder(root: root), fileSystem: fileSystem, progress: progress, commit: commit)
    do {
      try verifier.run()
    } catch let error as FileError {
      throw LogError(error, doing: "verifying the log")
    }
    return verifier.result
  }

  private init(
    folder: LogFolder, fileSystem: any FileSystem, progress: @escaping (Progress) -> Void,
    commit: @escaping (CommitHeader) throws -> Void
  ) {
    self.folder = folder
    self.fileSystem = fileSystem
    self.progress = progress
    self.commit = commit
  }

  private mutating func run() throws {
    if let holder = try fileSystem.lockHolder(folder.lock) { throw LogStore.locked(folder.lock, holder) }
    let names = try LogStore.segmentNames(folder, fileSystem)
    if names.isEmpty { throw LogError(.empty, "there is no log in \(folder.log)") }
    for name in names { totalBytes += try size("\(folder.log)/\(name)") }
    do {
      let loaded = try Witness.load(folder.witness, in: fileSystem)
      witness = loaded.best
      result.notes += loaded.warnings
      if loaded.isMissing { result.notes.append("the witness file \(folder.witness) is missing") }
    } catch {
      add(error, file: folder.witness)
    }
    for (index, name) in names.enumerated() { try verifySegment(name, isLast: index == names.count - 1) }
    verifyWitness()
    try verifySnapshots()
  }

  private func size(_ path: String) throws(LogError) -> Int {
    try explaining("reading the log") { try fileSystem.open(path, .read).size() }
  }

  private mutating func add(_ error: LogError, file: String, offset: Int? = nil) {
    result.problems.append(
      LogProblem(code: error.code, file: file, offset: offset, commit: nil, message: error.message))
  }

  mutating func problem(
    _ code: LogError.Code, _ file: String, at offset: Int? = nil, commit: UInt64? = nil, _ message: String
  ) {
    result.problems.append(LogProblem(code: code, file: file, offset: offset, commit: commit, message: message))
  }

  private mutating func verifySegment(_ name: String, isLast: Bool) throws {
    let path = "\(folder.log)/\(name)"
    let check = SegmentCheck(fileSystem: fileSystem)
    let header: SegmentHeader
    let file: any File
    do {
      (header, file) = try check.header(path, named: SegmentName.position(ofSegment: name)!)
    } catch {
      add(error, file: path, offset: 0)
      expected = nil
      return
    }
    result.segments += 1
    if let identity, identity != header.identity {
      problem(.corrupt, path, at: 0, "the segment's header belongs to another log")
      expected = nil
      return
    }
    identity = header.identity
    if let expected, !header.first.follows(expected) {
      let isMissing = header.first.number > expected.number
      problem(
        isMissing ? .segmentMissing : .chain, path, at: 0, commit: expected.number,
        "the segment begins with commit \(header.first.number), position \(header.first.position); commit "
          + "\(expected.number), position \(expected.position) belongs there")
    }
    let segment = Segment(header, path: path, file: file)
    var scrub = SegmentScrub(segment: segment, file: file, size: try file.size(), isLast: isLast)
    try scrub.run(&self)
    expected = scrub.isWhole ? segment.next : nil
    result.lastCommit = segment.next.number - 1
    result.lastPosition = Position(segment.next.position.rawValue - 1)
  }

  mutating func found(_ header: CommitHeader) throws {
    result.commits += 1
    result.entries += UInt64(header.positionCount)
    if let witness, let identity, witness.logID == identity.id, witness.point.commit == header.number,
      witness.chain != header.chain
    {
      problem(
        .chain, folder.witness, commit: header.number,
        "the commit is not the one that was durable when the witness was written: the log has been replaced")
    }
    try commit(header)
  }

  mutating func advanced(by bytes: Int) {
    result.bytes += bytes
    progress(Progress(bytes: result.bytes, totalBytes: totalBytes))
  }

  /// The commits that are known durable from outside the segments.
  var durable: (commit: UInt64, who: String)? {
    guard let witness, let identity, witness.logID == identity.id else { return nil }
    return (witness.point.commit, "the witness file \(folder.witness)")
  }

  private mutating func verifyWitness() {
    guard let durable, durable.commit > result.lastCommit else { return }
    problem(
      .behind, folder.log, commit: durable.commit,
      "the log ends with commit \(result.lastCommit), but \(durable.who) knows commit \(durable.commit) to be durable")
  }

  private mutating func verifySnapshots() throws {
    guard let identity else { return }
    for name in try SnapshotStore.names(in: folder.snapshots, fileSystem) {
      let path = "\(folder.snapshots)/\(name)"
      switch try SnapshotStore.load(path, in: fileSystem, wantsPayload: true) {
      case .bad(let what): result.notes.append("the snapshot \(path) is bad and will not be used: \(what)")
      case .newer(let what): problem(.newer, path, "it was made by a newer moondance (\(what))")
      case .good(let header, _):
        if header.logID != identity.id {
          result.notes.append("the snapshot \(path) belongs to another log and will not be used")
        } else if header.point.commit > result.lastCommit {
          problem(
            .behind, path, commit: header.point.commit,
            "the snapshot was made of commit \(header.point.commit), but the log ends with \(result.lastCommit)")
        }
      }
    }
  }
}

extension CommitExpectation {
  /// Whether a segment that begins so may follow one that ends with `before`.
  func follows(_ before: CommitExpectation) -> Bool {
    number == before.number && position == before.position && chain == before.chain
      && (time == before.time) && epoch >= before.epoch
  }
}
