import Foundation
import Platform
import TestKit
import Testing

@Suite("A program that was started")
struct ChildProcessTests {
  private func shell(_ script: String) throws -> ChildProcess { try ChildProcess("/bin/sh", ["-c", script]) }

  @Test(arguments: [Int32(0), 1, 64, 255])
  func `ends with its exit code`(code: Int32) throws {
    #expect(try shell("exit \(code)").wait(atMost: 60) == code)
  }

  @Test func `ends with the number of the signal that ended it, once`() throws {
    let child = try shell("sleep 600")
    #expect(child.isRunning && child.exitCode == nil)
    #expect(child.wait(atMost: 0.01) == nil)
    child.send(SIGKILL)
    #expect(child.wait(atMost: 60) == SIGKILL)
    child.send(SIGTERM)
    #expect(child.exitCode == SIGKILL && !child.isRunning)
  }

  @Test func `has ended though what it started goes on and holds all that it was given`() throws {
    let folder = TemporaryFolder()
    let child = try shell("sleep 600 & echo $! >'\(folder.path)/pid'")
    #expect(child.wait(atMost: 60) == 0)
    let other = try #require(Int32(String(contentsOfFile: folder.path + "/pid", encoding: .utf8).dropLast()))
    #expect(kill(other, SIGKILL) == 0)
  }

  @Test func `gets three descriptors and no other, and no signal blocked or ignored`() throws {
    let open = try FileHandle(forReadingFrom: URL(filePath: "/dev/zero"))
    signal(SIGPIPE, SIG_IGN)
    let status = try Program.run("/bin/grep", ["-E", "^Sig(Blk|Ign):", "/proc/self/status"])
    let masks = status.split(separator: "\n").compactMap { UInt64($0.suffix(16), radix: 16) }
    // Two signals of the C library cannot be set.
    let signals = UInt64.max ^ (3 << 31)
    #expect(masks.count == 2 && masks.allSatisfy { $0 & signals == 0 }, "\(status)")
    // The fourth is what ls lists with.
    let list = try Program.run("/bin/ls", ["/proc/self/fd"], environment: ["LC_ALL": "C"])
    #expect(list == "0\n1\n2\n3\n")
    try open.close()
  }

  @Test func `is waited for by several at a time, each to its end`() async throws {
    let child = try shell("sleep 0.2; exit 7")
    let codes = await withTaskGroup(of: Int32?.self) { group in
      for _ in 0..<3 { group.addTask { child.wait(atMost: 60) } }
      return await group.reduce(into: []) { $0.append($1) }
    }
    #expect(codes == [7, 7, 7])
  }

  @Test func `that there is not is told by its name`() {
    let error = #expect(throws: FileError.self) { try ChildProcess("/nowhere/at/all", []) }
    #expect(error?.description == "posix_spawn /nowhere/at/all: No such file or directory (errno 2)")
  }

  @Test func `a program that is stuck is ended, and where it waits is told`() throws {
    let program = try RunningProgram("/bin/sh", ["-c", "echo here; exec sleep 600"])
    let error = #expect(throws: Program.Failed.self) { try program.wait(atMost: 0.5) }
    #expect(error?.description.contains("sleep: ") == true && error?.description.contains("it printed: here") == true)
    #expect(!program.isRunning)
  }
}
