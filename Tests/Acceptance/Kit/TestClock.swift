import Foundation
import TestKit

/// A wall clock that a test sets for one daemon. The monotonic clock stays the system's.
///
/// A few lines of C stand in for the C library's `clock_gettime` in the daemon (LD_PRELOAD); they add what stands in a
/// file that both have mapped. The package `faketime` would do the same, but changes the environment in a way that
/// hides its arguments from a Swift program.
final class TestClock: @unchecked Sendable {
  // `offset` is one aligned integer; the daemon reads it, one test writes it.
  private static let source = """
    #define _GNU_SOURCE
    #include <fcntl.h>
    #include <stdint.h>
    #include <stdlib.h>
    #include <sys/mman.h>
    #include <sys/syscall.h>
    #include <sys/time.h>
    #include <time.h>
    #include <unistd.h>

    static const volatile int64_t *seconds;

    __attribute__((constructor)) static void begin(void) {
      const char *path = getenv("MOONDANCE_TEST_CLOCK");
      int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
      if (file < 0) return;
      void *memory = mmap(NULL, sizeof *seconds, PROT_READ, MAP_SHARED, file, 0);
      close(file);
      if (memory != MAP_FAILED) seconds = memory;
    }

    int clock_gettime(clockid_t clock, struct timespec *time) {
      int result = (int)syscall(SYS_clock_gettime, clock, time);
      if (result == 0 && clock == CLOCK_REALTIME && seconds) time->tv_sec += *seconds;
      return result;
    }

    int gettimeofday(struct timeval *restrict time, void *restrict zone) {
      struct timespec now;
      int result = clock_gettime(CLOCK_REALTIME, &now);
      time->tv_sec = now.tv_sec;
      time->tv_usec = now.tv_nsec / 1000;
      return result;
    }
    """

  static let isPossible = (try? TestClock(in: TemporaryFolder())) != nil
  static let needs = "needs a C compiler at /usr/bin/cc (Debian: gcc)"

  private let library: String
  private let file: String
  private let offset: UnsafeMutablePointer<Int64>

  init(in folder: TemporaryFolder) throws {
    (library, file) = (folder.path + "/clock.so", folder.path + "/clock")
    try Self.source.write(toFile: folder.path + "/clock.c", atomically: false, encoding: .utf8)
    let built = Tool.run("/usr/bin/cc", ["-shared", "-fPIC", "-O1", "-o", library, folder.path + "/clock.c"])
    guard let built, built.code == 0 else {
      throw DaemonProcess.StartFailed(description: "no clock: \(built?.err ?? Self.needs)")
    }
    try Data(count: 8).write(to: URL(filePath: file))
    let descriptor = open(file, O_RDWR | O_CLOEXEC)
    defer { close(descriptor) }
    guard let memory = mmap(nil, 8, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0), memory != MAP_FAILED else {
      throw DaemonProcess.StartFailed(description: "no clock: errno \(errno)")
    }
    offset = memory.bindMemory(to: Int64.self, capacity: 1)
  }

  deinit { munmap(offset, 8) }

  /// How many seconds the daemon's clock is ahead of the true one.
  var secondsAhead: Int {
    get { Int(offset.pointee) }
    set { offset.pointee = Int64(newValue) }
  }

  /// What a daemon is started with.
  var environment: [String: String] { ["LD_PRELOAD": library, "MOONDANCE_TEST_CLOCK": file] }
}
