import Algorithms
import Events

/// A unit that was given up.
package struct DeadLetter: Equatable, Sendable {
  package var id: LetterID
  package var position: UInt64
  package var key: KeyBytes
  /// Its followers wait; else they went on.
  package var isBlocking: Bool
  /// What failed is the call of this instance at its deadline.
  package var wake: InstancePlace?

  package init(id: LetterID, position: UInt64, key: KeyBytes, isBlocking: Bool, wake: InstancePlace? = nil) {
    (self.id, self.position, self.key, self.isBlocking, self.wake) = (id, position, key, isBlocking, wake)
  }
}

/// The open dead letters of a reader, by id. Units are given up in log order, so a new one goes to the end; what is
/// resolved leaves a gap, and the gaps are closed when they are the larger part.
package struct DeadLetters: Equatable, Sendable {
  private var places: ContiguousArray<DeadLetter?> = []
  /// Ids of all places, gaps too: what searching goes by.
  private var ids: ContiguousArray<LetterID> = []
  package private(set) var count = 0

  package init() {}

  package var isEmpty: Bool { count == 0 }

  /// Letters whose followers went on.
  var skippedCount: Int {
    places.lazy.compactMap { $0 }.count { !$0.isBlocking }
  }

  package subscript(id: LetterID) -> DeadLetter? {
    let index = firstIndex(notBefore: id)
    return index < ids.count && ids[index] == id ? places[index] : nil
  }

  /// The letters after `id` in order, from the first when it is nil, until `body` returns false.
  package func forEach(after id: LetterID? = nil, _ body: (DeadLetter) -> Bool) {
    var index = id.map { firstIndex(notBefore: $0) } ?? 0
    if index < ids.count, ids[index] == id { index += 1 }
    while index < places.count {
      if let letter = places[index], !body(letter) { return }
      index += 1
    }
  }

  /// False, and nothing changes, when it does not come after all others.
  mutating func appendIfLater(_ letter: DeadLetter) -> Bool {
    if let last = ids.last, last >= letter.id { return false }
    ids.append(letter.id)
    places.append(letter)
    count += 1
    return true
  }

  /// Its followers go on; it stays in the list.
  mutating func stopBlocking(_ id: LetterID) {
    let index = firstIndex(notBefore: id)
    if index < ids.count, ids[index] == id { places[index]?.isBlocking = false }
  }

  mutating func remove(_ id: LetterID) {
    let index = firstIndex(notBefore: id)
    guard index < ids.count, ids[index] == id, places[index] != nil else { return }
    places[index] = nil
    count -= 1
    closeGaps()
  }

  mutating func removeAll(where isGone: (DeadLetter) -> Bool) {
    for index in places.indices {
      guard let letter = places[index], isGone(letter) else { continue }
      places[index] = nil
      count -= 1
    }
    closeGaps()
  }

  private mutating func closeGaps() {
    guard places.count > 16, places.count > 2 * count else { return }
    let kept = places.compactMap { $0 }
    places = ContiguousArray(kept)
    ids = ContiguousArray(kept.map(\.id))
  }

  private func firstIndex(notBefore id: LetterID) -> Int { ids.partitioningIndex { $0 >= id } }

  package static func == (left: DeadLetters, right: DeadLetters) -> Bool {
    left.count == right.count && left.places.lazy.compactMap { $0 }.elementsEqual(right.places.lazy.compactMap { $0 })
  }
}
