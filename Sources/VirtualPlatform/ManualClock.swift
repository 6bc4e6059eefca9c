internal import Platform
internal import Synchronization

/// A clock that stands until a test moves it, unless it goes on by itself whenever it is looked at.
package final class ManualClock: HostClock {
  private let times: Mutex<(wall: Int64, monotonic: UInt64)>
  private let step: UInt64

  /// - wall: µs since 1970; by default some day in 2024.
  package init(wall: Int64 = 1_720_000_000_000_000, monotonic: UInt64 = 1_000_000_000) {
    times = Mutex((wall, monotonic))
    step = 0
  }

  /// The monotonic clock goes on by so many nanoseconds whenever somebody looks at it.
  package init(step: UInt64) {
    times = Mutex((1_720_000_000_000_000, 1_000_000_000))
    self.step = step
  }

  package func wallMicroseconds() -> Int64 { times.withLock { $0.wall } }
  package func monotonicNanoseconds() -> UInt64 {
    times.withLock { times in
      times.monotonic += step
      return times.monotonic
    }
  }

  /// Both clocks go on.
  package func advance(microseconds: Int64) {
    times.withLock { times in
      times.wall += microseconds
      times.monotonic += UInt64(microseconds) * 1000
    }
  }

  /// The wall clock jumps; the monotonic clock does not notice.
  package func jump(microseconds: Int64) { times.withLock { $0.wall += microseconds } }
}
