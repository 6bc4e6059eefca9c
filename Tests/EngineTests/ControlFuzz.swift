import Events
import LogStorage
import TestKit
import Testing

@testable import Engine

/// The control state under records and snapshots that nobody wrote: each is folded or refused, and what was folded comes
/// back from its snapshot as it was.
@Suite struct ControlFuzz {
  @Test func `whatever records say is folded or refused`() throws {
    try Fuzz.run("control", corpus: Self.histories, rounds: 4000, prepare: Self.fit) { bytes, _ in
      var state = ControlState()
      try Self.fold(bytes, into: &state)
      try Self.checkSnapshot(of: state)
    }
  }

  @Test func `whatever a snapshot says is taken whole or not at all, and records can follow`() throws {
    let corpus = try Self.histories.map { history in
      var state = ControlState()
      try Self.fold(history, into: &state)
      var writer = ByteWriter()
      state.encode(into: &writer)
      return Array(writer.bytes)
    }
    let histories = Self.histories
    try Fuzz.run("control-snapshot", corpus: corpus, rounds: 4000) { bytes, seed in
      guard var state = bytes.withUnsafeBytes({ ControlState(snapshot: $0) }) else { return }
      try Self.checkSnapshot(of: state)
      try Self.fold(histories[seed.below(histories.count)], into: &state)
      try Self.checkSnapshot(of: state)
    }
  }

  /// Folds records until one is refused.
  private static func fold(_ bytes: [UInt8], into state: inout ControlState) throws {
    try bytes.withUnsafeBytes { all in
      var at = 0
      var commit = state.commit
      while at + RecordHeader.size <= all.count {
        let length = Int(all.baseAddress!.integer(UInt32.self, at: at + 4))
        // What `CommitHeader` refuses never gets here.
        guard length >= RecordHeader.size, at + length <= all.count else { return }
        let record = UnsafeRawBufferPointer(rebasing: all[at..<(at + length)])
        guard
          RecordKind.takesPosition(record[0])
            ? EntryView.isValid(record)
            : FieldReader.isValid(UnsafeRawBufferPointer(rebasing: record[RecordHeader.size...]))
        else { return }
        commit &+= 1
        do {
          try state.apply(record: record, commit: commit)
        } catch let error as ControlState.FoldError {
          if error.description.isEmpty { throw Fuzz.Wrong("it is refused without a word") }
          return
        }
        state.finish(commit: commit, lastPosition: state.position, time: state.time)
        at += length
      }
    }
  }

  private static func checkSnapshot(of state: ControlState) throws {
    var writer = ByteWriter()
    state.encode(into: &writer)
    guard let again = ControlState(snapshot: writer.bytes) else { throw Fuzz.Wrong("its snapshot is refused") }
    if again != state { throw Fuzz.Wrong("its snapshot is another state") }
    var second = ByteWriter()
    again.encode(into: &second)
    if !second.bytes.elementsEqual(writer.bytes) { throw Fuzz.Wrong("equal states have other bytes") }
  }

  /// Makes the lengths of records and of their fields fit, mostly, so that changes get behind them.
  private static func fit(_ mutator: inout Mutator, _ bytes: inout [UInt8]) {
    if mutator.seed.oneIn(4) { return }
    var at = 0
    while at + RecordHeader.size <= bytes.count {
      var end = at + RecordHeader.size
      while end + 5 <= bytes.count {
        let length = (0..<4).reduce(0) { $0 | Int(bytes[end + 1 + $1]) << (8 * $1) }
        if end + 5 + length > bytes.count || bytes[end] == 0 || bytes[end] > 32 { break }
        end += 5 + length
        // The next record begins where a record's kind stands.
        if end < bytes.count, (16...29).contains(bytes[end]), mutator.seed.below(8) > 0 { break }
      }
      for index in 0..<4 { bytes[at + 4 + index] = UInt8(truncatingIfNeeded: (end - at) >> (8 * index)) }
      at = end
    }
  }

  // MARK: - Histories

  private static func history(_ body: (inout ByteWriter) -> Void) -> [UInt8] {
    var writer = ByteWriter()
    body(&writer)
    return Array(writer.bytes)
  }

  private static func created(_ reader: UInt32, _ name: String) -> ReaderChange {
    var change = ReaderChange(.created, reader: reader)
    change.name = name
    change.cursor = 0
    change.hearing = ["OrderPlaced", "Payment*"]
    change.keyRule = "data.order"
    change.scriptHash = ContentHash(of: Array(name.utf8))
    return change
  }

