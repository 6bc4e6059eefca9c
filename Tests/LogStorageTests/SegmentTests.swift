import Events
import Glibc
import LogStorage
import Platform
import TestKit
import Testing

/// Logs of several segments: what opening and reading make of damage in sealed ones (docs/faults, O3).
@Suite struct SegmentTests {
  /// Three sealed segments and an active one; stopped in good order.
  static func rolled() throws -> (MemoryFileSystem, TestLog, segments: [String], entries: [Seen]) {
    let files = MemoryFileSystem()
    var options = LogOptions()
    options.segmentBytes = 4096
    let test = TestLog(files: files, options: options)
    try test.open()
    while segments(of: files).count < 4 {
      try test.append(test.batch(3, data: #"{"a":[1,2,3]}"#), test.batch(1))
      test.sync()
    }
    try test.append(test.batch(2))
    test.sync()
    let entries = try test.entries()
    try test.log.close()
    return (files, test, segments(of: files), entries)
  }

  static func segments(of files: MemoryFileSystem) -> [String] {
    ((try? files.list("data/log")) ?? []).filter { $0.hasSuffix(".seg") }.sorted().map { "data/log/\($0)" }
  }

  @Test func `segments are named after their first position and follow each other`() throws {
    let (files, test, segments, entries) = try Self.rolled()
    #expect(segments.count == 4)
    try test.open()
    #expect(try test.entries() == entries)
    #expect(test.log.report.warnings.isEmpty && test.log.report.rebuiltIndexes.isEmpty)
    let names = try files.list("data/log").sorted()
    #expect(names.filter { $0.hasSuffix(".idx") }.count == 3)
    #expect(names.allSatisfy { !$0.hasSuffix(".new") })
    let second = segments[1].split(separator: "/").last!.dropLast(4)
    let first = UInt64(second)!
    #expect(
      try test.log.reader.chunk(from: Position(first), through: Position(first))?.firstPosition == Position(first))
    try test.log.close()
  }

  @Test func `row 10: any byte flipped in a sealed segment is refused, at the latest when it is read`() throws {
    let (files, _, segments, _) = try Self.rolled()
    let path = segments[1]
    let bytes = files.contents(path)!
    let offsets = commitOffsets(bytes) + [bytes.count - 96]
    for index in bytes.indices {
      let copy = files.copy()
      var damaged = bytes
      damaged[index] ^= UInt8(1 << (index % 8))
      copy.put(damaged, at: path)
      let test = TestLog(files: copy)
      let place = index < 512 ? 0 : index >= bytes.count - 96 ? bytes.count - 96 : offsets.last { $0 <= index }!
      let error = logError {
        try test.open()
        _ = try test.entries()
      }
      #expect(
        error?.message.contains("\(path) at offset \(place):") == true, "byte \(index): \(String(describing: error))")
      if index % 16 == 0 {
        copy.restart(losing: .nothing)
        let problems = try LogVerifier.verify(folder: test.root, fileSystem: copy).problems
        #expect(problems.contains { $0.file == path && $0.offset == place }, "byte \(index): \(problems)")
      }
      #expect(copy.contents(path) == damaged)
    }
  }

  @Test func `row 18: a missing segment is named, wherever it is missing`() throws {
    let (files, _, segments, _) = try Self.rolled()
    for index in segments.indices {
      let copy = files.copy()
      copy.drop(segments[index])
      let test = TestLog(files: copy)
      let error = try #require(logError { try test.open() })
      if index == 3 {
        #expect(error.code == .behind && error.message.contains(segments[2]))
      } else {
        #expect(error.code == .segmentMissing)
        if index > 0 { #expect(error.message.contains(segments[index].split(separator: "/").last!)) }
      }
      #expect(try !LogVerifier.verify(folder: test.root, fileSystem: copy).isGood)
    }
    let copy = files.copy()
    for path in segments { copy.drop(path) }
    #expect(logError { try TestLog(files: copy).open() }?.code == .segmentMissing)
  }

  @Test func `row 19: a bad header is named`() throws {
    let (files, _, segments, _) = try Self.rolled()
    for path in segments {
      for damage in [0, 12, 16, 40, 48, 56, 64, 72, 88, 256, 300, 508] {
        let copy = files.copy()
        var bytes = copy.contents(path)!
        bytes[damage] ^= 0xFF
        copy.put(bytes, at: path)
        let error = logError { try TestLog(files: copy).open() }
        #expect(
          error?.message.contains(path) == true && error?.code == .corrupt, "\(damage): \(String(describing: error))")
      }
    }
    for size in [0, 1, 511] {
      let copy = files.copy()
      copy.put(Array(copy.contents(segments[3])!.prefix(size)), at: segments[3])
      #expect(logError { try TestLog(files: copy).open() }?.code == .corrupt)
    }
  }

