internal import Events
package import Platform

/// Opens logs.
package enum LogStore {
  /// Opens the log in the data folder `root` for writing, or makes one when there is none (docs/faults, O1–O6).
  /// Blocks until everything is checked. The journal is not started yet.
  package static func open(
    folder root: String, fileSystem: any FileSystem, options: LogOptions = LogOptions(), clock: any HostClock,
    randomness: any Randomness
  ) throws(LogError) -> OpenedLog {
    try options.check()
    let folder = LogFolder(root: root)
    try explaining("making the data folder") {
      if try fileSystem.makeFolder(root) { try fileSystem.syncFolder(LogFolder.parent(of: root)) }
    }
    let lock = try take(folder.lock, fileSystem)
    var opening = LogOpening(
      folder: folder, fileSystem: fileSystem, options: options, clock: clock, randomness: randomness)
    do {
      return try opening.open(lock: lock)
    } catch {
      lock.release()
      throw error
    }
  }

  /// Opens the log in the data folder `root` for reading, and changes nothing: torn bytes at its end are left out but
  /// stay, missing indexes are built in memory. Refuses a log that is open elsewhere unless that is allowed: then it
  /// ends where the other process had written to.
  package static func openReadOnly(
    folder root: String, fileSystem: any FileSystem, allowingUse: Bool = false
  ) throws(LogError) -> ReadOnlyLog {
    let folder = LogFolder(root: root)
    return try explaining("opening the log") {
      if !allowingUse, let holder = try fileSystem.lockHolder(folder.lock) { throw locked(folder.lock, holder) }
      var surveyor = LogSurveyor(folder: folder, fileSystem: fileSystem, claims: [])
      guard let survey = try surveyor.survey(try segmentNames(folder, fileSystem)) else {
        throw LogError(.empty, "there is no log in \(folder.log)")
      }
      let builder = IndexBuilder(cache: FileCache(fileSystem), identity: survey.identity, isReadOnly: true)
      for segment in survey.segments.dropLast() { _ = try builder.open(segment) }
      if case .sealed = survey.tail { survey.last.wasSealed() }
      var report = RecoveryReport()
      report.warnings = survey.warnings
      if case .torn(let bytes, let problem) = survey.tail {
        report.warnings.append(
          "\(survey.last.path) at offset \(survey.last.end): \(bytes) bytes of commits that were never acknowledged "
            + "are torn (\(problem)); they are left out here, and cut off when the log is opened for writing")
      }
      let reader = LogReader(identity: survey.identity, catalog: LogCatalog(survey.segments), builder: builder)
      return ReadOnlyLog(identity: survey.identity, reader: reader, report: report)
    }
  }

  /// The segment files of a log, in order; none when the folder is missing.
  static func segmentNames(_ folder: LogFolder, _ fileSystem: any FileSystem) throws(FileError) -> [String] {
    do throws(FileError) {
      return try fileSystem.list(folder.log).filter { SegmentName.position(ofSegment: $0) != nil }.sorted()
    } catch {
      if error.isMissing { return [] }
      throw error
    }
  }

  static func take(_ path: String, _ fileSystem: any FileSystem) throws(LogError) -> any FileLock {
    try explaining("locking the data folder") {
      switch try fileSystem.lock(path) {
      case .locked(let lock): return lock
      case .held(let holder): throw locked(path, holder)
      }
    }
  }

  static func locked(_ path: String, _ holder: LockHolder) -> LogError {
    let who = holder.process.map { "process \($0)" } ?? "another process"
    return LogError(.locked, "\(path) is held by \(who): stop it first; one process at a time uses a data folder")
  }
}

/// A log that is open for reading only.
package struct ReadOnlyLog: Sendable {
  package let identity: LogIdentity
  package let reader: LogReader
  package let report: RecoveryReport
}
