import Events
import Glibc
import LogStorage
import Platform
import TestKit
import Testing

/// Two real processes and one folder: this one, and `flock` of util-linux.
@Suite(.enabled(if: access("/usr/bin/flock", X_OK) == 0, "needs /usr/bin/flock (Debian: util-linux)"))
struct ProcessTests {
  let folder = TemporaryFolder()
  var root: String { folder.path + "/data" }

  private func open() throws -> OpenedLog {
    try LogStore.open(
      folder: root, fileSystem: LocalFileSystem(), clock: SystemClock(), randomness: SystemRandomness())
  }

  /// Runs a command in a process group of its own.
  private func spawn(_ command: String) throws -> pid_t {
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
    defer { posix_spawnattr_destroy(&attributes) }
    var process = pid_t()
    let words = ["/bin/sh", "-c", command]
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { (word: String) in strdup(word) }
    arguments.append(nil)
    defer { for argument in arguments { free(argument) } }
    let result = posix_spawn(&process, "/bin/sh", nil, &attributes, &arguments, environ)
    try #require(result == 0)
    return process
  }

  private func exitCode(_ process: pid_t) -> Int32 {
    var status: Int32 = 0
    waitpid(process, &status, 0)
    return (status >> 8) & 0xFF
  }

  @Test func `row 37: while another process has the folder, opening is refused and names it`() throws {
    try open().close()
    let lock = root + "/lock"
    let process = try spawn("echo $$ > '\(lock)'; exec flock -w 20 -o '\(lock)' sleep 60")
    let files = LocalFileSystem()
    let clock = SystemClock()
    let deadline = clock.monotonicNanoseconds() + 20_000_000_000
    while try files.lockHolder(lock) == nil {
      try #require(clock.monotonicNanoseconds() < deadline, "the other process does not take the lock")
      sched_yield()
    }
    #expect {
      try open()
    } throws: { error in
      let error = error as? LogError
      return error?.code == .locked && error?.message.contains("process \(process)") == true
    }
    // The lock ends with its process, however that ends.
    kill(-process, SIGKILL)
    _ = exitCode(process)
    while try files.lockHolder(lock) != nil {
      try #require(clock.monotonicNanoseconds() < deadline, "the lock stays after its process")
      sched_yield()
    }
    try open().close()
  }

  @Test func `row 37: while this process has the folder, another one does not get the lock`() throws {
    let log = try open()
    let lock = root + "/lock"
    #expect(exitCode(try spawn("flock -n '\(lock)' true")) == 1)
    #expect(exitCode(try spawn("test \"$(cat '\(lock)')\" = \(getpid())")) == 0)
    log.journal.start { _ in }
    try log.close()
    #expect(exitCode(try spawn("flock -n '\(lock)' true")) == 0)
  }
}
