/// The entries of a chunk, strung together by type: whoever hears some of the types steps over the others. Made once for
/// all readers of the chunk, from the places alone.
package struct TypeStrands: Sendable {
  /// A type's hash and the ordinal of its first entry. That two types share a hash, or two kinds of entries a type, is for
  /// the reader to notice.
  package struct Strand: Sendable {
    package let typeHash: UInt64
    package let first: UInt32
    fileprivate(set) var last: UInt32
  }

  /// The end of a strand.
  package static let none = UInt32.max
  /// Chunks with more types are looked through entry by entry.
  private static let mostTypes = 64
  /// Shorter chunks are looked through as fast.
  private static let fewestEntries = 16

  package private(set) var strands: [Strand] = []
  /// For each entry the next one of its type.
  package private(set) var next: ContiguousArray<UInt32>

  /// Nil when there is nothing to be won.
  init?(_ places: ContiguousArray<EntryPlace>) {
    if places.count < Self.fewestEntries { return nil }
    next = ContiguousArray(repeating: Self.none, count: places.count)
    // Twice as many slots as types, so that a free one ends every search.
    var slots = [Int8](repeating: -1, count: Self.mostTypes * 2)
    for (ordinal, place) in places.enumerated() {
      var slot = Int(truncatingIfNeeded: place.typeHash) & (slots.count - 1)
      while slots[slot] >= 0, strands[Int(slots[slot])].typeHash != place.typeHash {
        slot = (slot + 1) & (slots.count - 1)
      }
      if slots[slot] < 0 {
        if strands.count == Self.mostTypes { return nil }
        slots[slot] = Int8(strands.count)
        strands.append(Strand(typeHash: place.typeHash, first: UInt32(ordinal), last: UInt32(ordinal)))
      } else {
        let number = Int(slots[slot])
        next[Int(strands[number].last)] = UInt32(ordinal)
        strands[number].last = UInt32(ordinal)
      }
    }
  }

  var footprint: Int {
    next.capacity * MemoryLayout<UInt32>.stride + strands.capacity * MemoryLayout<Strand>.stride
  }
}