  @Test func `rows 15–16: segments swapped or from another log are refused`() throws {
    let (files, _, segments, _) = try Self.rolled()
    let swapped = files.copy()
    swapped.put(files.contents(segments[2])!, at: segments[1])
    #expect(logError { try TestLog(files: swapped).open() }?.code == .corrupt)
    let otherFiles = MemoryFileSystem()
    var options = LogOptions()
    options.segmentBytes = 4096
    let other = TestLog(files: otherFiles, options: options, seed: 31)
    try other.open()
    for _ in 0..<60 { try other.append(other.batch(3, data: #"{"a":[1,2,3]}"#), other.batch(1)) }
    other.sync()
    try other.log.close()
    let copy = files.copy()
    copy.put(otherFiles.contents(segments[1])!, at: segments[1])
    let error = logError { try TestLog(files: copy).open() }
    #expect(error?.code == .corrupt && error?.message.contains("another log") == true)
  }

  @Test func `row 33: an old segment that cannot be read is an error with file and offset, and others stay readable`()
    throws
  {
    let (files, test, segments, entries) = try Self.rolled()
    try test.open()
    let second = UInt64(segments[1].split(separator: "/").last!.dropLast(4))!
    let third = UInt64(segments[2].split(separator: "/").last!.dropLast(4))!
    files.inject { [path = segments[1]] call in call.path == path && call.operation == .read ? .fail(EIO) : nil }
    let through = test.log.reader.lastPosition
    for position in [second, third - 1] {
      let error = logError { _ = try test.log.reader.chunk(from: Position(position), through: through) }
      #expect(error?.code == .inputOutput && error?.message.contains("\(segments[1]) at offset ") == true)
    }
    #expect(logError { _ = try test.entries() }?.code == .inputOutput)
    #expect(try test.log.reader.chunk(from: Position(third), through: through)?.contains(Position(third)) == true)
    #expect(try test.log.reader.chunk(from: Position(1), through: through)?.contains(Position(1)) == true)
    try test.append(test.batch(1))
    files.inject(nil)
    #expect(try test.entries().count == entries.count + 1)
  }

  @Test func `a sealed last segment is followed by a new one`() throws {
    let (files, _, segments, entries) = try Self.rolled()
    files.drop(segments[3])
    files.drop("data/witness")
    let test = TestLog(files: files)
    try test.open()
    let left = try test.entries()
    #expect(entries.starts(with: left) && left.count < entries.count)
    try test.append(test.batch(1))
    test.sync()
    #expect(try test.entries().count == left.count + 1)
    try test.log.close()
    #expect(try LogVerifier.verify(folder: "data", fileSystem: files).isGood)
    // What follows a seal is not taken for a torn tail.
    let copy = files.copy()
    copy.drop(segments[3])
    copy.drop("data/witness")
    copy.put(copy.contents(segments[2])! + [0, 1], at: segments[2])
    #expect(logError { try TestLog(files: copy).open() }?.code == .corrupt)
  }

  @Test func `row 20: zeros that a crash leaves behind the last seal are cut off, and behind any other are damage`()
    throws
  {
    let (files, _, segments, entries) = try Self.rolled()
    let sealed = files.contents(segments[2])!
    let refused = files.copy()
    refused.put(sealed + [UInt8](repeating: 0, count: 2832), at: segments[2])
    #expect(logError { try TestLog(files: refused).open() }?.code == .corrupt)
    #expect(try !LogVerifier.verify(folder: "data", fileSystem: refused).isGood)

    files.drop(segments[3])
    files.drop("data/witness")
    files.put(sealed + [UInt8](repeating: 0, count: 2832), at: segments[2])
    #expect(try LogVerifier.verify(folder: "data", fileSystem: files).isGood)
    let test = TestLog(files: files)
    try test.open()
    #expect(files.contents(segments[2]) == sealed)
    let left = try test.entries()
    #expect(entries.starts(with: left) && !left.isEmpty)
    try test.append(test.batch(1))
    test.sync()
    try test.log.close()
    #expect(try LogVerifier.verify(folder: "data", fileSystem: files).isGood)
  }
}
