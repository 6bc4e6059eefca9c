import Events
import Scripts

/// Which handler of a consumer hears a type: a cache over the declaration's patterns, looked up by the hash that every
/// entry carries. The worker confirms the type by its bytes before it calls.
struct HearingTable {
  private struct Slot {
    var hash: UInt64 = 0
    /// -2: empty; -1: not heard.
    var handler: Int32 = -2
  }

  /// Beyond this many types the cache starts anew, so that invented types cannot fill the memory.
  private static let largest = 1 << 14
  private static let mostTypesToLookUp = 16

  /// The hashes of the types that are heard, each once, when all of them are told in full and few enough to look up.
  let exactTypes: [UInt64]?
  private let declaration: ConsumerDeclaration
  /// Of a process: what its instances run on, besides.
  private let older: [ConsumerDeclaration]
  private var slots = [Slot](repeating: Slot(), count: 64)
  private var used = 0

  init(_ declaration: ConsumerDeclaration, older: [ConsumerDeclaration] = [], hash: StableHash) {
    (self.declaration, self.older) = (declaration, older)
    let patterns = Set((older + [declaration]).flatMap { $0.handlers.map(\.pattern) })
    let areExact = patterns.count <= Self.mostTypesToLookUp && !patterns.contains(where: \.isPrefix)
    exactTypes = areExact ? Set(patterns.map { hash($0.text) }).sorted() : nil
  }

  /// The handler's index, or -1.
  mutating func handler(forType hash: UInt64, of entry: EntryView) -> Int32 {
    var index = Int(truncatingIfNeeded: hash) & (slots.count - 1)
    while slots[index].handler != -2 {
      if slots[index].hash == hash { return slots[index].handler }
      index = (index + 1) & (slots.count - 1)
    }
    var handler = Int32(declaration.handler(forType: entry.type) ?? -1)
    if handler < 0, older.contains(where: { $0.handler(forType: entry.type) != nil }) { handler = 0 }
    insert(Slot(hash: hash, handler: handler))
    return handler
  }

  private mutating func insert(_ slot: Slot) {
    if used * 2 >= slots.count {
      let old = slots.count < Self.largest ? slots : []
      slots = [Slot](repeating: Slot(), count: slots.count < Self.largest ? slots.count * 2 : 64)
      used = 0
      for slot in old where slot.handler != -2 { place(slot) }
    }
    place(slot)
  }

  private mutating func place(_ slot: Slot) {
    var index = Int(truncatingIfNeeded: slot.hash) & (slots.count - 1)
    while slots[index].handler != -2 { index = (index + 1) & (slots.count - 1) }
    slots[index] = slot
    used += 1
  }
}
