package import Events
package import Platform

/// What a log holds.
package struct LogStat: Sendable {
  package struct SegmentStat: Sendable {
    package let file: String
    /// Of the file.
    package let bytes: Int
    package let firstPosition: Position
    package let isSealed: Bool
  }

  package let identity: LogIdentity
  package var segments: [SegmentStat] = []
  package var bytes: Int { segments.reduce(0) { $0 + $1.bytes } }
  package var commits: UInt64 = 0
  package var entries: UInt64 = 0
  /// Records by kind number; `RecordKind` names the known ones.
  package var records: [UInt8: UInt64] = [:]
  package var commitsByProducer: [Producer: UInt64] = [:]
  /// Commit times (µs since 1970) of the first and the last commit.
  package var firstTime: Int64?
  package var lastTime: Int64?
  package var lastPosition = Position.start
  package var lastEpoch: UInt32 = 0
  /// What opening it for writing would warn of.
  package var warnings: [String] = []

  /// What the log in a folder is, from the header of its first segment alone.
  package static func identity(folder root: String, fileSystem: any FileSystem) throws(LogError) -> LogIdentity {
    let folder = LogFolder(root: root)
    return try explaining("opening the log") {
      guard let name = try LogStore.segmentNames(folder, fileSystem).first else {
        throw LogError(.empty, "there is no log in \(folder.log)")
      }
      let check = SegmentCheck(fileSystem: fileSystem)
      return try check.header("\(folder.log)/\(name)", named: SegmentName.position(ofSegment: name)!).0.identity
    }
  }

  /// Reads a whole log, and changes nothing.
  package static func read(folder root: String, fileSystem: any FileSystem) throws(LogError) -> LogStat {
    try explaining("reading the log") {
      let log = try LogStore.openReadOnly(folder: root, fileSystem: fileSystem)
      var stat = LogStat(identity: log.identity)
      stat.warnings = log.report.warnings
      for segment in log.reader.catalog.segments {
        stat.segments.append(
          SegmentStat(
            file: segment.path, bytes: try fileSystem.open(segment.path, .read).size(),
            firstPosition: segment.firstPosition, isSealed: segment.isSealed))
      }
      try log.reader.replay(fromCommit: 1) { commit in
        stat.count(commit)
        return true
      }
      return stat
    }
  }

  private mutating func count(_ commit: CommitHeader) {
    commits += 1
    entries += UInt64(commit.positionCount)
    commitsByProducer[commit.producer, default: 0] += 1
    if firstTime == nil { firstTime = commit.time }
    lastTime = commit.time
    lastPosition = commit.lastPosition
    lastEpoch = commit.epoch
    for record in commit.records { records[record.rawKind, default: 0] += 1 }
  }
}
