import Events
import Testing

@testable import Engine

@Suite("Control records and snapshots")
struct ControlRecordTests {
  private func fields<Record>(
    of record: Record, _ encode: (Record, inout ByteWriter) -> Void, _ body: (FieldReader) -> Void
  ) {
    var writer = ByteWriter()
    encode(record, &writer)
    body(FieldReader(record: writer.bytes))
  }

  private var failedUnit: ProgressRecord.FailedUnit {
    ProgressRecord.FailedUnit(
      position: 7, key: KeyBytes("order-1"), attempt: 3, kind: .time, message: "too slow", traceback: "a.lua:1",
      log: ["info: one", "warn: two"], scriptHash: ContentHash(of: Array("x".utf8)), time: 1_000_000,
      disposition: .retry, nextTry: 2_000_000, previous: 41)
  }

  @Test func `a progress record comes back from its bytes as it was`() {
    var record = ProgressRecord(reader: 3, through: 900)
    record.failed = [failedUnit]
    record.queued = [.init(key: KeyBytes("order-1"), positions: [8, 9, 1 << 40])]
    record.handled = [.init(key: .own(Position(5)), positions: [5])]
    record.unheard = [.init(key: KeyBytes("order-2"), positions: [4, 6])]
    fields(of: record, { $0.encode(into: &$1) }) { #expect(ProgressRecord($0) == record) }
  }

  @Test func `a reader record comes back from its bytes as it was`() {
    var change = ReaderChange(.hearingChanged, reader: 2)
    change.name = "stock"
    change.cursor = 17
    change.hearing = ["OrderPlaced", "Payment*"]
    change.keyRule = "data.order"
    change.scriptHash = ContentHash(of: Array("y".utf8))
    change.by = "ops"
    fields(of: change, { $0.encode(into: &$1) }) { #expect(ReaderChange($0) == change) }
  }

  @Test func `a resolved record comes back from its bytes as it was`() {
    let record = ResolvedRecord(
      .discarded, reader: 3, letters: [LetterID(commit: 7, index: 0), LetterID(commit: 1 << 40, index: 12)], by: "ops")
    fields(of: record, { $0.encode(into: &$1) }) { #expect(ResolvedRecord($0) == record) }
  }

  @Test func `a schedule record comes back from its bytes as it was`() {
    var began = ScheduleRecord(.began, KeyBytes("close the day"))
    (began.time, began.recurrence) = (1_767_225_600_000_000, "cron 0 2 * * *, Europe/Berlin")
    var ran = ScheduleRecord(.ran, KeyBytes("close the day"))
    (ran.time, ran.position) = (1_767_229_200_000_000, 1 << 40)
    for record in [began, ran, ScheduleRecord(.removed, KeyBytes("x"))] {
      fields(of: record, { $0.encode(into: &$1) }) { #expect(ScheduleRecord($0) == record) }
    }
  }

  @Test func `letters are named by commit and place`() {
    #expect(LetterID("8123") == LetterID(commit: 8123, index: 0))
    #expect(LetterID("8123.2") == LetterID(commit: 8123, index: 2))
    for text in ["", "0", "x", "1.", ".1", "-1", "1.2.3", "+4", "99999999999999999999"] {
      #expect(LetterID(text) == nil)
    }
    #expect("\(LetterID(commit: 5, index: 0)) \(LetterID(commit: 5, index: 3))" == "5 5.3")
  }

  @Test func `a deploy record comes back from its bytes as it was`() {
    let source = Array("consumer".utf8)
    let deploy = DeployRecord(
      generation: 4,
      files: [
        .init(path: "a.lua", hash: ContentHash(of: source), source: source),
        .init(path: "lib/b.lua", hash: ContentHash(of: []), source: nil),
      ], preludeLevel: 1, luaVersion: "5.4")
    fields(of: deploy, { $0.encode(into: &$1) }) { #expect(DeployRecord($0) == deploy) }
  }

  @Test func `every prefix and every flipped byte of a snapshot is refused or read, never a crash`() throws {
    var control = ControlState()
    var change = ReaderChange(.created, reader: 1)
    change.name = "stock"
    change.hearing = ["OrderPlaced"]
    var writer = ByteWriter()
    change.encode(into: &writer)
    try control.apply(record: writer.bytes, commit: 1)
    var progress = ProgressRecord(reader: 1, through: 9)
    progress.failed = [failedUnit]
    progress.queued = [.init(key: KeyBytes("order-1"), positions: [8, 9])]
    var dead = failedUnit
    (dead.position, dead.key, dead.disposition) = (6, KeyBytes("order-2"), .deadAndBlocking)
    progress.failed.append(dead)
    (dead.position, dead.key, dead.disposition) = (5, KeyBytes("order-3"), .deadAndSkipped)
    progress.failed.append(dead)
    writer.truncate(to: 0)
    progress.encode(into: &writer)
    try control.apply(record: writer.bytes, commit: 2)
    for (what, time) in [(ScheduleRecord.What.began, Int64(10)), (.ran, 20), (.passed, 30)] {
      writer.truncate(to: 0)
      var record = ScheduleRecord(what, KeyBytes("close the day"))
      (record.time, record.recurrence, record.position) = (time, "every 1h", 9)
      record.encode(into: &writer)
      try control.apply(record: writer.bytes, commit: 2)
    }
    control.finish(commit: 2, lastPosition: 9, time: 5)

    var snapshot = ByteWriter()
    control.encode(into: &snapshot)
    #expect(ControlState(snapshot: snapshot.bytes) == control)
    let bytes = Array(snapshot.bytes)
    for length in 0..<bytes.count {
      bytes[..<length].withUnsafeBytes { _ = ControlState(snapshot: $0) }
    }
    for index in bytes.indices {
      var flipped = bytes
      flipped[index] ^= 0x55
      flipped.withUnsafeBytes { _ = ControlState(snapshot: $0) }
    }
  }

  @Test func `a record of an unknown kind is refused unless it says that it may be skipped`() throws {
    var control = ControlState()
    let unknown: [UInt8] = [200, 0, 0, 0, 8, 0, 0, 0]
    #expect(throws: ControlState.FoldError.self) {
      try unknown.withUnsafeBytes { try control.apply(record: $0, commit: 1) }
    }
    let skippable: [UInt8] = [200, 1, 0, 0, 8, 0, 0, 0]
    try skippable.withUnsafeBytes { try control.apply(record: $0, commit: 1) }
  }
}
