package import Events
import HeapModule

/// The timers that have not fired: a fold of `timer` entries and `fired` records.
///
/// Sixteen bytes each, and some forty more for one with a name; what they will emit stays in the log. One that is replaced
/// or cancelled leaves the heap when it comes first, or when half of the heap is of that kind.
package struct PendingTimers: Sendable {
  private var heap = TimerHeap()
  /// Where the timer of each name stands.
  private var named: [TimerName: UInt64] = [:]
  /// Positions in the heap that do not count any more; never the first one there.
  private var gone: Set<UInt64> = []

  /// Fewer than this many are not worth a new heap.
  private static let fewGone = 1024

  package init() {}

  package var count: Int { heap.count - gone.count }
  /// Those in memory, whether they count or not.
  var memoryPlaces: Int { heap.count }
  package var isEmpty: Bool { count == 0 }

  /// The one that is due next.
  package var first: TimerPlace? { heap.first }

  package func position(of name: TimerName) -> UInt64? { named[name] }

  mutating func apply(_ timer: EntryView, at position: UInt64) {
    let name = TimerName(timer.timerScope)
    if let due = timer.due {
      heap.insert(TimerPlace(due: due, position: position))
      if let name, let old = named.updateValue(position, forKey: name) { drop(old) }
    } else if let name, let old = named.removeValue(forKey: name) {
      drop(old)
    }
  }

  /// False when they are not the timers that are due next, in their order: the engine fires no others.
  mutating func apply(_ record: FiredRecord) -> Bool {
    for timer in record.timers {
      guard heap.first?.position == timer.position else { return false }
      heap.removeFirst()
      if let name = timer.name, named[name] == timer.position { named[name] = nil }
      settle()
    }
    return true
  }

  private mutating func drop(_ position: UInt64) {
    gone.insert(position)
    settle()
    guard gone.count > Self.fewGone, gone.count > heap.count / 2 else { return }
    heap = TimerHeap(heap.places.filter { !gone.contains($0.position) })
    gone = []
  }

  private mutating func settle() {
    while !gone.isEmpty, let first = heap.first, gone.remove(first.position) != nil { heap.removeFirst() }
  }

  // MARK: looking

  /// The timers in the order in which they fire, until `body` returns false.
  package func forEachInOrder(_ body: (TimerPlace) -> Bool) {
    heap.forEachInOrder { gone.contains($0.position) || body($0) }
  }

  /// The first `limit` timers behind `after` that stand at `through` or before. Looks at all of them once.
  package func page(after: TimerPlace?, through: UInt64, limit: Int) -> [TimerPlace] {
    var chosen = Heap<TimerPlace>()
    for place in heap.places {
      if let after, place <= after { continue }
      if chosen.count == limit, let last = chosen.max, last < place { continue }
      guard place.position <= through, !gone.contains(place.position) else { continue }
      chosen.insert(place)
      if chosen.count > limit { chosen.removeMax() }
    }
    return chosen.unordered.sorted()
  }

  private var sorted: ContiguousArray<TimerPlace> {
    ContiguousArray(heap.places.lazy.filter { !gone.contains($0.position) }.sorted())
  }
}

extension PendingTimers: Equatable {
  /// Whether the same timers are pending, whatever has become of others.
  package static func == (left: PendingTimers, right: PendingTimers) -> Bool {
    left.count == right.count && left.named == right.named && left.sorted == right.sorted
  }
}

extension PendingTimers {
  /// In their order, and the names in theirs, so that equal timers give equal bytes.
  func encode(into writer: inout ByteWriter) {
    writer.field(1) { writer in
      for place in sorted {
        writer.append(place.due)
        writer.append(place.position)
      }
    }
    writer.field(2) { writer in
      for (name, position) in named.sorted(by: { $0.key < $1.key }) {
        writer.append(name.high)
        writer.append(name.low)
        writer.append(position)
      }
    }
  }

  /// Nil when the fields are not what `encode` writes.
  init?(snapshot fields: FieldReader) {
    for field in fields {
      guard let base = field.value.baseAddress else { continue }
      switch field.tag {
      case 1:
        guard field.value.count % 16 == 0, heap.count == 0 else { return nil }
        var places: ContiguousArray<TimerPlace> = []
        places.reserveCapacity(field.value.count / 16)
        for offset in stride(from: 0, to: field.value.count, by: 16) {
          let due = Int64(bitPattern: base.integer(UInt64.self, at: offset))
          let place = TimerPlace(due: due, position: base.integer(UInt64.self, at: offset + 8))
          if let last = places.last, last >= place { return nil }
          places.append(place)
        }
        heap = TimerHeap(places)
      case 2:
        guard field.value.count % 24 == 0, named.isEmpty else { return nil }
        named.reserveCapacity(field.value.count / 24)
        for offset in stride(from: 0, to: field.value.count, by: 24) {
          let name = TimerName(
            high: base.integer(UInt64.self, at: offset), low: base.integer(UInt64.self, at: offset + 8))
          named[name] = base.integer(UInt64.self, at: offset + 16)
        }
        guard named.count == field.value.count / 24 else { return nil }
      default: return nil
      }
    }
    guard named.count <= heap.count else { return nil }
  }
}
