import Events
import Testing

@testable import Engine

@Suite("Open instances and their deadlines")
struct InstanceTests {
  /// A control state with one rule, and the records folded into it.
  private struct Fold {
    var control = ControlState()
    var commit: UInt64 = 1

    init() throws {
      var change = ReaderChange(.created, reader: 1)
      (change.kind, change.name) = (.rule, "late")
      try apply { change.encode(into: &$0) }
    }

    var reader: ReaderState { control.readers[0] }

    /// Folds records of one commit, and gives its number.
    @discardableResult
    mutating func apply(_ records: ((inout ByteWriter) -> Void)...) throws -> UInt64 {
      commit += 1
      for record in records {
        var writer = ByteWriter()
        record(&writer)
        try control.apply(record: writer.bytes, commit: commit)
      }
      control.finish(commit: commit, lastPosition: 0, time: Int64(commit))
      return commit
    }

    func instance(
      _ key: String, hash: UInt64, deadline: Int64?, life: InstanceRecord.Life = .open, replaces: UInt64 = 0,
      twin: UInt8 = 0, shares: Bool = false
    ) -> (inout ByteWriter) -> Void {
      var record = InstanceRecord(
        reader: 1, key: Array(key.utf8), keyHash: hash, state: [1], version: 1, previous: 0, sharesHash: shares)
      (record.deadline, record.life, record.replaces, record.twin) = (deadline, life, replaces, twin)
      return { record.encode(into: &$0) }
    }

    func failed(_ wake: InstancePlace, _ disposition: ProgressRecord.FailedUnit.Disposition) -> (inout ByteWriter)
      -> Void
    {
      var progress = ProgressRecord(reader: 1, through: 9)
      progress.failed = [
        ProgressRecord.FailedUnit(
          position: 7, key: KeyBytes("a"), attempt: 1, kind: .error, message: "no", traceback: "", log: [],
          scriptHash: nil, time: 1, disposition: disposition, nextTry: 2, wake: wake)
      ]
      return { progress.encode(into: &$0) }
    }

    func expectSnapshot(_ location: SourceLocation = #_sourceLocation) {
      var writer = ByteWriter()
      control.encode(into: &writer)
      let again = ControlState(snapshot: writer.bytes)
      #expect(again == control, sourceLocation: location)
      var second = ByteWriter()
      again?.encode(into: &second)
      #expect(second.bytes.elementsEqual(writer.bytes), sourceLocation: location)
    }
  }

  @Test func `an instance is at its newest record, and gone when that ends it`() throws {
    var fold = try Fold()
    let first = try fold.apply(fold.instance("a", hash: 5, deadline: 100))
    let place = InstancePlace(keyHash: 5, commit: first, twin: 0)
    #expect(fold.reader.open[place] == OpenInstance(deadline: 100, generation: 0))
    fold.expectSnapshot()
    let second = try fold.apply(fold.instance("a", hash: 5, deadline: nil, replaces: place.place))
    let next = InstancePlace(keyHash: 5, commit: second, twin: 0)
    #expect(fold.reader.open[place] == nil)
    #expect(fold.reader.open[next] == OpenInstance(deadline: nil, generation: 0))
    fold.expectSnapshot()
    try fold.apply(fold.instance("a", hash: 5, deadline: nil, life: .ended, replaces: next.place))
    #expect(fold.reader.open.isEmpty)
    #expect(fold.reader.states.count == 1)
    fold.expectSnapshot()
  }

  @Test func `keys that share a hash have deadlines of their own, in one commit too`() throws {
    var fold = try Fold()
    let commit = try fold.apply(
      fold.instance("a", hash: 5, deadline: 100, shares: true),
      fold.instance("b", hash: 5, deadline: 200, twin: 1, shares: true))
    let (a, b) = (
      InstancePlace(keyHash: 5, commit: commit, twin: 0), InstancePlace(keyHash: 5, commit: commit, twin: 1)
    )
    #expect(fold.reader.open[a]?.deadline == 100)
    #expect(fold.reader.open[b]?.deadline == 200)
    fold.expectSnapshot()
    try fold.apply(fold.instance("a", hash: 5, deadline: nil, life: .ended, replaces: a.place, shares: true))
    #expect(fold.reader.open[a] == nil)
    #expect(fold.reader.open[b]?.deadline == 200)
    fold.expectSnapshot()
  }

  @Test func `a deadline whose call is given up does not come again, unless its dead letter is retried`() throws {
    for how in [ResolvedRecord.How.skipped, .discarded, .retried] {
      var fold = try Fold()
      let opened = try fold.apply(fold.instance("a", hash: 5, deadline: 100))
      let place = InstancePlace(keyHash: 5, commit: opened, twin: 0)
      let failed = try fold.apply(fold.failed(place, .deadAndBlocking))
      #expect(fold.reader.open[place]?.deadline == 100)
      fold.expectSnapshot()
      let letter = LetterID(commit: failed, index: 0)
      try fold.apply { ResolvedRecord(how, reader: 1, letters: [letter], by: "ops").encode(into: &$0) }
      #expect(fold.reader.open[place]?.deadline == (how == .retried ? 100 : nil))
      #expect(fold.reader.open.withoutDeadline == (how == .retried ? [] : [place]))
      fold.expectSnapshot()
      if how == .skipped {
        try fold.apply { ResolvedRecord(.retried, reader: 1, letters: [letter], by: "ops").encode(into: &$0) }
        #expect(fold.reader.open[place]?.deadline == 100)
      }
      try fold.apply(fold.instance("a", hash: 5, deadline: nil, life: .ended, replaces: place.place))
      #expect(fold.reader.open == OpenInstances())
    }
  }

  @Test func `what goes on by itself leaves its deadline behind`() throws {
    var fold = try Fold()
    let opened = try fold.apply(fold.instance("a", hash: 5, deadline: 100))
    let place = InstancePlace(keyHash: 5, commit: opened, twin: 0)
    try fold.apply(fold.failed(place, .deadAndSkipped))
    #expect(fold.reader.open[place]?.deadline == nil)
    fold.expectSnapshot()
  }

  @Test func `a reader that begins anew has no instances`() throws {
    var fold = try Fold()
    try fold.apply(fold.instance("a", hash: 5, deadline: 100))
    var change = ReaderChange(.rewound, reader: 1)
    change.cursor = 0
    try fold.apply { change.encode(into: &$0) }
    #expect(fold.reader.open == OpenInstances())
    #expect(fold.reader.states.isEmpty)
  }

  @Test func `wakes come in the order of their deadlines, before the clock, and wait for their keys`() {
    var queue = WakeQueue()
    func wake(_ deadline: Int64, _ hash: UInt64 = 1) -> Wake {
      Wake(deadline: deadline, place: InstancePlace(keyHash: hash, place: UInt64(deadline)))
    }
    for deadline in [30, 10, 20] as [Int64] { queue.put(wake(deadline)) }
    #expect(queue.next == 10)
    #expect(queue.take(before: 10) == nil)
    #expect(queue.take(before: 11) == wake(10))
    queue.park(wake(10))
    #expect(queue.take(before: 25) == wake(20))
    #expect(queue.take(before: 25) == nil)
    queue.unpark(2)
    #expect(queue.take(before: 25) == nil)
    queue.unpark(1)
    #expect(queue.take(before: 25) == wake(10))
    queue.put(Wake(deadline: 99, place: InstancePlace(keyHash: 9, place: 9), reason: .asked))
    #expect(queue.next == .min)
    #expect(queue.take(before: 0)?.reason == .asked)
  }
}
