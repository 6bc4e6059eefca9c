internal import Platform
internal import Synchronization

/// Numbers that look random and come from a seed (SplitMix64): the same seed, the same test.
package struct Seed: RandomNumberGenerator, Sendable {
  private var state: UInt64

  package init(_ seed: UInt64) { state = seed }

  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  package mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }

  /// True once in `n` times.
  package mutating func oneIn(_ n: Int) -> Bool { below(n) == 0 }
}

/// Randomness from a seed.
package final class SeededRandomness: Randomness {
  private let seed: Mutex<Seed>

  package init(_ seed: UInt64) { self.seed = Mutex(Seed(seed)) }

  package func next() -> UInt64 { seed.withLock { $0.next() } }
}
