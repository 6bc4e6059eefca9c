import Events
import LogStorage
import Platform
import TestKit
import Testing

@Suite struct JournalTests {
  let folder = TemporaryFolder()

  @Test func `what was appended and synced is there after the log is opened again`() throws {
    let test = TestLog(files: LocalFileSystem(), root: folder.path + "/data")
    try test.open()
    #expect(test.log.report.isNew)
    try test.append(test.batch(3), test.batch(2))
    try test.append(test.batch(1))
    #expect(test.log.journal.durable.commit == 0)
    test.log.journal.syncOnce()
    #expect(
      test.log.journal.durable == DurablePoint(commit: 3, position: Position(6), time: test.clock.wallMicroseconds()))
    try test.log.close()
    let id = test.log.identity

    try test.open()
    #expect(test.log.identity == id)
    #expect(!test.log.report.isNew)
    #expect(test.log.framer.nextCommit == 4)
    #expect(test.log.framer.nextPosition == Position(7))
    #expect(try test.subjects() == ["order-0", "order-1", "order-2", "order-0", "order-1", "order-0"])
    try test.log.close()
  }

  @Test func `the sync thread makes everything durable and reports it before it stops`() throws {
    let test = TestLog(files: LocalFileSystem(), root: folder.path + "/data")
    test.options.ownThreads = true
    test.options.segmentBytes = 20_000
    try test.open()
    for _ in 0..<200 { try test.append(test.batch(5)) }
    try test.log.close()
    let last = test.reports.durable
    #expect(last?.commit == 200)
    #expect(last?.position == Position(1000))
    try test.open()
    #expect(try test.subjects().count == 1000)
    try test.log.close()
  }

  @Test func `a chunk holds whole commits from the position asked for, within the limit`() throws {
    let test = TestLog(files: LocalFileSystem(), root: folder.path + "/data")
    test.options.segmentBytes = 50_000
    try test.open()
    for _ in 0..<100 { try test.append(test.batch(20)) }
    test.log.journal.syncOnce()
    let reader = test.log.reader
    for position in stride(from: 1, through: 2000, by: 7) {
      let at = Position(UInt64(position))
      let chunk = try #require(try reader.chunk(from: at, limitBytes: 4000, through: Position(2000)))
      #expect(chunk.contains(at))
      #expect(chunk.firstPosition.rawValue + 20 > at.rawValue)
      #expect(chunk.byteCount <= 4000)
      #expect(chunk.entry(at).subject.text == "order-\((position - 1) % 20)")
      #expect(chunk.commit(of: at).contains(at))
      #expect(chunk.place(at).subjectHash == test.log.hash("order-\((position - 1) % 20)"))
    }
    #expect(try reader.chunk(from: Position(2001), through: Position(5000)) == nil)
    #expect(
      try reader.chunk(from: Position(30), limitBytes: 1 << 20, through: Position(45))?.lastPosition == Position(60))
    try test.log.close()
  }

  @Test func `a group that is rolled back never was`() throws {
    let test = TestLog(files: LocalFileSystem(), root: folder.path + "/data")
    try test.open()
    try test.append(test.batch(2))
    test.log.framer.beginGroup()
    test.log.framer.beginCommit(producer: .door, generation: 1, time: test.log.framer.lastTime, durable: 0)
    test.log.framer.append(test.batch(5))
    test.log.framer.endCommit()
    test.log.framer.rollback()
    try test.append(test.batch(1))
    #expect(test.log.framer.nextPosition == Position(4))
    #expect(test.log.framer.nextCommit == 3)
    try test.log.close()
  }
}
