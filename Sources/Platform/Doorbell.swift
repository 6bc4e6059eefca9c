#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Wakes one thread. Ringing before the thread waits is not lost; ringing twice wakes once.
/// Several inboxes may share one bell, so that a thread can wait for all of them.
///
/// `@unchecked Sendable`: `rung` is touched under the mutex only; mutex and condition never move.
package final class Doorbell: @unchecked Sendable {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>
  private var rung = false

  package init() {
    mutex = .allocate(capacity: 1)
    condition = .allocate(capacity: 1)
    pthread_mutex_init(mutex, nil)
    #if canImport(Darwin)
      pthread_cond_init(condition, nil)
    #else
      var attributes = pthread_condattr_t()
      pthread_condattr_init(&attributes)
      pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
      pthread_cond_init(condition, &attributes)
      pthread_condattr_destroy(&attributes)
    #endif
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  /// Any thread.
  package func ring() {
    pthread_mutex_lock(mutex)
    let first = !rung
    rung = true
    pthread_mutex_unlock(mutex)
    if first { pthread_cond_signal(condition) }
  }

  /// The one thread that listens: returns when the bell was rung since the last wait, or when `deadline` (of the
  /// system's monotonic clock, in nanoseconds; nil: never) has passed. Returns whether it was rung.
  @discardableResult
  package func wait(until deadline: UInt64? = nil) -> Bool {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while !rung {
      guard let deadline else {
        pthread_cond_wait(condition, mutex)
        continue
      }
      if !waitOnce(until: deadline) { break }
    }
    defer { rung = false }
    return rung
  }

  /// False when `deadline` has passed.
  private func waitOnce(until deadline: UInt64) -> Bool {
    #if canImport(Darwin)
      var now = timespec()
      clock_gettime(CLOCK_MONOTONIC, &now)
      let current = UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
      if deadline <= current { return false }
      var rest = timespec(
        tv_sec: Int((deadline - current) / 1_000_000_000), tv_nsec: Int((deadline - current) % 1_000_000_000))
      return pthread_cond_timedwait_relative_np(condition, mutex, &rest) != ETIMEDOUT
    #else
      var time = timespec(tv_sec: Int(deadline / 1_000_000_000), tv_nsec: Int(deadline % 1_000_000_000))
      return pthread_cond_timedwait(condition, mutex, &time) != ETIMEDOUT
    #endif
  }
}
