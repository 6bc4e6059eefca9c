#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// The two clocks of the host. Any thread may read them. In tests a clock that moves by hand.
package protocol HostClock: AnyObject, Sendable {
  /// Microseconds since 1970-01-01 UTC. May jump, both ways.
  func wallMicroseconds() -> Int64
  /// Nanoseconds since some moment before the process began. Never goes back.
  func monotonicNanoseconds() -> UInt64
}

/// The clocks of this machine.
package final class SystemClock: HostClock {
  package init() {}

  package func wallMicroseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
  }

  package func monotonicNanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}

/// Random bits that nobody can foresee, for identities. In tests they come from a seed.
package protocol Randomness: AnyObject, Sendable {
  func next() -> UInt64
}

/// The system's generator.
package final class SystemRandomness: Randomness {
  package init() {}

  package func next() -> UInt64 {
    var generator = SystemRandomNumberGenerator()
    return generator.next()
  }
}
