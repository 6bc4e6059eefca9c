import HeapModule

/// When a timer is due (µs since 1970), and where it stands in the log. In this order timers fire.
package struct TimerPlace: Hashable, Comparable, Sendable {
  package var due: Int64
  package var position: UInt64

  package init(due: Int64, position: UInt64) { (self.due, self.position) = (due, position) }

  package static func < (left: TimerPlace, right: TimerPlace) -> Bool {
    left.due != right.due ? left.due < right.due : left.position < right.position
  }
}

/// A binary heap, 16 bytes a timer. One of our own, since what is due must be looked at in order before it is taken out:
/// the library's heap shows its elements in order only by losing them.
struct TimerHeap: Sendable {
  private(set) var places: ContiguousArray<TimerPlace> = []

  init() {}

  init(_ places: ContiguousArray<TimerPlace>) {
    self.places = places
    for index in (0..<(places.count / 2)).reversed() { sink(index) }
  }

  var count: Int { places.count }
  var first: TimerPlace? { places.first }

  mutating func insert(_ place: TimerPlace) {
    places.append(place)
    var index = places.count - 1
    while index > 0, place < places[(index - 1) / 2] {
      places[index] = places[(index - 1) / 2]
      index = (index - 1) / 2
    }
    places[index] = place
  }

  mutating func removeFirst() {
    guard let last = places.popLast(), !places.isEmpty else { return }
    places[0] = last
    sink(0)
  }

  private mutating func sink(_ start: Int) {
    let place = places[start]
    var index = start
    while true {
      var child = 2 * index + 1
      guard child < places.count else { break }
      if child + 1 < places.count, places[child + 1] < places[child] { child += 1 }
      guard places[child] < place else { break }
      places[index] = places[child]
      index = child
    }
    places[index] = place
  }

  /// The timers in their order, until `body` returns false: k of them take k · log k steps, however many there are.
  func forEachInOrder(_ body: (TimerPlace) -> Bool) {
    guard let first else { return }
    var next: Heap<Candidate> = [Candidate(place: first, index: 0)]
    while let candidate = next.popMin() {
      guard body(candidate.place) else { return }
      for child in [2 * candidate.index + 1, 2 * candidate.index + 2] where child < places.count {
        next.insert(Candidate(place: places[child], index: child))
      }
    }
  }

  private struct Candidate: Comparable {
    var place: TimerPlace
    var index: Int
    static func < (left: Candidate, right: Candidate) -> Bool { left.place < right.place }
  }
}
