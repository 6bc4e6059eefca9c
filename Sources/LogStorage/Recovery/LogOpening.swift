internal import Events
internal import Platform

/// One opening of a log for writing.
struct LogOpening {
  let folder: LogFolder
  let fileSystem: any FileSystem
  let options: LogOptions
  let clock: any HostClock
  let randomness: any Randomness
  var report = RecoveryReport()

  init(
    folder: LogFolder, fileSystem: any FileSystem, options: LogOptions, clock: any HostClock,
    randomness: any Randomness
  ) {
    self.folder = folder
    self.fileSystem = fileSystem
    self.options = options
    self.clock = clock
    self.randomness = randomness
  }

  mutating func open(lock: any FileLock) throws(LogError) -> OpenedLog {
    try explaining("opening the log") {
      if try fileSystem.makeFolder(folder.log) { try fileSystem.syncFolder(folder.root) }
      var names = try fileSystem.list(folder.log).filter { SegmentName.position(ofSegment: $0) != nil }.sorted()
      if names.isEmpty {
        try makeFirstSegment()
        names = [SegmentName.segment(Position(1))]
        report.isNew = true
      }
      let segments = try load(names)
      return try finish(segments, lock: lock)
    }
  }

  private func makeFirstSegment() throws(FileError) {
    let id = LogID(high: randomness.next(), low: randomness.next())
    let identity = LogIdentity(
      id: id, name: options.name ?? "moondance:\(id)", clockMode: options.clockMode, limits: options.limits)
    let header = SegmentHeader(identity: identity, first: .start, created: clock.wallMicroseconds())
    let writer = try SegmentWriter.make(header, folder: folder.log, in: fileSystem)
    try writer.file.sync()
    try fileSystem.rename(writer.segment.path + SegmentName.temporarySuffix, to: writer.segment.path)
    try fileSystem.syncFolder(folder.log)
    try writer.file.close()
  }

  private func load(_ names: [String]) throws -> [Segment] {
    var segments: [Segment] = []
    for (index, name) in names.enumerated() {
      let path = "\(folder.log)/\(name)"
      let file = try fileSystem.open(path, .read)
      var bytes = [UInt8](repeating: 0, count: SegmentHeader.size)
      let count = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
      let header: SegmentHeader
      do {
        header = try bytes.withUnsafeBytes { try SegmentHeader.load(from: .init(rebasing: $0[..<count])) }
      } catch {
        throw LogError(.corrupt, "\(path): the segment's header is bad (\(error)); \(Advice.damage)")
      }
      if let before = segments.last, header.first != before.next {
        throw LogError(.segmentMissing, "\(path) does not follow \(before.path); \(Advice.damage)")
      }
      let segment = Segment(header: header, path: path, at: path, file: file)
      try scan(segment, file: file, isLast: index == names.count - 1)
      segments.append(segment)
    }
    return segments
  }

  private func scan(_ segment: Segment, file: any File, isLast: Bool) throws {
    var scanner = CommitScanner(
      file: file, limit: try file.size(), identity: segment.header.identity, expected: segment.header.first)
    while true {
      switch try scanner.next() {
      case .commit(let commit, let offset):
        segment.note(CommitSequence(UnsafeRawBufferPointer(start: commit.base, count: commit.wholeLength)), at: offset)
      case .seal: segment.wasSealed(); return
      case .end: return
      case .bad(let problem, let offset): throw LogReader.damage(problem, in: segment, at: offset)
      }
    }
  }

  private func finish(_ segments: [Segment], lock: any FileLock) throws -> OpenedLog {
    let last = segments.last!
    let identity = last.header.identity
    let next = last.next
    let catalog = LogCatalog(segments)
    let file = try fileSystem.open(last.path, .readWrite)
    let epoch = next.epoch + 1
    let journal = FileJournal(
      fileSystem: fileSystem, clock: clock, options: options, folder: folder.log, identity: identity, epoch: epoch,
      catalog: catalog, active: SegmentWriter(segment: last, file: file, isNamed: true))
    return OpenedLog(
      identity: identity, framer: CommitFramer(identity: identity, epoch: epoch, next: next), journal: journal,
      reader: LogReader(fileSystem: fileSystem, identity: identity, catalog: catalog),
      lastCommitTime: next.number > 1 ? next.time : nil, report: report, lock: lock)
  }
}
