internal import Events
package import Platform

/// Repairs a log that is refused: gives up what `RepairPlan` says, and records that in the log.
package enum LogRepair {
  /// Does what a plan says, if it is still what is the case. The log can be opened afterwards; a crash in between
  /// leaves a log that is still refused and can be repaired again. `by`: who decided it, for the record.
  package static func perform(
    _ plan: RepairPlan, folder root: String, fileSystem: any FileSystem, clock: any HostClock,
    randomness: any Randomness, by: String
  ) throws(LogError) {
    let folder = LogFolder(root: root)
    let lock = try LogStore.take(folder.lock, fileSystem)
    try explaining("repairing the log") {
      defer { lock.release() }
      guard try RepairPlan.make(folder: root, fileSystem: fileSystem) == plan else {
        throw LogError(.options, "\(folder.log) is not as it was when the repair was planned: plan it again")
      }
      try giveUp(plan, folder, fileSystem)
    }
    try record(plan, root, fileSystem, clock, randomness, by)
  }

  /// From the end backwards, so that what is left at any moment is the same damage with less behind it.
  private static func giveUp(_ plan: RepairPlan, _ folder: LogFolder, _ fileSystem: any FileSystem) throws {
    let mark = ".repair-\(plan.lastCommit)\(SegmentName.brokenSuffix)"
    for path in plan.later.reversed() {
      try fileSystem.rename(path, to: path + mark)
      try fileSystem.syncFolder(folder.log)
      try removeIndex(of: path, folder, fileSystem)
    }
    if let cut = plan.cut {
      try LogOpening.copy(
        cut.size - cut.offset, of: cut.path, from: cut.offset, to: "\(cut.path).\(cut.offset)\(mark)", in: fileSystem)
      try removeIndex(of: cut.path, folder, fileSystem)
      let file = try fileSystem.open(cut.path, .readWrite)
      try file.truncate(to: cut.offset)
      try file.sync()
      try file.close()
    }
    for path in plan.snapshots {
      try fileSystem.rename(path, to: path + mark)
      try fileSystem.syncFolder(folder.snapshots)
    }
    if try fileSystem.list(folder.root).contains("witness") {
      try fileSystem.remove(folder.witness)
      try fileSystem.syncFolder(folder.root)
    }
  }

  private static func removeIndex(of path: String, _ folder: LogFolder, _ fileSystem: any FileSystem) throws {
    do throws(FileError) {
      try fileSystem.remove(path.dropLast(SegmentName.suffix.count) + SegmentName.indexSuffix)
    } catch {
      if error.isMissing { return }
      throw error
    }
    try fileSystem.syncFolder(folder.log)
  }

  private static func record(
    _ plan: RepairPlan, _ root: String, _ fileSystem: any FileSystem, _ clock: any HostClock,
    _ randomness: any Randomness, _ by: String
  ) throws(LogError) {
    var options = LogOptions()
    options.ownThreads = false
    var log = try LogStore.open(
      folder: root, fileSystem: fileSystem, options: options, clock: clock, randomness: randomness)
    log.journal.start { _ in }
    var generation: UInt32 = 0
    try explaining("reading the log") {
      try log.reader.replay(fromCommit: log.reader.lastCommit) { commit in
        generation = commit.generation
        return true
      }
    }
    var records = ByteWriter()
    records.record(.repair) { writer in
      writer.field(1, plan.lastCommit + 1)
      writer.field(2, plan.lastPosition.rawValue + 1)
      writer.field(3, plan.lastKnownCommit)
      writer.field(4, plan.reason)
      writer.field(5, by)
    }
    log.framer.beginGroup()
    log.framer.beginCommit(
      producer: .operator, generation: generation, time: max(clock.wallMicroseconds(), log.framer.lastTime), durable: 0)
    log.framer.appendRecords(records)
    log.framer.endCommit()
    do throws(JournalError) {
      try log.journal.append(log.framer.endGroup())
      try log.close()
    } catch {
      switch error {
      case .failed(let cause), .noSpace(let cause): throw LogError(cause, doing: "recording the repair")
      case .fenced(let reason): throw LogError(.locked, reason)
      }
    }
  }
}
