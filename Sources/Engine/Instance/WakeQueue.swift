import DequeModule
import HeapModule

/// Why an instance is called although no event has come.
package enum WakeReason: Int32, Sendable {
  /// Its deadline has passed.
  case deadline = 0
  /// Somebody wants it to be looked at.
  case asked = 1
}

/// A call of an instance that is to come.
struct Wake: Comparable, Hashable {
  /// µs since 1970.
  var deadline: Int64
  /// The record that the instance is at; once it is at another, the wake means nothing.
  var place: InstancePlace
  var reason = WakeReason.deadline

  /// A total order, so that a turn that is taken again does the same in the same order.
  static func < (left: Wake, right: Wake) -> Bool {
    left.deadline != right.deadline ? left.deadline < right.deadline : left.place < right.place
  }
}

/// The wakes of one reader, soonest first. Made anew from the open instances at a start, and no loss in a crash. What has
/// become meaningless is found out when its time comes, or when it is the larger part.
struct WakeQueue {
  private var heap = Heap<Wake>()
  /// Instances that were asked to be looked at.
  private var asked: Deque<Wake> = []
  /// Wakes of keys that are blocked, by the hash of the key.
  private var parked: [UInt64: [Wake]] = [:]
  /// After a fault that is not a script's: none before this time (µs).
  var notBefore: Int64 = 0

  /// The soonest deadline, which may be meaningless by now; `.min` when somebody has asked.
  var next: Int64? { asked.isEmpty ? heap.min?.deadline : .min }
  var count: Int { heap.count + asked.count }

  mutating func put(_ wake: Wake) {
    if wake.reason == .deadline { heap.insert(wake) } else { asked.append(wake) }
  }

  /// A wake whose time is before `clock`.
  mutating func take(before clock: Int64) -> Wake? {
    if let first = asked.popFirst() { return first }
    guard let first = heap.min, first.deadline < clock else { return nil }
    return heap.removeMin()
  }

  mutating func park(_ wake: Wake) { parked[wake.place.keyHash, default: []].append(wake) }

  /// The keys of this hash are free.
  mutating func unpark(_ keyHash: UInt64) {
    guard !parked.isEmpty, let wakes = parked.removeValue(forKey: keyHash) else { return }
    for wake in wakes { put(wake) }
  }

  mutating func rebuild(from open: OpenInstances) {
    let asked = asked.filter { open[$0.place] != nil }
    let known = Set(parked.values.joined())
    self = WakeQueue()
    self.asked = Deque(asked)
    heap = Heap(
      open.all.compactMap { place, instance in instance.deadline.map { Wake(deadline: $0, place: place) } })
    // Those of keys that are still blocked are parked again when their time comes.
    for wake in known where wake.reason != .deadline && open[wake.place] != nil { put(wake) }
  }
}
