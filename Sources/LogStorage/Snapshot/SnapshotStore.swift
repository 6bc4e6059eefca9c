internal import Events
internal import Platform

/// A snapshot of the control state: what the log folds to up to `point`. The bytes are whoever made them's own.
package struct Snapshot: Sendable {
  package let point: DurablePoint
  /// Of the payload.
  package let version: UInt32
  package let payload: [UInt8]
}

/// Keeps snapshots by rule L5 and finds the newest good one by rule O6. One thread at a time.
package final class SnapshotStore: Sendable {
  private let folder: LogFolder
  private let fileSystem: any FileSystem
  private let identity: LogIdentity
  private let reader: LogReader
  /// A snapshot is there: the witness is to know it too.
  private let saved: @Sendable () -> Void
  /// Writing failed in a way after which nothing may be written any more.
  private let failed: @Sendable (FileError) -> Void
  /// Why nothing may be written any more; nil while it may.
  private let ended: @Sendable () -> JournalError?

  static let suffix = ".snap"
  /// How many are kept.
  static let kept = 2

  init(
    folder: LogFolder, fileSystem: any FileSystem, identity: LogIdentity, reader: LogReader,
    saved: @escaping @Sendable () -> Void, failed: @escaping @Sendable (FileError) -> Void,
    ended: @escaping @Sendable () -> JournalError?
  ) {
    self.folder = folder
    self.fileSystem = fileSystem
    self.identity = identity
    self.reader = reader
    self.saved = saved
    self.failed = failed
    self.ended = ended
  }

  /// Keeps a snapshot, durably, reads it back, and removes older ones but one. `point` must be durable. After an error
  /// with `isFinal` the journal has ended and the process must stop (L3); after others the older snapshots are as
  /// before. Once the journal has ended, by whatever fault, nothing is written.
  package func save(_ point: DurablePoint, version: UInt32, payload: UnsafeRawBufferPointer) throws(LogError) {
    if let ended = ended() { throw LogError(.snapshot, "no snapshot is taken: \(ended)") }
    do throws(LogError) {
      try saveOrExplain(point, version, payload)
    } catch {
      if error.isFinal, let cause = error.cause { failed(cause) }
      throw error
    }
    saved()
  }

  private func saveOrExplain(
    _ point: DurablePoint, _ version: UInt32, _ payload: UnsafeRawBufferPointer
  ) throws(LogError) {
    try explaining("writing a snapshot") {
      let header = SnapshotHeader(
        logID: identity.id, payloadVersion: version, point: point, chain: try reader.chain(ofCommit: point.commit),
        payloadBytes: payload.count, payloadCRC: crc32c(payload))
      let path = "\(folder.snapshots)/\(SegmentName.digits(point.commit))\(Self.suffix)"
      try write(header, payload, to: path)
      guard case .good(let read, _) = try load(path, wantsPayload: true), read == header else {
        throw LogError(.snapshot, "\(path) was written and is read back with other bytes: check the disk")
      }
      let old = try names().dropFirst(Self.kept)
      for name in old { try fileSystem.remove("\(folder.snapshots)/\(name)") }
      if !old.isEmpty { try fileSystem.syncFolder(folder.snapshots) }
    }
  }

  private func write(_ header: SnapshotHeader, _ payload: UnsafeRawBufferPointer, to path: String) throws(FileError) {
    let temporary = path + SegmentName.temporarySuffix
    let file = try fileSystem.open(temporary, .replace)
    do throws(FileError) {
      var bytes = [UInt8](repeating: 0, count: SnapshotHeader.size)
      bytes.withUnsafeMutableBytes { header.store(to: $0) }
      try file.write(bytes)
      try file.write(payload, at: SnapshotHeader.size)
    } catch {
      // When removing it fails too, the next opening does it.
      if error.isOutOfSpace { try? fileSystem.remove(temporary) }
      throw error
    }
    try file.sync()
    try file.close()
    try fileSystem.rename(temporary, to: path)
    try fileSystem.syncFolder(folder.snapshots)
  }

  /// The newest snapshot that can be used, and what was wrong with newer ones. A snapshot in a format that this
  /// version does not know is an error: nothing is changed.
  /// - knownVersion: the newest payload version that the caller can read.
  package func newest(knownVersion: UInt32) throws(LogError) -> (snapshot: Snapshot?, warnings: [String]) {
    try explaining("reading the snapshots") {
      var warnings: [String] = []
      for name in try names() {
        let path = "\(folder.snapshots)/\(name)"
        let problem: String
        switch try load(path, wantsPayload: true) {
        case .bad(let what): problem = what
        case .newer(let what): throw Self.newer(path, what)
        case .good(let header, let payload):
          if header.logID != identity.id {
            problem = "it belongs to another log"
          } else if header.payloadVersion > knownVersion {
            throw Self.newer(path, "version \(header.payloadVersion)")
          } else if try reader.chain(ofCommit: header.point.commit) != header.chain {
            problem = "it was made of another history of this log"
          } else {
            return (Snapshot(point: header.point, version: header.payloadVersion, payload: payload), warnings)
          }
        }
        warnings.append("the snapshot \(path) is not used: \(problem)")
      }
      return (nil, warnings)
    }
  }

  private func names() throws(FileError) -> [String] { try Self.names(in: folder.snapshots, fileSystem) }

  private func load(_ path: String, wantsPayload: Bool) throws(FileError) -> Loaded {
    try Self.load(path, in: fileSystem, wantsPayload: wantsPayload)
  }
}

