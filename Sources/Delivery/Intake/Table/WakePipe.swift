internal import Glibc
internal import Platform

/// Wakes a thread that waits for a socket. Ringing before it waits is not lost.
final class WakePipe: Sendable {
  private let reading: Int32
  private let writing: Int32

  init() {
    var ends: [Int32] = [0, 0]
    precondition(pipe(&ends) == 0, "the system gives no pipe: raise the limit of open files")
    for end in ends {
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
    }
    (reading, writing) = (ends[0], ends[1])
  }

  deinit {
    close(reading)
    close(writing)
  }

  /// Any thread.
  func ring() { _ = write(writing, [1], 1) }

  /// The one thread that listens: returns when it was rung, when `socket` can be read (nil: there is none), or at
  /// `deadline` of the clock.
  func wait(with socket: Int32?, until deadline: UInt64, _ clock: any HostClock) {
    let now = clock.monotonicNanoseconds()
    let milliseconds = deadline <= now ? 0 : min((deadline - now) / 1_000_000 + 1, 3_600_000)
    var descriptors = [pollfd(fd: reading, events: Int16(POLLIN), revents: 0)]
    if let socket { descriptors.append(pollfd(fd: socket, events: Int16(POLLIN), revents: 0)) }
    _ = poll(&descriptors, nfds_t(descriptors.count), Int32(milliseconds))
    var bytes = [UInt8](repeating: 0, count: 64)
    while read(reading, &bytes, bytes.count) > 0 {}
  }
}
