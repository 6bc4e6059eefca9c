import Events
import TestKit
import Testing

@testable import Engine

/// The fold of timers against a plain list.
@Suite struct PendingTimersTests {
  private struct Model {
    struct Timer: Equatable {
      var place: TimerPlace
      var id: Int?
    }
    var timers: [Timer] = []
    var next: TimerPlace? { timers.map(\.place).min() }
  }

  /// The entry lives as long as the call of `body`.
  private static func withEntry<Result>(due: Int64?, id: Int?, _ body: (EntryView) -> Result) -> Result {
    let (batch, timer) = (EntryBatch(hash: StableHash(seed: 1)), EntryBatch(hash: StableHash(seed: 1)))
    batch.add("Go", "s", json: Array("{}".utf8))
    let id = id.map { Array("id-\($0)".utf8) }
    Array("T".utf8).withUnsafeBytes { type in
      func add(_ id: UnsafeRawBufferPointer?) {
        let scope = TimerScope(reader: 1, key: type, id: id)
        let cause = batch.entry(0)
        if let due {
          timer.addTimer(due: due, now: 0, scope: scope, type: type, subject: type, data: type, cause: cause, at: 1)
        } else {
          timer.addTimerEnd(scope: scope, cause: cause, at: 1)
        }
      }
      if let id { id.withUnsafeBytes { add($0) } } else { add(nil) }
    }
    return withExtendedLifetime((batch, timer)) { body(timer.entry(0)) }
  }

  private static func apply(due: Int64?, id: Int?, at position: UInt64, to timers: inout PendingTimers) {
    withEntry(due: due, id: id) { timers.apply($0, at: position) }
  }

  private static func name(_ id: Int) -> TimerName? {
    withEntry(due: nil, id: id) { TimerName($0.timerScope) }
  }

  @Test(arguments: 1...40)
  func `what is pending is what was set and has not been replaced, cancelled or fired`(number: UInt64) throws {
    var seed = Seed(number)
    var (timers, model) = (PendingTimers(), Model())
    let ids = [1, 5, 300, 5000][seed.below(4)]
    let weights = (set: 1 + seed.below(10), cancel: seed.below(8), fire: seed.below(6))
    for position in 1...UInt64(3000) {
      switch seed.below(weights.set + weights.cancel + weights.fire) {
      case ..<weights.set:
        let due = Int64(seed.below(500)) - 100
        let id = seed.oneIn(3) ? nil : seed.below(ids)
        Self.apply(due: due, id: id, at: position, to: &timers)
        if id != nil { model.timers.removeAll { $0.id == id } }
        model.timers.append(Model.Timer(place: TimerPlace(due: due, position: position), id: id))
      case ..<(weights.set + weights.cancel):
        let id = seed.below(ids)
        Self.apply(due: nil, id: id, at: position, to: &timers)
        model.timers.removeAll { $0.id == id }
      default:
        guard let next = model.next, let timer = model.timers.first(where: { $0.place == next }) else { continue }
        let record = FiredRecord([.init(position: next.position, name: timer.id.flatMap(Self.name))])
        var writer = ByteWriter()
        record.encode(into: &writer)
        #expect(FiredRecord(FieldReader(record: writer.bytes)) == record)
        let fired = timers.apply(record)
        #expect(fired)
        model.timers.removeAll { $0 == timer }
      }
      #expect(timers.count == model.timers.count && timers.first == model.next)
    }
    let sorted = model.timers.map(\.place).sorted()
    var inOrder: [TimerPlace] = []
    timers.forEachInOrder {
      inOrder.append($0); return true
    }
    #expect(inOrder == sorted)
    #expect(timers.page(after: nil, through: .max, limit: 10) == Array(sorted.prefix(10)))
    if sorted.count > 20 {
      #expect(timers.page(after: sorted[9], through: .max, limit: 10) == Array(sorted[10..<20]))
      #expect(
        timers.page(after: nil, through: sorted[5].position, limit: 10).allSatisfy { $0.position <= sorted[5].position }
      )
    }
    var writer = ByteWriter()
    timers.encode(into: &writer)
    let again = try #require(PendingTimers(snapshot: FieldReader(writer.bytes)))
    #expect(again == timers)
    var other = ByteWriter()
    again.encode(into: &other)
    #expect(other.bytes.elementsEqual(writer.bytes))
  }

  @Test func `a timer that is not the next one does not fire`() {
    var timers = PendingTimers()
    Self.apply(due: 2, id: nil, at: 1, to: &timers)
    Self.apply(due: 1, id: nil, at: 2, to: &timers)
    let early = timers.apply(FiredRecord([.init(position: 1, name: nil)]))
    #expect(!early)
    let next = timers.apply(FiredRecord([.init(position: 2, name: nil)]))
    #expect(next)
    let again = timers.apply(FiredRecord([.init(position: 2, name: nil)]))
    #expect(!again)
  }

  @Test func `timers that were replaced do not stay in memory`() {
    var timers = PendingTimers()
    for position in 1...UInt64(3000) {
      Self.apply(due: Int64(position), id: 7, at: position, to: &timers)
    }
    #expect(timers.count == 1 && timers.memoryPlaces <= 2200)
  }
}
