import Events
import Glibc
import LogStorage
import Platform
import TestKit
import Testing

/// What `log verify`, `log stat` and `log export` stand on.
@Suite struct VerifyTests {
  @Test func `verifying reads every commit in order and reports progress`() throws {
    let (files, test, _, entries) = try SegmentTests.rolled()
    var seen: [UInt64] = []
    var read = 0
    var total = 0
    let result = try LogVerifier.verify(folder: test.root, fileSystem: files) { progress in
      #expect(progress.bytes >= read)
      (read, total) = (progress.bytes, progress.totalBytes)
    } commit: { commit in
      seen.append(commit.number)
    }
    #expect(result.isGood && result.notes.isEmpty)
    #expect(seen == Array(1...result.commits) && result.lastCommit == result.commits)
    #expect(result.entries == UInt64(entries.count) && result.lastPosition.rawValue == result.entries)
    #expect(result.segments == 4 && read == total && total == result.bytes)
  }

  @Test func `verifying goes on behind damage and says what is lost`() throws {
    let (files, test, segments, _) = try SegmentTests.rolled()
    var bytes = files.contents(segments[1])!
    let offsets = commitOffsets(bytes)
    let first = bytes.withUnsafeBytes { CommitHeader($0.baseAddress! + 512).number }
    for index in offsets[2]..<offsets[4] { bytes[index] ^= 0xA5 }
    files.put(bytes, at: segments[1])
    var seen: [UInt64] = []
    let result = try LogVerifier.verify(folder: test.root, fileSystem: files) { _ in
    } commit: { seen.append($0.number) }
    let lost = [first + 2, first + 3]
    #expect(seen == (1...result.lastCommit).filter { !lost.contains($0) })
    #expect(result.problems.count == 1)
    let problem = try #require(result.problems.first)
    #expect(problem.file == segments[1] && problem.offset == offsets[2] && problem.commit == first + 2)
    #expect(problem.message.contains("the next whole commit is \(first + 4) at offset \(offsets[4])"))
  }

  @Test func `verifying goes on after a missing segment and a bad header`() throws {
    let (files, test, segments, _) = try SegmentTests.rolled()
    let missing = files.copy()
    missing.drop(segments[1])
    let result = try LogVerifier.verify(folder: test.root, fileSystem: missing)
    #expect(result.problems.map(\.code) == [.segmentMissing] && result.problems[0].file == segments[2])
    #expect(result.segments == 3)
    let bad = files.copy()
    bad.put([1, 2, 3], at: segments[1])
    let other = try LogVerifier.verify(folder: test.root, fileSystem: bad)
    #expect(other.problems.map(\.file) == [segments[1]] && other.segments == 3)
  }

  @Test func `a torn tail and a missing index are notes, an index that lies is a problem`() throws {
    let (files, test, segments, _) = try SegmentTests.rolled()
    let index = segments[0].dropLast(3) + "idx"
    let torn = files.copy()
    torn.put(torn.contents(segments[3])! + [7, 7, 7], at: segments[3])
    torn.drop(String(index))
    let result = try LogVerifier.verify(folder: test.root, fileSystem: torn)
    #expect(result.isGood && result.notes.count == 2)
    // A pair of the subject run is changed under a good checksum.
    var bytes = files.contents(String(index))!
    bytes[4096 + 8] ^= 1
    bytes.withUnsafeMutableBytes { all in
      let block = UnsafeMutableRawBufferPointer(rebasing: all[4096..<8192])
      let crc = crc32c(UnsafeRawBufferPointer(rebasing: block[..<4092]))
      block.storeBytes(of: crc.littleEndian, toByteOffset: 4092, as: UInt32.self)
    }
    files.put(bytes, at: String(index))
    let lying = try LogVerifier.verify(folder: test.root, fileSystem: files)
    #expect(lying.problems.map(\.file) == [String(index)])
  }

  @Test func `a log in use is not verified, an unreadable one is an error that names the file`() throws {
    let (files, test, segments, _) = try SegmentTests.rolled()
    try test.open()
    #expect(logError { _ = try LogVerifier.verify(folder: test.root, fileSystem: files) }?.code == .locked)
    try test.log.close()
    files.inject { [path = segments[2]] in $0.path == path && $0.operation == .open ? .fail(EIO) : nil }
    let error = logError { _ = try LogVerifier.verify(folder: test.root, fileSystem: files) }
    #expect(error?.message.contains(segments[2]) == true)
    files.inject { [path = segments[1]] call in
      call.path == path && call.operation == .read && call.offset >= 512 ? .fail(EIO) : nil
    }
    let result = try LogVerifier.verify(folder: test.root, fileSystem: files)
    #expect(result.problems.contains { $0.code == .inputOutput && $0.file == segments[1] })
    files.inject(nil)
    #expect(logError { _ = try LogVerifier.verify(folder: "nowhere", fileSystem: files) }?.code == .empty)
  }

  @Test func `stat counts segments, commits and records by kind and changes nothing`() throws {
    let (files, test, segments, entries) = try SegmentTests.rolled()
    try test.open()
    test.clock.advance(microseconds: 5)
    test.log.framer.beginGroup()
    test.log.framer.beginCommit(
      producer: .reader(7), generation: 3, time: test.clock.wallMicroseconds(), durable: 0)
    var record = ByteWriter()
    record.record(.progress) { $0.field(1, UInt32(7)) }
    record.record(.deploy) { $0.field(1, UInt32(3)) }
    test.log.framer.appendRecords(record)
    test.log.framer.endCommit()
    try test.log.journal.append(test.log.framer.endGroup())
    try test.log.close()
    files.clearTrace()
    let stat = try LogStat.read(folder: test.root, fileSystem: files)
    #expect(stat.records == [1: UInt64(entries.count), 21: 1, 25: 1])
    #expect(stat.entries == UInt64(entries.count) && stat.lastPosition.rawValue == stat.entries)
    #expect(stat.commitsByProducer[.reader(7)] == 1 && stat.commitsByProducer[.door] == stat.commits - 1)
    #expect(stat.segments.map(\.file) == segments && stat.segments.map(\.isSealed) == [true, true, true, false])
    #expect(stat.bytes == segments.map { files.contents($0)!.count }.reduce(0, +))
    #expect(stat.lastTime! - stat.firstTime! == 5 && stat.lastEpoch == 2)
    #expect(try LogStat.identity(folder: test.root, fileSystem: files) == stat.identity)
    #expect(Set(files.trace.map(\.operation)).isSubset(of: [.open, .read, .size, .list, .lock]))
  }
}
