package import Events

/// Hash → position, several positions for one hash allowed: 16 bytes a slot, open addressing with linear probing.
///
/// Split into 256 tables by the top bits, so that growing never moves more than a few thousand hashes at once: it
/// happens on the engine's thread.
package struct IdentityMap: Sendable {
  private var tables = ContiguousArray<Table>(repeating: Table(), count: 256)

  package init() {}

  package func contains(_ hash: UInt64) -> Bool { tables[Int(hash >> 56)].contains(hash) }

  package func forEach(_ hash: UInt64, _ body: (Position) -> Void) { tables[Int(hash >> 56)].forEach(hash, body) }

  package mutating func insert(_ hash: UInt64, _ position: Position) {
    tables[Int(hash >> 56)].insert(hash, position.rawValue)
  }

  package mutating func remove(_ hash: UInt64, _ position: Position) {
    tables[Int(hash >> 56)].remove(hash, position.rawValue)
  }

  private struct Table: Sendable {
    /// Hash 0: the slot is free.
    private var slots: ContiguousArray<(hash: UInt64, position: UInt64)> = []
    private var used = 0

    private var mask: Int { slots.count - 1 }

    func contains(_ hash: UInt64) -> Bool {
      if slots.isEmpty { return false }
      var at = Int(truncatingIfNeeded: hash) & mask
      while slots[at].hash != 0 {
        if slots[at].hash == hash { return true }
        at = (at + 1) & mask
      }
      return false
    }

    func forEach(_ hash: UInt64, _ body: (Position) -> Void) {
      if slots.isEmpty { return }
      var at = Int(truncatingIfNeeded: hash) & mask
      while slots[at].hash != 0 {
        if slots[at].hash == hash { body(Position(slots[at].position)) }
        at = (at + 1) & mask
      }
    }

    mutating func insert(_ hash: UInt64, _ position: UInt64) {
      if (used + 1) * 4 > slots.count * 3 { grow() }
      var at = Int(truncatingIfNeeded: hash) & mask
      while slots[at].hash != 0 { at = (at + 1) & mask }
      slots[at] = (hash, position)
      used += 1
    }

    private mutating func grow() {
      let old = slots
      slots = ContiguousArray(repeating: (0, 0), count: max(old.count * 2, 16))
      used = 0
      for slot in old where slot.hash != 0 { insert(slot.hash, slot.position) }
    }

    /// Takes a slot out and moves up those behind it that would not be found any more.
    mutating func remove(_ hash: UInt64, _ position: UInt64) {
      if slots.isEmpty { return }
      var at = Int(truncatingIfNeeded: hash) & mask
      while slots[at] != (hash, position) {
        if slots[at].hash == 0 { return }
        at = (at + 1) & mask
      }
      var hole = at
      at = (at + 1) & mask
      while slots[at].hash != 0 {
        let home = Int(truncatingIfNeeded: slots[at].hash) & mask
        // Whether `home` lies cyclically outside (hole, at], so that the slot may move to the hole.
        if (at - home) & mask >= (at - hole) & mask {
          slots[hole] = slots[at]
          hole = at
        }
        at = (at + 1) & mask
      }
      slots[hole] = (0, 0)
      used -= 1
    }
  }
}
