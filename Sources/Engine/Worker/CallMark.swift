import Synchronization

/// Which unit's call a worker is in, for whoever watches it. A call costs the worker two relaxed stores.
package final class CallMark: Sendable {
  /// The low half is the unit's index in its batch + 1, or 0 between calls. The high half counts the calls, so that two
  /// calls of one unit differ.
  private let word = Atomic<UInt64>(0)
  /// Puts the marks of two workers into different cache lines.
  private let distance = SIMD16<UInt64>()

  package init() {}

  /// The worker's thread: a call of `unit` begins.
  func begin(_ unit: Int) {
    let calls = (word.load(ordering: .relaxed) >> 32) &+ 1
    word.store(calls << 32 | UInt64(UInt32(truncatingIfNeeded: unit + 1)), ordering: .relaxed)
  }

  /// The worker's thread: it has come back.
  func end() {
    word.store(word.load(ordering: .relaxed) & ~0xFFFF_FFFF, ordering: .relaxed)
  }

  /// Any thread. Two equal ones are the same call.
  struct Sight: Equatable {
    fileprivate let word: UInt64

    /// The unit whose call is under way; nil between calls.
    var unit: Int? { word & 0xFFFF_FFFF == 0 ? nil : Int(word & 0xFFFF_FFFF) - 1 }
    static let none = Sight(word: 0)
  }

  var now: Sight { Sight(word: word.load(ordering: .relaxed)) }
}
