import Algorithms

/// The open instances of a process in the order of their records, those that have moved last at the end. Twenty-four bytes
/// each, and as many again for what has gone before the gaps are closed.
struct InstanceOrder: Sendable {
  struct Element: Sendable {
    /// `InstancePlace.place`, then the hash of the key: in this order.
    var place: UInt64
    var keyHash: UInt64
    /// 0: a gap.
    var generation: UInt32

    func isBefore(_ other: InstancePlace) -> Bool { (place, keyHash) < (other.place, other.keyHash) }
  }

  private(set) var elements: ContiguousArray<Element> = []
  private var gaps = 0

  /// Fewer than this many are not worth moving the others.
  private static let fewGaps = 64

  /// Takes its place: near the end, as later records are in later commits.
  mutating func insert(_ place: InstancePlace, generation: UInt32) {
    let element = Element(place: place.place, keyHash: place.keyHash, generation: generation)
    guard let last = elements.last, !last.isBefore(place) else { return elements.append(element) }
    elements.insert(element, at: firstIndex(notBefore: place))
  }

  mutating func remove(_ place: InstancePlace) {
    let index = firstIndex(notBefore: place)
    guard index < elements.count, elements[index].place == place.place, elements[index].keyHash == place.keyHash
    else { return }
    elements[index].generation = 0
    gaps += 1
    guard gaps > Self.fewGaps, gaps > elements.count / 2 else { return }
    elements.removeAll { $0.generation == 0 }
    gaps = 0
  }

  /// Of the first element that is not before `place`, gap or not.
  func firstIndex(notBefore place: InstancePlace) -> Int {
    elements.partitioningIndex { !$0.isBefore(place) }
  }
}
