import Events
import LogStorage
import Platform
import TestKit
import Testing

/// How groups are built, and what a chunk says of them.
@Suite struct FramerTests {
  private func opened(_ change: (inout LogOptions) -> Void = { _ in }) throws -> TestLog {
    let test = TestLog(files: MemoryFileSystem())
    change(&test.options)
    try test.open()
    return test
  }

  private func record(_ kind: RecordKind, _ value: UInt32) -> ByteWriter {
    var writer = ByteWriter()
    writer.record(kind) { $0.field(1, value) }
    return writer
  }

  @Test func `a group holds its commits in order, each with its entries and records`() throws {
    let test = try opened()
    let batch = test.batch(5)
    test.log.framer.beginGroup(reserving: 1)
    test.log.framer.beginCommit(producer: .door, generation: 1, time: 10, durable: 0)
    #expect(test.log.framer.append(batch, 1..<3) == Position(1))
    #expect(test.log.framer.append(batch, 4..<5) == Position(3))
    test.log.framer.appendRecords(record(.progress, 7))
    #expect(test.log.framer.endCommit() == 1)
    test.log.framer.beginCommit(producer: .reader(3), generation: 2, time: 10, durable: 0)
    test.log.framer.appendRecords(record(.progress, 8))
    test.log.framer.endCommit()
    test.log.framer.beginCommit(producer: .clock, generation: 2, time: 12, durable: 1)
    #expect(test.log.framer.append(batch) == Position(4))
    test.log.framer.endCommit()
    let group = test.log.framer.endGroup()
    #expect(group.firstCommit == 1 && group.lastCommit == 3)
    #expect(group.firstPosition == Position(1) && group.lastPosition == Position(8) && group.count == 8)
    let subjects = (1...8).map { group.entry(Position($0)).subject.text }
    #expect(subjects == [1, 2, 4, 0, 1, 2, 3, 4].map { "order-\($0)" })
    #expect((1...8).map { group.commit(of: Position($0)).number } == [1, 1, 1, 3, 3, 3, 3, 3])
    let commits = group.commits.map { ($0.number, $0.producer, $0.generation, $0.time, $0.positionCount) }
    #expect(commits.map(\.0) == [1, 2, 3] && commits.map(\.1) == [.door, .reader(3), .clock])
    #expect(commits.map(\.2) == [1, 2, 2] && commits.map(\.3) == [10, 10, 12] && commits.map(\.4) == [3, 0, 5])
    #expect(group.commits.map { $0.records.map(\.rawKind) } == [[1, 1, 1, 21], [21], [1, 1, 1, 1, 1]])
    #expect(group.commits.map(\.durable) == [0, 0, 1] && group.commits.allSatisfy { $0.epoch == 1 })
    #expect(group.byteCount % 8 == 0 && group.bytes.count == group.byteCount)
    try test.log.journal.append(group)
    test.sync()
    #expect(test.log.journal.durable == DurablePoint(commit: 3, position: Position(8), time: 12))
    let read = try #require(try test.log.reader.chunk(from: Position(1), through: Position(8)))
    #expect(read.bytes.elementsEqual(group.bytes))
    #expect(zip(read.places, group.places).allSatisfy { $0.offset == $1.offset && $0.subjectHash == $1.subjectHash })
  }

  @Test func `an abandoned commit leaves no trace`() throws {
    let test = try opened()
    test.log.framer.beginGroup()
    for isKept in [true, false, true, false] {
      test.log.framer.beginCommit(producer: .door, generation: 1, time: 10, durable: 0)
      let batch = EntryBatch(hash: test.log.hash)
      batch.add(subject: "a", id: "id")
      batch.add(subject: "b")
      test.log.framer.append(batch)
      if isKept { test.log.framer.endCommit() } else { test.log.framer.abandonCommit() }
    }
    let group = test.log.framer.endGroup()
    #expect(group.lastCommit == 2 && group.count == 4 && group.identities.map(\.ordinal) == [0, 2])
    #expect(test.log.framer.nextCommit == 3 && test.log.framer.nextPosition == Position(5))
    try test.log.journal.append(group)
    try test.append(test.batch(1))
    test.sync()
    #expect(try test.subjects() == ["a", "b", "a", "b", "order-0"])
  }

