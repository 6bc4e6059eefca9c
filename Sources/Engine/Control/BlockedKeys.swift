package import DequeModule
import Events

/// The blocked keys of a reader, with what hangs on all of them counted.
package struct BlockedKeys: Equatable, Sendable {
  private var keys: [KeyBytes: BlockedKey] = [:]
  /// Units that wait, those at the head of their key's queue included.
  package private(set) var unitCount = 0
  /// Keys whose head is a dead letter.
  package private(set) var deadCount = 0

  package init() {}

  package var count: Int { keys.count }
  package var isEmpty: Bool { keys.isEmpty }

  package subscript(key: KeyBytes) -> BlockedKey? { keys[key] }

  /// In no order.
  package var all: Dictionary<KeyBytes, BlockedKey>.Keys { keys.keys }

  /// By the bytes of their keys, so that equal states give equal bytes.
  package var sorted: [(key: KeyBytes, value: BlockedKey)] {
    keys.sorted { $0.key.bytes.lexicographicallyPrecedes($1.key.bytes) }
  }

  /// Changes a key in place; one that is not blocked comes with an empty queue, and one whose queue ends up empty is free.
  package mutating func update(_ key: KeyBytes, _ change: (inout BlockedKey) -> Void) {
    let isEmpty = Self.change(&keys[key, default: BlockedKey(queue: [])], change, &unitCount, &deadCount)
    if isEmpty { keys[key] = nil }
  }

  private static func change(
    _ state: inout BlockedKey, _ change: (inout BlockedKey) -> Void, _ unitCount: inout Int, _ deadCount: inout Int
  ) -> Bool {
    let (units, wasDead) = (state.queue.count, state.isDead)
    change(&state)
    unitCount += state.queue.count - units
    deadCount += (state.isDead && !state.queue.isEmpty ? 1 : 0) - (wasDead ? 1 : 0)
    return state.queue.isEmpty
  }
}

/// A key whose head failed. Its followers queue behind it without being run. A queued unit costs the eight bytes of its
/// position; what is known of the head's failures stays in the log.
package struct BlockedKey: Equatable, Sendable {
  /// Positions in order; the first is the one that failed.
  package var queue: Deque<UInt64>
  /// Calls of the head that failed so far. 0: not yet called (a follower that came to the front, or a host fault).
  package var attempt: UInt32
  /// The head is a dead letter and waits for an operator.
  package var isDead: Bool
  /// When the head is called again, µs since 1970.
  package var nextTry: Int64
  /// The last failure of the head; nil: none.
  package var failure: LetterID?

  package init(
    queue: Deque<UInt64>, attempt: UInt32 = 0, nextTry: Int64 = 0, isDead: Bool = false, failure: LetterID? = nil
  ) {
    self.queue = queue
    self.attempt = attempt
    self.nextTry = nextTry
    self.isDead = isDead
    self.failure = failure
  }

  /// Adds a unit in log order. One that comes late goes before the later ones, but never before a head that was
  /// called already. `failure`: its own last one.
  mutating func enqueue(_ position: UInt64, failure: LetterID? = nil) {
    var index = queue.count
    let fixed = attempt > 0 || isDead ? 1 : 0
    while index > fixed, queue[index - 1] > position { index -= 1 }
    queue.insert(position, at: index)
    if index == 0 { self.failure = failure }
  }

  /// The head goes; the next one is due at once.
  mutating func removeHead() {
    queue.removeFirst()
    headChanged()
  }

  /// Takes units out that are done. A head that stays is as it was.
  mutating func remove(_ positions: [UInt64]) {
    let head = queue.first
    for position in positions {
      if queue.first == position {
        queue.removeFirst()
      } else if let index = queue.firstIndex(of: position) {
        queue.remove(at: index)
      }
    }
    if queue.first != head { headChanged() }
  }

  /// Drops every unit after `cursor`; true when the head was among them.
  mutating func drop(after cursor: UInt64) -> Bool {
    let head = queue.first
    queue.removeAll { $0 > cursor }
    if queue.first == head { return false }
    headChanged()
    return true
  }

  /// The head is called as if it never had been.
  mutating func beginAnew() {
    attempt = 0
    nextTry = 0
  }

  private mutating func headChanged() {
    beginAnew()
    isDead = false
    failure = nil
  }
}

/// What a change of a blocked key is noticed by, without holding on to its queue.
struct BlockedSummary: Equatable {
  var isBlocked: Bool
  var isDead: Bool
  var nextTry: Int64

  init(_ state: BlockedKey?) {
    isBlocked = state != nil
    isDead = state?.isDead ?? false
    nextTry = state?.nextTry ?? 0
  }
}
