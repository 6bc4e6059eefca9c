import Events
import Glibc
import LogStorage
import Platform
import TestKit
import Testing

/// Snapshots (docs/faults, L5 and O6).
@Suite struct SnapshotTests {
  let files = MemoryFileSystem()

  private func save(_ test: TestLog, _ text: String, version: UInt32 = 1) throws {
    try text.withBytes { try test.log.snapshots.save(test.log.journal.durable, version: version, payload: $0) }
  }

  private func newest(_ test: TestLog, knownVersion: UInt32 = 1) throws -> String? {
    try test.log.snapshots.newest(knownVersion: knownVersion).snapshot.map {
      String(decoding: $0.payload, as: UTF8.self)
    }
  }

  private func names() -> [String] { ((try? files.list("data/snapshots")) ?? []).sorted() }

  /// A log of four commits with snapshots at 2, 3 and 4.
  private func withSnapshots() throws -> TestLog {
    let test = TestLog(files: files)
    try test.open()
    for number in 1...4 {
      try test.append(test.batch(1))
      test.sync()
      if number > 1 { try save(test, "state \(number)") }
    }
    return test
  }

  private func path(_ commit: Int) -> String { "data/snapshots/0000000000000000000\(commit).snap" }

  @Test func `L5: the newest snapshot wins, two are kept`() throws {
    let test = try withSnapshots()
    #expect(names() == ["00000000000000000003.snap", "00000000000000000004.snap"])
    let newest = try #require(try test.log.snapshots.newest(knownVersion: 1).snapshot)
    #expect(newest.point == test.log.journal.durable)
    #expect(String(decoding: newest.payload, as: UTF8.self) == "state 4")
    try test.log.close()
    try test.open()
    #expect(try self.newest(test) == "state 4")
  }

