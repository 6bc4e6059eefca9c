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
  /// Chunks with more types are looked through entry by entry; and those with more than a quarter as many types as
  /// entries, since each reader asks for every type whether it hears that.
  private static let mostTypes = 256
  /// Shorter chunks are looked through as fast.
  private static let fewestEntries = 16

  package private(set) var strands: [Strand] = []
  /// For each entry the next one of its type.
  package private(set) var next: ContiguousArray<UInt32>
  /// The strands' numbers, in slots by their types' hashes; -1: free. At least twice as many slots as strands, a power of
  /// two, so that a free one ends every search.
  private let slots: [Int16]

  /// Nil when there is nothing to be won.
  init?(_ places: ContiguousArray<EntryPlace>) {
    if places.count < Self.fewestEntries { return nil }
    next = ContiguousArray(repeating: Self.none, count: places.count)
    let mostTypes = min(Self.mostTypes, max(Self.fewestEntries, places.count / 4))
    var slots = [Int16](repeating: -1, count: 1 << (Int.bitWidth - (mostTypes * 2 - 1).leadingZeroBitCount))
    for (ordinal, place) in places.enumerated() {
      let slot = Self.slot(ofType: place.typeHash, slots, strands)
      if slots[slot] < 0 {
        if strands.count == mostTypes { return nil }
        slots[slot] = Int16(strands.count)
        strands.append(Strand(typeHash: place.typeHash, first: UInt32(ordinal), last: UInt32(ordinal)))
      } else {
        let number = Int(slots[slot])
        next[Int(strands[number].last)] = UInt32(ordinal)
        strands[number].last = UInt32(ordinal)
      }
    }
    self.slots = slots
  }

  /// Of the entries whose types have this hash; nil: there are none.
  package func strand(ofType hash: UInt64) -> Strand? {
    let number = slots[Self.slot(ofType: hash, slots, strands)]
    return number < 0 ? nil : strands[Int(number)]
  }

  /// The slot of a type's strand, or the free one where it would be.
  @inline(__always)
  private static func slot(ofType hash: UInt64, _ slots: [Int16], _ strands: [Strand]) -> Int {
    var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
    while slots[slot] >= 0, strands[Int(slots[slot])].typeHash != hash { slot = (slot + 1) & (slots.count - 1) }
    return slot
  }

  var footprint: Int {
    next.capacity * MemoryLayout<UInt32>.stride + strands.capacity * MemoryLayout<Strand>.stride
      + slots.capacity * MemoryLayout<Int16>.stride
  }
}
