import Platform
import TestKit

/// The clock as a worker sees it: each look may take time, so that its slices end in the middle.
///
/// `@unchecked Sendable`: a run has one thread.
final class WorkerClock: HostClock, @unchecked Sendable {
  private let clock: ManualClock
  private var seed: Seed
  private var spent: UInt64 = 0
  /// What a look costs at most, in µs.
  var slowness = 0

  init(_ clock: ManualClock, _ seed: Seed) {
    self.clock = clock
    self.seed = seed
  }

  func wallMicroseconds() -> Int64 { clock.wallMicroseconds() }

  func monotonicNanoseconds() -> UInt64 {
    if slowness > 0 { spent += UInt64(seed.below(slowness + 1)) * 1000 }
    return clock.monotonicNanoseconds() + spent
  }
}