  @Test func `L5: a snapshot is synced before it is named, and read back before an older one goes`() throws {
    let test = try withSnapshots()
    files.clearTrace()
    try test.append(test.batch(1))
    test.sync()
    files.clearTrace()
    try save(test, "state 5")
    let steps = files.trace.filter { $0.path.contains("snapshots") && $0.operation != .size && $0.operation != .list }
    #expect(
      steps.map(\.operation) == [
        .open, .write, .write, .sync, .close, .rename, .syncFolder, .open, .read, .read, .remove, .syncFolder,
      ])
    #expect(steps[0].path == path(5) + ".new" && steps[10].path == path(3))
  }

  @Test func `rows 22–23: a bad snapshot falls back to the older one, and then to the log`() throws {
    let test = try withSnapshots()
    let bytes = files.contents(path(4))!
    for index in bytes.indices {
      var damaged = bytes
      damaged[index] ^= 4
      files.put(damaged, at: path(4))
      let (snapshot, warnings) = try test.log.snapshots.newest(knownVersion: 1)
      #expect(snapshot?.point.commit == 3 && warnings.count == 1, "byte \(index)")
      #expect(warnings.first?.contains(path(4)) == true)
    }
    for size in 0..<bytes.count {
      files.put(Array(bytes[..<size]), at: path(4))
      #expect(try newest(test) == "state 3")
    }
    files.put([1, 2, 3], at: path(3))
    let (snapshot, warnings) = try test.log.snapshots.newest(knownVersion: 1)
    #expect(snapshot == nil && warnings.count == 2)
    try test.log.close()
    try test.open()
    #expect(try newest(test) == nil)
  }

  @Test func `row 24: a log that ends before a snapshot is refused`() throws {
    let test = try withSnapshots()
    try test.log.close()
    files.drop(test.witness)
    let segment = files.contents(test.segment)!
    for kept in 0..<4 {
      files.put(Array(segment[..<commitOffsets(segment)[kept]]), at: test.segment)
      let error = logError { try test.open() }
      #expect(error?.code == .behind && error?.message.contains(path(4)) == true)
    }
    // A snapshot also knows that a torn commit was durable.
    files.put(Array(segment.dropLast(30)), at: test.segment)
    #expect(logError { try test.open() }?.code == .corrupt)
  }

  @Test func `row 25: a snapshot of another log or another history is not used`() throws {
    let test = try withSnapshots()
    try test.log.close()
    let otherFiles = MemoryFileSystem()
    let other = TestLog(files: otherFiles, seed: 3)
    try other.open()
    for _ in 0..<6 { try other.append(other.batch(1)) }
    other.sync()
    try "other".withBytes { try other.log.snapshots.save(other.log.journal.durable, version: 1, payload: $0) }
    files.put(otherFiles.contents(path(6))!, at: path(6))
    try test.open()
    let (snapshot, warnings) = try test.log.snapshots.newest(knownVersion: 1)
    #expect(snapshot?.point.commit == 4)
    #expect(warnings.count == 1 && warnings[0].contains("another log"))
    try test.log.close()

    // The same log with another fourth commit.
    let fork = files.copy()
    let segment = fork.contents(test.segment)!
    fork.put(Array(segment[..<commitOffsets(segment)[3]]), at: test.segment)
    for path in [test.witness, path(4), path(6)] { fork.drop(path) }
    let forked = TestLog(files: fork)
    forked.clock.advance(microseconds: 77)
    try forked.open()
    try forked.append(forked.batch(1))
    forked.sync()
    fork.put(files.contents(path(4))!, at: path(4))
    let found = try forked.log.snapshots.newest(knownVersion: 1)
    #expect(found.snapshot?.point.commit == 3)
    #expect(found.warnings.count == 1 && found.warnings[0].contains("another history"))
  }

  @Test func `O6, row 79: a newer snapshot is refused and left as it is`() throws {
    let test = try withSnapshots()
    #expect(logError { _ = try test.log.snapshots.newest(knownVersion: 0) }?.code == .newer)
    try test.append(test.batch(1))
    test.sync()
    try save(test, "later", version: 2)
    #expect(logError { _ = try test.log.snapshots.newest(knownVersion: 1) }?.code == .newer)
    #expect(try newest(test, knownVersion: 2) == "later")
    try test.log.close()
    var bytes = files.contents(path(5))!
    bytes[8] = 9
    bytes.withUnsafeMutableBytes { all in
      let crc = crc32c(UnsafeRawBufferPointer(rebasing: all[..<124]))
      all.storeBytes(of: crc.littleEndian, toByteOffset: 124, as: UInt32.self)
    }
    files.put(bytes, at: path(5))
    #expect(logError { try test.open() }?.code == .newer)
    #expect(files.contents(path(5)) == bytes)
  }

  @Test func `rows 27–29: a snapshot that finds no room leaves the older ones and can be made later`() throws {
    let test = try withSnapshots()
    try test.append(test.batch(1))
    test.sync()
    for number in [ENOSPC, EDQUOT, EFBIG] {
      for bytes in [0, 1, 50] {
        files.inject { call in
          call.path.contains("snapshots") && call.operation == .write ? .failAfter(bytes: bytes, number) : nil
        }
        let error = logError { try save(test, "state 5") }
        #expect(error?.code == .noSpace && error?.isFinal == false)
        files.inject(nil)
        #expect(names() == ["00000000000000000003.snap", "00000000000000000004.snap"])
        #expect(try newest(test) == "state 4")
      }
    }
    files.inject { call in call.path.contains("snapshots") && call.operation == .open ? .fail(EMFILE) : nil }
    #expect(logError { try save(test, "state 5") }?.isFinal == false)
    files.inject(nil)
    try save(test, "state 5")
    #expect(try newest(test) == "state 5")
  }

  @Test func `rows 30–32: a snapshot whose sync fails says that the process must stop`() throws {
    for operation in [FileError.Operation.sync, .syncFolder, .close, .rename, .write] {
      let test = try withSnapshots()
      files.inject { call in call.path.contains("snapshots") && call.operation == operation ? .fail(EIO) : nil }
      #expect(logError { try save(test, "again") }?.isFinal == true, "\(operation)")
      files.restart(losing: .nothing)
      try test.open()
      #expect(try newest(test) != nil)
      try test.log.close()
      files.put([], at: test.segment)
      for name in try files.list("data/log") { files.drop("data/log/\(name)") }
      for name in names() { files.drop("data/snapshots/\(name)") }
      files.drop(test.witness)
    }
  }

  @Test func `row 21: power cut in any step of a snapshot keeps a good one`() throws {
    let test = try withSnapshots()
    try test.append(test.batch(1))
    test.sync()
    let before = files.copy()
    var steps = 0
    for step in 0..<100 {
      let copy = before.copy()
      let again = TestLog(files: copy)
      try again.open()
      copy.clearTrace()
      copy.inject { $0.index == step ? .crash : nil }
      let error = logError { try save(again, "state 5") }
      for (number, loss) in MemoryFileSystem.Loss.kinds(UInt64(step)).enumerated() {
        let crashed = copy.copy()
        crashed.restart(losing: loss)
        let after = TestLog(files: crashed)
        try after.open()
        let found = try newest(after)
        #expect(found == "state 4" || found == "state 5", "step \(step), loss \(number)")
        if error == nil { #expect(found == "state 5") }
        try after.log.close()
      }
      if error == nil { break }
      steps = step + 1
    }
    #expect((10...40).contains(steps))
  }
}
