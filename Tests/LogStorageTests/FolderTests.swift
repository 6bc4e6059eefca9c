import Events
import Glibc
import LogStorage
import Platform
import TestKit
import Testing

/// What lies beside the segments: lock, witness, snapshots, the folder itself.
@Suite struct FolderTests {
  let files = MemoryFileSystem()

  /// A log with some commits, the last of them witnessed.
  private func stopped() throws -> TestLog {
    let test = TestLog(files: files)
    try test.open()
    try test.append(test.batch(3))
    try test.append(test.batch(2))
    test.sync()
    try test.log.close()
    return test
  }

  @Test func `row 37: a second opening is refused and names the first`() throws {
    let test = TestLog(files: files)
    try test.open()
    let second = TestLog(files: files)
    let error = logError { try second.open() }
    #expect(error?.code == .locked && error?.message.contains("process \(getpid())") == true)
    #expect(logError { _ = try LogStore.openReadOnly(folder: "data", fileSystem: files) }?.code == .locked)
    #expect(try LogStore.openReadOnly(folder: "data", fileSystem: files, allowingUse: true).reader.lastCommit == 0)
    try test.log.close()
    try second.open()
    try second.log.close()
  }

  @Test func `row 36: a folder that may not be used is refused with a way out`() throws {
    for number in [EACCES, EROFS, EPERM] {
      for operation in [FileError.Operation.makeFolder, .lock, .open, .list] {
        let files = MemoryFileSystem()
        files.inject { call in call.operation == operation ? .fail(number) : nil }
        let error = logError { try TestLog(files: files).open() }
        #expect(error?.code == .folder, "\(operation)")
        #expect(error?.message.contains("give this user the right") == true)
      }
    }
  }

  @Test func `row 26: a bad or missing witness slot is no reason to refuse`() throws {
    let test = try stopped()
    let witness = files.contents(test.witness)!
    for damaged in [[0], [1], [0, 1]] {
      let copy = files.copy()
      var bytes = witness
      for slot in damaged { bytes[slot * 512 + 40] ^= 1 }
      copy.put(bytes, at: test.witness)
      let again = TestLog(files: copy)
      try again.open()
      #expect(again.log.report.warnings.count == damaged.count)
      #expect(try again.entries().count == 5)
      try again.log.close()
      try again.open()
      #expect(again.log.report.warnings.isEmpty, "it has been made again")
    }
    files.drop(test.witness)
    try test.open()
    #expect(test.log.report.warnings.count == 1)
    try test.log.close()
  }

  @Test func `row 26: with one slot bad the other still guards`() throws {
    let test = try stopped()
    var bytes = files.contents(test.witness)!
    let segment = files.contents(test.segment)!
    // Opening wrote one slot (commit 0), stopping the other (commit 2): only the second is of use here.
    bytes[512 + 8] ^= 1
    files.put(bytes, at: test.witness)
    files.put(Array(segment[..<commitOffsets(segment)[1]]), at: test.segment)
    #expect(logError { try test.open() }?.code == .behind)
  }

  @Test func `a witness of a newer version is refused`() throws {
    let test = try stopped()
    var bytes = files.contents(test.witness)!
    bytes[512 + 8] = 2
    bytes.withUnsafeMutableBytes { all in
      let slot = UnsafeMutableRawBufferPointer(rebasing: all[512..<1024])
      slot.storeBytes(
        of: crc32c(UnsafeRawBufferPointer(rebasing: slot[..<508])).littleEndian, toByteOffset: 508, as: UInt32.self)
    }
    files.put(bytes, at: test.witness)
    #expect(logError { try test.open() }?.code == .newer)
  }

  @Test func `O5: the witness is written at most once a second, after a roll and at the end`() throws {
    let test = TestLog(files: files)
    test.options.segmentBytes = 4096
    try test.open()
    func writes() -> Int { files.trace.filter { $0.path.hasPrefix("data/witness") && $0.operation == .write }.count }
    files.clearTrace()
    for _ in 0..<10 {
      try test.append(test.batch(1))
      test.sync()
      test.clock.advance(microseconds: 50_000)
    }
    #expect(writes() == 0)
    test.clock.advance(microseconds: 500_000)
    try test.append(test.batch(1))
    test.sync()
    #expect(writes() == 1)
    try test.append(test.batch(1))
    test.sync()
    #expect(writes() == 1)
    try test.append(test.batch(25))
    test.sync()
    #expect(SegmentTests.segments(of: files).count == 2)
    #expect(writes() == 2)
    try test.append(test.batch(1))
    try test.log.close()
    #expect(writes() == 3)
  }

  @Test func `the epoch rises with every opening`() throws {
    let test = TestLog(files: files)
    var epochs: [UInt32] = []
    for index in 0..<6 {
      try test.open()
      epochs.append(test.log.framer.epoch)
      if index % 2 == 0 { try test.append(test.batch(1)) }
      try test.log.close()
    }
    #expect(epochs == [1, 2, 3, 4, 5, 6])
    files.drop(test.witness)
    try test.open()
    #expect(test.log.framer.epoch == 6, "without a witness it rises above that of the last commit")
  }

  @Test func `what a log is made with is read from it afterwards`() throws {
    let test = TestLog(files: files)
    test.options.clockMode = .events
    test.options.name = "shop:berlin"
    test.options.limits = LogLimits(maxGroupBytes: 8192, maxUnsyncedBytes: 16384)
    try test.open()
    try test.log.close()
    let again = TestLog(files: files)
    try again.open()
    #expect(again.log.identity.clockMode == .events)
    #expect(again.log.identity.name == "shop:berlin")
    #expect(again.log.identity.limits == LogLimits(maxGroupBytes: 8192, maxUnsyncedBytes: 16384))
    #expect(again.log.identity.id == test.log.identity.id)
    let other = TestLog(files: MemoryFileSystem())
    try other.open()
    #expect(other.log.identity.name == "moondance:\(other.log.identity.id)")
    #expect(other.log.identity.name.utf8.count == 42)
  }

  @Test func `options that make no sense are refused`() throws {
    for change in [
      { $0.limits.maxGroupBytes = 10 }, { $0.limits.maxUnsyncedBytes = 1 << 20 }, { $0.segmentBytes = 100 },
      { $0.name = "" }, { $0.name = String(repeating: "n", count: 253) },
    ] as [(inout LogOptions) -> Void] {
      let test = TestLog(files: MemoryFileSystem())
      change(&test.options)
      #expect(logError { try test.open() }?.code == .options)
    }
  }

  @Test func `a read-only opening changes nothing`() throws {
    let test = try stopped()
    try test.open()
    try test.append(test.batch(3))
    files.restart(losing: .nothing)
    let bytes = files.contents(test.segment)!
    files.put(Array(bytes.dropLast(20)), at: test.segment)
    files.clearTrace()
    let log = try LogStore.openReadOnly(folder: "data", fileSystem: files)
    #expect(try log.reader.seen().count == 5)
    #expect(log.report.warnings.count == 1)
    #expect(log.identity == test.log.identity)
    #expect(Set(files.trace.map(\.operation)).isSubset(of: [.open, .read, .size, .list, .lock]))
    #expect(logError { _ = try LogStore.openReadOnly(folder: "nothing", fileSystem: files) }?.code == .empty)
  }
}
