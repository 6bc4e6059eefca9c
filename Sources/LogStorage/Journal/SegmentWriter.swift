internal import Events
internal import Platform
internal import Synchronization

/// The writing side of one segment file.
///
/// `@unchecked Sendable`: the engine's thread writes commits, and only while this is the active segment; the sync
/// thread syncs, and seals and names; the two flags are its own. The rest is constant.
final class SegmentWriter: @unchecked Sendable {
  let segment: Segment
  let file: any File
  /// Whether the seal is durable and the file is closed.
  var isSealed = false
  /// Whether the file has its final name.
  var isNamed: Bool
  /// The file is zeros from the last commit to here. Held while one of the two threads writes behind the commits.
  private let prepared: Mutex<Int>

  init(segment: Segment, file: any File, isNamed: Bool) {
    self.segment = segment
    self.file = file
    self.isNamed = isNamed
    prepared = Mutex(segment.end)
  }

  /// The engine's thread: writes a group. On return it is written, not durable.
  func write(_ group: UnsafeRawBufferPointer, at offset: Int) throws(FileError) {
    try prepared.withLock { end throws(FileError) in
      try file.write(group, at: offset)
      end = max(end, offset + group.count)
    }
  }

  /// The engine's thread: the file ends at `offset` again, durably.
  func cut(to offset: Int) throws(FileError) {
    try prepared.withLock { end throws(FileError) in
      try file.truncate(to: offset)
      end = offset
    }
    try file.syncData()
  }

  /// The sync thread: when fewer than a quarter of `bytes` are prepared behind `offset`, writes `bytes` more zeros and
  /// syncs: later syncs need not wait for the file to grow (docs/decisions/0010).
  func prepare(_ bytes: Int, behind offset: Int, limit: Int) throws(FileError) {
    let isMore = try prepared.withLock { end throws(FileError) in
      guard Self.isShort(of: bytes, behind: offset, end: end, limit: limit) else { return false }
      do throws(FileError) {
        try extend(&end, by: bytes)
        return true
      } catch {
        guard error.mayPass else { throw error }
        return false
      }
    }
    if isMore { try file.syncData() }
  }

  /// Whether `prepare` would.
  func wantsPreparing(_ bytes: Int, behind offset: Int, limit: Int) -> Bool {
    prepared.withLock { Self.isShort(of: bytes, behind: offset, end: $0, limit: limit) }
  }

  private static func isShort(of bytes: Int, behind offset: Int, end: Int, limit: Int) -> Bool {
    end - offset < bytes / 4 && end + bytes <= limit
  }

  /// The engine's thread: sees to it that the file has zeros for `bytes` behind `offset`, not durably. Nothing has changed
  /// when there is no room.
  func reserve(_ bytes: Int, behind offset: Int) throws(FileError) {
    try prepared.withLock { end throws(FileError) in
      if end < offset + bytes { try extend(&end, by: offset + bytes - end) }
    }
  }

  private func extend(_ end: inout Int, by bytes: Int) throws(FileError) {
    do throws(FileError) {
      try file.write([UInt8](repeating: 0, count: bytes), at: end)
      end += bytes
    } catch {
      if error.mayPass { try file.truncate(to: end) }
      throw error
    }
  }

  /// Makes a segment file under its temporary name, with its header and nothing durable yet.
  static func make(_ header: SegmentHeader, folder: String, in fileSystem: any FileSystem) throws(FileError)
    -> SegmentWriter
  {
    let path = "\(folder)/\(SegmentName.segment(header.first.position))"
    let temporary = path + SegmentName.temporarySuffix
    let file = try fileSystem.open(temporary, .replace)
    do throws(FileError) {
      var bytes = [UInt8](repeating: 0, count: SegmentHeader.size)
      bytes.withUnsafeMutableBytes { header.store(to: $0) }
      try file.write(bytes)
      let reading = try fileSystem.open(temporary, .read)
      return SegmentWriter(
        segment: Segment(header, path: path, file: reading), file: file, isNamed: false)
    } catch {
      // Nothing refers to the file; when removing it fails too, the next opening removes it.
      try? fileSystem.remove(temporary)
      throw error
    }
  }

  /// Writes the seal behind the last commit and nothing after it. Everything before it must be durable. Not durable on return.
  func writeSeal(at end: Int) throws(FileError) {
    let next = segment.next
    let seal = SegmentSeal(
      logIDLow: segment.header.identity.id.low, offset: end, commits: next.number - segment.firstCommit,
      firstPosition: segment.firstPosition, next: next)
    var bytes = [UInt8](repeating: 0, count: SegmentSeal.size)
    bytes.withUnsafeMutableBytes { seal.store(to: $0.baseAddress!) }
    if prepared.withLock({ $0 }) > end { try file.truncate(to: end) }
    try file.write(bytes, at: end)
  }
}

extension File {
  func write(_ bytes: [UInt8], at offset: Int = 0) throws(FileError) {
    // `withUnsafeBytes` does not carry typed errors.
    let result = bytes.withUnsafeBytes { buffer in
      Result { () throws(FileError) in try write(buffer, at: offset) }
    }
    try result.get()
  }
}
