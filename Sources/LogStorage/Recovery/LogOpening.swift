internal import Events
internal import Platform

/// One opening of a log for writing: survey first, and only when everything is in order change anything.
struct LogOpening {
  let folder: LogFolder
  let fileSystem: any FileSystem
  let options: LogOptions
  let clock: any HostClock
  let randomness: any Randomness
  private var report = RecoveryReport()

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
      try makeFolders()
      try fileSystem.syncFolder(folder.log)
      var surveyor = LogSurveyor(folder: folder, fileSystem: fileSystem, claims: options.claims)
      let names = try LogStore.segmentNames(folder, fileSystem)
      if let last = names.last { try syncTail("\(folder.log)/\(last)") }
      if let survey = try surveyor.survey(names) { return try settle(survey, lock) }
      try makeFirstSegment()
      report.isNew = true
      guard let survey = try surveyor.survey(try LogStore.segmentNames(folder, fileSystem)) else {
        preconditionFailure("a log that was just made is there")
      }
      return try settle(survey, lock)
    }
  }

  private func makeFolders() throws(FileError) {
    for path in [folder.log, folder.snapshots] where try fileSystem.makeFolder(path) {
      try fileSystem.syncFolder(folder.root)
    }
  }

  /// No decision rests on bytes that are only in the page cache (O2).
  private func syncTail(_ path: String) throws(FileError) {
    let file = try fileSystem.open(path, .readWrite)
    try file.syncData()
    try file.close()
  }

  private func makeFirstSegment() throws(FileError) {
    // The folders may be there from an opening that was killed before it had synced their names.
    try fileSystem.syncFolder(LogFolder.parent(of: folder.root))
    try fileSystem.syncFolder(folder.root)
    let id = LogID(high: randomness.next(), low: randomness.next())
    let identity = LogIdentity(
      id: id, name: options.name ?? "moondance:\(id)", clockMode: options.clockMode, limits: options.limits)
    let writer = try makeSegment(identity, first: .start)
    try writer.file.close()
  }

  /// A new segment, durable under its name.
  private func makeSegment(_ identity: LogIdentity, first: CommitExpectation) throws(FileError) -> SegmentWriter {
    let header = SegmentHeader(identity: identity, first: first, created: clock.wallMicroseconds())
    let writer = try SegmentWriter.make(header, folder: folder.log, in: fileSystem)
    try writer.file.sync()
    try fileSystem.rename(writer.segment.path + SegmentName.temporarySuffix, to: writer.segment.path)
    try fileSystem.syncFolder(folder.log)
    writer.isNamed = true
    return writer
  }

  /// Everything is in order: makes the folder ready for writing.
  private mutating func settle(_ survey: LogSurvey, _ lock: any FileLock) throws -> OpenedLog {
    // A log that was made this moment has no witness yet.
    if !report.isNew { report.warnings += survey.warnings }
    let identity = survey.identity
    let next = survey.next
    let epoch = try epoch(after: max(next.epoch, survey.witness?.epoch ?? 0))
    try removeTemporaryFiles()
    try cutTail(survey, epoch: epoch)

    let cache = FileCache(fileSystem)
    let builder = IndexBuilder(cache: cache, identity: identity, isReadOnly: false)
    var segments = survey.segments
    var identities = IdentityIndex(filters: [], arrivals: FilterArrivals())
    for segment in segments.dropLast() { try loadIndex(of: segment, builder, &identities) }
    var growing: [Segment] = []
    let active: SegmentWriter
    if case .sealed = survey.tail {
      survey.last.wasSealed()
      if try !writeIndex(of: survey.last, builder, &identities) { growing.append(survey.last) }
      var first = next
      first.epoch = epoch
      active = try makeSegment(identity, first: first)
      segments.append(active.segment)
    } else {
      let file = try fileSystem.open(survey.last.path, .readWrite)
      active = SegmentWriter(segment: survey.last, file: file, isNamed: true)
      survey.last.index.forEachIdentity { identities.load($0, $1) }
    }

    let witness = Witness(
      logID: identity.id, sequence: (survey.witness?.sequence ?? 0) &+ 1, point: next.point, chain: next.chain,
      epoch: epoch)
    let witnessWriter = try WitnessWriter(witness, at: folder.witness, in: fileSystem)
    let catalog = LogCatalog(segments)
    let indexer = LogIndexer(builder: builder, arrivals: identities.arrivals, growing: growing + [active.segment])
    let journal = FileJournal(
      fileSystem: fileSystem, clock: clock, options: options, folder: folder, identity: identity, epoch: epoch,
      catalog: catalog, indexer: indexer, active: active, witness: witnessWriter)
    let reader = LogReader(identity: identity, catalog: catalog, builder: builder)
    return OpenedLog(
      identity: identity, framer: CommitFramer(identity: identity, epoch: epoch, next: next), journal: journal,
      reader: reader, identities: identities,
      snapshots: SnapshotStore(
        folder: folder, fileSystem: fileSystem, identity: identity, reader: reader,
        saved: { [weak journal] in journal?.requestWitness() },
        failed: { [weak journal] in journal?.end(.failed($0)) },
        ended: { [weak journal] in journal?.ending }),
      lastCommitTime: next.number > 1 ? next.time : nil, report: report, lock: lock)
  }

  /// No log is opened four thousand million times: such an epoch was never written by this program.
  private func epoch(after last: UInt32) throws(LogError) -> UInt32 {
    if last < .max { return last + 1 }
    throw LogError(.corrupt, "\(folder.root): the log claims to be in its last epoch, \(last); \(Advice.damage)")
  }

  private func removeTemporaryFiles() throws(FileError) {
    let witness = folder.witness.split(separator: "/").last! + SegmentName.temporarySuffix
    for path in [folder.root, folder.log, folder.snapshots] {
      let names = try fileSystem.list(path).filter { name in
        path == folder.root ? name == witness : name.hasSuffix(SegmentName.temporarySuffix)
      }
      for name in names { try fileSystem.remove("\(path)/\(name)") }
      if !names.isEmpty { try fileSystem.syncFolder(path) }
    }
  }

  /// Keeps what a crash has torn as a `.broken` file, and cuts the segment after its last whole commit (O4).
  private mutating func cutTail(_ survey: LogSurvey, epoch: UInt32) throws(FileError) {
    var end = survey.last.end
    let path = survey.last.path
    switch survey.tail {
    case .end, .sealed(zeros: 0): return
    case .zeros: break
    case .sealed: end += SegmentSeal.size
    case .torn(let bytes, let problem):
      let kept = "\(path).\(end).\(epoch)\(SegmentName.brokenSuffix)"
      try Self.copy(bytes, of: path, from: end, to: kept, in: fileSystem)
      report.cut = RecoveryReport.Cut(path: path, offset: end, bytes: bytes, keptAs: kept)
      report.warnings.append(
        "\(path) ended in \(bytes) bytes that a crash had torn after commit \(survey.next.number - 1), at offset "
          + "\(end) (\(problem)); nothing acknowledged is lost; the bytes are kept as \(kept)")
    }
    let file = try fileSystem.open(path, .readWrite)
    try file.truncate(to: end)
    try file.sync()
    try file.close()
  }

  /// Copies a part of a file to a file of its own, durably.
  static func copy(
    _ count: Int, of path: String, from offset: Int, to target: String, in fileSystem: any FileSystem
  ) throws(FileError) {
    let source = try fileSystem.open(path, .read)
    let file = try fileSystem.open(target, .replace)
    var block = [UInt8](repeating: 0, count: min(count, 1 << 20))
    var done = 0
    while done < count {
      let wanted = min(block.count, count - done)
      let result = block.withUnsafeMutableBytes { bytes in
        Result { () throws(FileError) in
          try source.read(into: UnsafeMutableRawBufferPointer(rebasing: bytes[..<wanted]), at: offset + done)
        }
      }
      let read = try result.get()
      if read == 0 { break }
      try file.write(Array(block[..<read]), at: done)
      done += read
    }
    try file.sync()
    try file.close()
    try fileSystem.syncFolder(LogFolder.parent(of: target))
  }

  /// The index file of a segment that was sealed and has none yet; false when there is no room for it.
  private func writeIndex(
    of segment: Segment, _ builder: IndexBuilder, _ identities: inout IdentityIndex
  ) throws(FileError) -> Bool {
    do throws(FileError) {
      if let filter = try builder.write(segment) { identities.add(filter) }
      return true
    } catch {
      guard error.mayPass else { throw error }
      segment.index.forEachIdentity { identities.load($0, $1) }
      return false
    }
  }

  private mutating func loadIndex(
    of segment: Segment, _ builder: IndexBuilder, _ identities: inout IdentityIndex
  ) throws {
    if try builder.open(segment) {
      if let filter = segment.index.filter { identities.add(filter) }
      return
    }
    report.rebuiltIndexes.append(builder.path(of: segment))
    if let filter = try builder.rebuild(segment) { identities.add(filter) }
  }
}