  @Test func `a small group takes a small piece of memory, whatever was reserved for it`() throws {
    let test = try opened()
    let batch = test.batch(1)
    for number in 1...3 {
      test.log.framer.beginGroup(reserving: 1 << 16)
      test.log.framer.beginCommit(producer: .door, generation: 1, time: 10, durable: 0)
      test.log.framer.append(batch)
      test.log.framer.endCommit()
      let group = test.log.framer.endGroup()
      #expect(group.footprint < 2 * group.byteCount + 512)
      #expect(
        group.firstPosition == Position(UInt64(number)) && group.entry(group.firstPosition).subject.text == "order-0")
    }
  }

  @Test func `a group says what still fits and is never longer than the limit`() throws {
    let test = try opened { $0.limits = LogLimits(maxGroupBytes: 4096, maxUnsyncedBytes: 8192) }
    for size in [1, 50, 333] {
      test.log.framer.beginGroup()
      let batch = EntryBatch(hash: test.log.hash)
      batch.add(data: "[" + String(repeating: "0", count: size) + "]")
      while test.log.framer.fits(batch.bytes.count) {
        test.log.framer.beginCommit(producer: .door, generation: 1, time: 0, durable: 0)
        test.log.framer.append(batch)
        test.log.framer.endCommit()
      }
      #expect(test.log.framer.byteCount <= 4096 && test.log.framer.byteCount > 4096 - batch.bytes.count - 200)
      try test.log.journal.append(test.log.framer.endGroup())
    }
  }

  @Test func `a segment without an entry is not sealed, however long it gets`() throws {
    let test = try opened { $0.segmentBytes = 4096 }
    for number in 0..<60 as Range<UInt32> {
      test.log.framer.beginGroup()
      test.log.framer.beginCommit(producer: .reader(1), generation: 1, time: 0, durable: 0)
      test.log.framer.appendRecords(record(.progress, number))
      test.log.framer.endCommit()
      try test.log.journal.append(test.log.framer.endGroup())
    }
    let files = test.files as! MemoryFileSystem
    #expect(SegmentTests.segments(of: files).count == 1)
    #expect(files.contents(test.segment)!.count > 4096)
    try test.append(test.batch(1))
    try test.append(test.batch(1))
    test.sync()
    #expect(SegmentTests.segments(of: files).count == 2)
    try test.log.close()
    try test.open()
    #expect(test.log.framer.nextCommit == 63 && test.log.framer.nextPosition == Position(3))
    #expect(try test.log.reader.chunk(from: Position(1), through: Position(2))?.firstCommit == 61)
  }

  @Test func `unknown records that may be skipped keep their position, others refuse the log`() throws {
    for (kind, flags, isRefused) in [(9, 1, false), (9, 0, true), (77, 1, false), (77, 0, true), (1, 2, true)]
      as [(UInt8, UInt8, Bool)]
    {
      let test = try opened()
      try test.append(test.batch(1))
      test.log.framer.beginGroup()
      test.log.framer.beginCommit(producer: .door, generation: 1, time: test.log.framer.lastTime, durable: 0)
      let batch = test.batch(2)
      if kind < 16 {
        batch.bytes.patch(kind, at: 0)
        batch.bytes.patch(flags, at: 1)
      }
      test.log.framer.append(batch)
      if kind >= 16 {
        var writer = record(.progress, 1)
        writer.patch(kind, at: 0)
        writer.patch(flags, at: 1)
        test.log.framer.appendRecords(writer)
      }
      test.log.framer.endCommit()
      try test.log.journal.append(test.log.framer.endGroup())
      test.log.journal.syncOnce()
      (test.files as! MemoryFileSystem).restart(losing: .nothing)
      let error = logError { try test.open() }
      #expect(error?.code == (isRefused ? .newer : nil), "kind \(kind), flags \(flags)")
      if isRefused { continue }
      #expect(test.log.framer.nextPosition == Position(4))
      let chunk = try #require(try test.log.reader.chunk(from: Position(2), through: Position(3)))
      #expect(chunk.count == 2)
      let found = try "order-1".withBytes { try test.log.reader.positions(ofSubject: $0, through: Position(3)) }
      #expect(found == [Position(3)])
    }
  }

  @Test func `row 35: too much that is not durable makes the journal wait, and it says so before`() throws {
    let test = try opened { $0.limits = LogLimits(maxGroupBytes: 4096, maxUnsyncedBytes: 8192) }
    let data = String(repeating: "7", count: 3000)
    #expect(test.log.journal.hasRoom(for: 8192) && !test.log.journal.hasRoom(for: 8193))
    try test.append(test.batch(1, data: data))
    try test.append(test.batch(1, data: data))
    #expect(!test.log.journal.hasRoom(for: 4000) && test.log.journal.durable.commit == 0)
    // Without threads the append itself makes room.
    try test.append(test.batch(1, data: data))
    #expect(test.log.journal.durable.commit == 2)
    test.log.journal.syncOnce()
    #expect(test.log.journal.hasRoom(for: 8192))
  }
}
