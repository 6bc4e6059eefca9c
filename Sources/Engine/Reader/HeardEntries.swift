import Events
import LogStorage

/// The entries of a chunk that a reader hears, in the order of the log.
struct HeardEntries {
  private let chunk: LogChunk
  private let first: UInt64
  private let kind: UInt8
  /// Of the types that are heard: where each strand goes on, and its handler. Nil: entry by entry.
  private var strands: ContiguousArray<(next: UInt32, handler: Int32)>?
  /// Everything in the chunk up to here has been looked at.
  private(set) var through: UInt64

  /// - through: what lies up to there has been looked at before. - budget: how many entries may still be looked at.
  init(
    _ chunk: LogChunk, after through: UInt64, kind: RecordKind, _ hearing: inout HearingTable, _ budget: inout Int
  ) {
    self.chunk = chunk
    self.through = through
    self.kind = kind.rawValue
    first = chunk.firstPosition.rawValue
    guard let types = chunk.strands else { return }
    strands = []
    if let exact = hearing.exactTypes, exact.count < types.strands.count {
      budget -= exact.count
      for type in exact {
        if let strand = types.strand(ofType: type) { add(strand, of: types, &hearing) }
      }
    } else {
      budget -= types.strands.count
      for strand in types.strands { add(strand, of: types, &hearing) }
    }
  }

  /// Goes on with what is left of a strand, if it is heard.
  private mutating func add(_ strand: TypeStrands.Strand, of types: TypeStrands, _ hearing: inout HearingTable) {
    var next = strand.first
    // Of a kind that this version may skip nothing but the position is known.
    while next != TypeStrands.none, !Self.isEntry(chunk, first + UInt64(next)) { next = types.next[Int(next)] }
    if next == TypeStrands.none { return }
    let handler = hearing.handler(forType: strand.typeHash, of: chunk.entry(Position(first + UInt64(next))))
    if handler < 0 { return }
    while next != TypeStrands.none, first + UInt64(next) <= through { next = types.next[Int(next)] }
    if next != TypeStrands.none { strands!.append((next, handler)) }
  }

  private static func isEntry(_ chunk: LogChunk, _ position: UInt64) -> Bool {
    (1...4).contains(chunk.entry(Position(position)).rawKind)
  }

  /// Whether this is where a reader stands that has looked at everything up to `through`.
  func goesOn(in chunk: LogChunk, after through: UInt64) -> Bool { self.chunk === chunk && self.through == through }

  private var end: UInt64 { first + UInt64(chunk.count) }
  /// Nothing more is heard in the chunk.
  var isAtEnd: Bool { through + 1 >= end }

  /// The next entry; nil at the end of the chunk, and when the budget is used up.
  mutating func next(_ hearing: inout HearingTable, _ budget: inout Int) -> (position: UInt64, handler: Int32)? {
    if strands == nil { return nextOfAll(&hearing, &budget) }
    guard let strand = nextStrand(&budget) else { return nil }
    let (ordinal, handler) = strands![strand]
    strands![strand].next = chunk.strands!.next[Int(ordinal)]
    through = first + UInt64(ordinal)
    return (through, handler)
  }

  /// Goes on to just before the next entry; false when there is none, or the budget is used up before it.
  mutating func pass(_ hearing: inout HearingTable, _ budget: inout Int) -> Bool {
    if strands == nil {
      guard let next = nextOfAll(&hearing, &budget) else { return false }
      through = next.position - 1
      return true
    }
    guard let strand = nextStrand(&budget) else { return false }
    through = max(through, first + UInt64(strands![strand].next) - 1)
    return true
  }

  private mutating func nextOfAll(
    _ hearing: inout HearingTable, _ budget: inout Int
  ) -> (position: UInt64, handler: Int32)? {
    while through + 1 < end {
      if budget <= 0 { return nil }
      budget -= 1
      through += 1
      let entry = chunk.entry(Position(through))
      if entry.rawKind != kind { continue }
      let handler = hearing.handler(forType: chunk.places[Int(through - first)].typeHash, of: entry)
      if handler >= 0 { return (through, handler) }
    }
    return nil
  }

  /// The strand that the next entry is on.
  private mutating func nextStrand(_ budget: inout Int) -> Int? {
    while budget > 0 {
      var chosen = -1
      for index in strands!.indices where strands![index].next != TypeStrands.none {
        if chosen < 0 || strands![index].next < strands![chosen].next { chosen = index }
      }
      guard chosen >= 0 else {
        through = max(through, end - 1)
        return nil
      }
      budget -= 1
      let ordinal = strands![chosen].next
      if chunk.entry(Position(first + UInt64(ordinal))).rawKind == kind { return chosen }
      // A command and an event may have the same name.
      strands![chosen].next = chunk.strands!.next[Int(ordinal)]
      through = first + UInt64(ordinal)
    }
    return nil
  }
}