extension SnapshotStore {
  enum Loaded {
    case good(SnapshotHeader, payload: [UInt8])
    case bad(String)
    case newer(String)
  }

  /// Snapshot files, the newest first.
  static func names(in folder: String, _ fileSystem: any FileSystem) throws(FileError) -> [String] {
    do throws(FileError) {
      return try fileSystem.list(folder).filter { $0.hasSuffix(suffix) && $0.utf8.count == 25 }.sorted(by: >)
    } catch {
      if error.isMissing { return [] }
      throw error
    }
  }

  static func newer(_ path: String, _ what: String) -> LogError {
    LogError(
      .newer,
      "\(path) was made by a newer moondance (\(what)); \(Advice.newer), or remove the file: the state "
        + "is then read from the log")
  }

  static func load(_ path: String, in fileSystem: any FileSystem, wantsPayload: Bool) throws(FileError) -> Loaded {
    let file = try fileSystem.open(path, .read)
    let bytes = try read(SnapshotHeader.size, of: file, at: 0)
    let header: SnapshotHeader
    do throws(SnapshotHeader.Problem) {
      header = try bytes.withUnsafeBytes { buffer in
        Result { () throws(SnapshotHeader.Problem) in try SnapshotHeader.load(from: buffer) }
      }.get()
    } catch {
      switch error {
      case .bad(let what): return .bad(what)
      case .newer(let version): return .newer("snapshot format \(version)")
      }
    }
    if try file.size() - SnapshotHeader.size != header.payloadBytes { return .bad("its length is wrong") }
    if !wantsPayload { return .good(header, payload: []) }
    let payload = try read(header.payloadBytes, of: file, at: SnapshotHeader.size)
    if payload.count != header.payloadBytes || payload.withUnsafeBytes({ crc32c($0) }) != header.payloadCRC {
      return .bad("the checksum of its content is wrong")
    }
    return .good(header, payload: payload)
  }

  private static func read(_ count: Int, of file: any File, at offset: Int) throws(FileError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let done = try bytes.withUnsafeMutableBytes { buffer in
      Result { () throws(FileError) in try file.read(into: buffer, at: offset) }
    }.get()
    return done == count ? bytes : Array(bytes.prefix(done))
  }

  /// Commits that snapshots of this log know to be durable: a log that ends before one of them has lost commits.
  static func claims(
    in folder: LogFolder, _ fileSystem: any FileSystem, identity: LogIdentity
  ) throws(LogError) -> [(commit: UInt64, who: String)] {
    try explaining("reading the snapshots") {
      var claims: [(commit: UInt64, who: String)] = []
      for name in try names(in: folder.snapshots, fileSystem) {
        let path = "\(folder.snapshots)/\(name)"
        switch try load(path, in: fileSystem, wantsPayload: false) {
        case .good(let header, _):
          if header.logID == identity.id { claims.append((header.point.commit, "the snapshot \(path)")) }
        case .bad: break
        case .newer(let what): throw newer(path, what)
        }
      }
      return claims
    }
  }
}