  private static func failed(
    _ position: UInt64, _ key: String, _ disposition: ProgressRecord.FailedUnit.Disposition, attempt: UInt32 = 1
  ) -> ProgressRecord.FailedUnit {
    ProgressRecord.FailedUnit(
      position: position, key: KeyBytes(key), attempt: attempt, kind: .error, message: "no", traceback: "a.lua:1",
      log: ["info: x"], scriptHash: nil, time: 5, disposition: disposition, nextTry: 9, previous: 0)
  }

  private static func schedule(_ what: ScheduleRecord.What, _ name: String, _ time: Int64) -> ScheduleRecord {
    var record = ScheduleRecord(what, KeyBytes(name))
    record.time = time
    if what == .began { record.recurrence = "every 1h" }
    if what == .ran { record.position = 7 }
    return record
  }

  private static let histories: [[UInt8]] = [
    history { writer in
      schedule(.began, "a", 0).encode(into: &writer)
      schedule(.began, "b", 5).encode(into: &writer)
      schedule(.ran, "b", 6).encode(into: &writer)
      schedule(.passed, "b", 9).encode(into: &writer)
      schedule(.removed, "a", 0).encode(into: &writer)
    },
    history { created(1, "stock").encode(into: &$0) },
    history { writer in
      DeployRecord(
        generation: 1, files: [.init(path: "a.lua", hash: ContentHash(of: Array("x".utf8)), source: Array("x".utf8))],
        preludeLevel: 1, luaVersion: "5.4"
      ).encode(into: &writer)
      created(1, "stock").encode(into: &writer)
      created(2, "mail").encode(into: &writer)
      var progress = ProgressRecord(reader: 1, through: 9)
      progress.failed = [failed(3, "a", .retry), failed(5, "b", .deadAndBlocking), failed(6, "c", .deadAndSkipped)]
      progress.queued = [.init(key: KeyBytes("a"), positions: [4, 8]), .init(key: KeyBytes("b"), positions: [7])]
      progress.encode(into: &writer)
      progress = ProgressRecord(reader: 1, through: 12)
      progress.failed = [failed(3, "a", .deadAndBlocking, attempt: 2)]
      progress.handled = [.init(key: KeyBytes("d"), positions: [10])]
      progress.encode(into: &writer)
      for how in [ResolvedRecord.How.skipped, .retried, .discarded] {
        ResolvedRecord(
          how, reader: 1, letters: [LetterID(commit: 4, index: 1), LetterID(commit: 4, index: 2)], by: "ops"
        )
        .encode(into: &writer)
      }
      ResolvedRecord(.retried, reader: 1, letters: [LetterID(commit: 5, index: 0)], by: "ops").encode(into: &writer)
      progress = ProgressRecord(reader: 1, through: 14)
      progress.handled = [.init(key: KeyBytes("a"), positions: [3, 4, 8])]
      progress.encode(into: &writer)
    },
    history { writer in
      created(1, "stock").encode(into: &writer)
      for what: ReaderChange.What in [
        .paused, .resumed, .hearingChanged, .codeChanged, .removed, .returned, .forgotten,
      ] {
        var change = ReaderChange(what, reader: 1)
        change.hearing = ["A"]
        change.scriptHash = ContentHash(of: [what.rawValue])
        change.encode(into: &writer)
      }
      var progress = ProgressRecord(reader: 1, through: 20)
      progress.failed = [failed(15, "k", .deadAndBlocking)]
      progress.queued = [.init(key: KeyBytes("k"), positions: [16, 17])]
      progress.unheard = [.init(key: KeyBytes("k"), positions: [16])]
      progress.encode(into: &writer)
      InstanceRecord(reader: 1, key: [97], keyHash: 7, state: Array("{}".utf8), version: 1, previous: 0)
        .encode(into: &writer)
      InstanceRecord(reader: 1, key: [98], keyHash: 7, state: nil, version: 1, previous: 10, sharesHash: true)
        .encode(into: &writer)
      InstanceRecord(reader: 1, key: [99], keyHash: 8, state: Array("{}".utf8), version: 1, previous: 0)
        .encode(into: &writer)
      InstanceRecord(reader: 1, key: [99], keyHash: 8, state: nil, version: 2, previous: 12).encode(into: &writer)
      var rewound = ReaderChange(.rewound, reader: 1)
      rewound.cursor = 10
      rewound.by = "ops"
      rewound.encode(into: &writer)
    },
  ]
}
