#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif
import Synchronization

/// A program that runs beside this one and is waited for. It gets its three standard descriptors and no other, the default
/// action of each signal, and no signal blocked.
///
/// A thread of its own waits for its end in the kernel. Foundation's `Process` notices an end by a socket that the program
/// inherits, and never does while a program of that program holds it.
package final class ChildProcess: Sendable {
  /// What the system knows it by, also when it has ended.
  package let identifier: Int32

  /// Its exit code, or the number of the signal that ended it; nil while it runs.
  private let result = Mutex<Int32?>(nil)
  private let ended = Doorbell()
  /// One waits at a time: the bell wakes one.
  private let waiting = Mutex(())

  /// Starts it.
  /// - path: the program's file. - environment: all of it, as `NAME=value`; nil: this process's. - input, output,
  ///   errors: descriptors that become its own and stay open here; nil: /dev/null.
  /// - Throws: when there is no such program, or no room for a process.
  package init(
    _ path: String, _ arguments: [String], environment: [String]? = nil, input: Int32? = nil, output: Int32? = nil,
    errors: Int32? = nil
  ) throws(FileError) {
    let (identifier, error) = Self.spawn(path, arguments, environment, [input, output, errors])
    guard error == 0 else { throw FileError(.start, path, errno: error) }
    self.identifier = identifier
    _ = NamedThread.start(name: "child", stackBytes: 64 << 10) { self.waitForEnd() }
  }

  package var isRunning: Bool { exitCode == nil }

  /// Its exit code, or the number of the signal that ended it; nil while it runs.
  package var exitCode: Int32? { result.withLock { $0 } }

  /// Sends it a signal, if it still runs.
  package func send(_ signal: Int32) {
    // Under the lock it has not been reaped, and its number is nobody else's.
    result.withLock { if $0 == nil { kill(identifier, signal) } }
  }

  /// Waits for its end for so long.
  /// - Returns: as `exitCode`.
  package func wait(atMost seconds: Double) -> Int32? {
    let end = SystemClock().monotonicNanoseconds() + UInt64(seconds * 1e9)
    return waiting.withLock { _ in
      while isRunning, ended.wait(until: end) {}
      return exitCode
    }
  }

  private func waitForEnd() {
    var information = siginfo_t()
    while waitid(P_PID, id_t(identifier), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
    result.withLock { result in
      var status: Int32 = 0
      while waitpid(identifier, &status, 0) < 0, errno == EINTR {}
      // As WIFEXITED, WEXITSTATUS and WTERMSIG take it apart.
      result = status & 0x7f == 0 ? (status >> 8) & 0xff : status & 0x7f
    }
    ended.ring()
  }

  private static func spawn(
    _ path: String, _ arguments: [String], _ environment: [String]?, _ streams: [Int32?]
  ) -> (identifier: Int32, error: Int32) {
    #if canImport(Darwin)
      var (actions, attributes): (posix_spawn_file_actions_t?, posix_spawnattr_t?) = (nil, nil)
    #else
      var (actions, attributes) = (posix_spawn_file_actions_t(), posix_spawnattr_t())
    #endif
    posix_spawn_file_actions_init(&actions)
    posix_spawnattr_init(&attributes)
    defer {
      posix_spawn_file_actions_destroy(&actions)
      posix_spawnattr_destroy(&attributes)
    }
    for (number, stream) in zip(Int32(0)..., streams) {
      if let stream {
        posix_spawn_file_actions_adddup2(&actions, stream, number)
      } else {
        posix_spawn_file_actions_addopen(&actions, number, "/dev/null", number == 0 ? O_RDONLY : O_WRONLY, 0)
      }
    }
    var flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
    #if canImport(Darwin)
      flags |= POSIX_SPAWN_CLOEXEC_DEFAULT
    #elseif canImport(Glibc)
      closeOthers(&actions)
    #endif
    var (none, all) = (sigset_t(), sigset_t())
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setflags(&attributes, Int16(flags))
    let words = ([path] + arguments).map { strdup($0) } + [nil]
    var variables = environment.map { $0.map { strdup($0) } + [nil] } ?? []
    defer { for word in words + variables { free(word) } }
    var identifier: Int32 = 0
    let error = variables.withUnsafeMutableBufferPointer { variables in
      posix_spawn(
        &identifier, path, &actions, &attributes, words, environment == nil ? environ : variables.baseAddress)
    }
    return (identifier, error)
  }

  #if canImport(Glibc)
    /// Glibc shows what closes all descriptors from 3 on to _GNU_SOURCE only, which Swift's import does not define.
    private static func closeOthers(_ actions: UnsafeMutablePointer<posix_spawn_file_actions_t>) {
      typealias Function = @convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, Int32) -> Int32
      guard let found = dlsym(nil, "posix_spawn_file_actions_addclosefrom_np") else { return }
      _ = unsafeBitCast(found, to: Function.self)(actions, 3)
    }
  #endif
}
