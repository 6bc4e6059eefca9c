import Glibc
import Platform
import TestKit
import Testing

@Suite struct LocalFileSystemTests {
  let folder = TemporaryFolder()
  let files = LocalFileSystem()

  @Test func `what is written is read back, and reading stops at the end`() throws {
    let file = try files.open("\(folder.path)/a", .create)
    try Array("hello".utf8).withUnsafeBytes { try file.write($0, at: 3) }
    var bytes = [UInt8](repeating: 9, count: 20)
    #expect(try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) } == 8)
    #expect(bytes.prefix(8).elementsEqual([0, 0, 0] + Array("hello".utf8)))
    try file.syncData()
    try file.truncate(to: 4)
    try file.sync()
    #expect(try file.size() == 4)
    try file.close()
  }

  @Test func `a file is made once, replaced, renamed, listed and removed`() throws {
    let path = "\(folder.path)/a"
    try files.open(path, .create).close()
    #expect { try files.open(path, .create) } throws: { ($0 as? FileError)?.isExisting == true }
    let file = try files.open(path, .readWrite)
    try [1, 2, 3].withUnsafeBytes { try file.write($0, at: 0) }
    #expect(try files.open(path, .replace).size() == 0)
    try files.rename(path, to: "\(folder.path)/b")
    #expect(try files.makeFolder("\(folder.path)/c"))
    #expect(try !files.makeFolder("\(folder.path)/c"))
    #expect(try files.list(folder.path).sorted() == ["b", "c"])
    try files.syncFolder(folder.path)
    try files.remove("\(folder.path)/b")
    #expect { try files.open("\(folder.path)/b", .read) } throws: { ($0 as? FileError)?.isMissing == true }
  }

  @Test func `an error names operation, path and reason`() {
    #expect {
      try files.list("\(folder.path)/nothing")
    } throws: { error in
      let error = error as? FileError
      return error?.number == ENOENT && error?.operation == .list
        && error?.description == "readdir \(folder.path)/nothing: No such file or directory (errno 2)"
    }
  }

  @Test func `row 37: a lock is held once and names its holder`() throws {
    let path = "\(folder.path)/lock"
    #expect(try files.lockHolder(path) == nil)
    guard case .locked(let lock) = try files.lock(path) else {
      Issue.record("a free lock is taken")
      return
    }
    guard case .held(let holder) = try files.lock(path) else {
      Issue.record("a lock is taken once")
      return
    }
    #expect(holder.process == getpid())
    #expect(try files.lockHolder(path)?.process == getpid())
    lock.release()
    #expect(try files.lockHolder(path) == nil)
    guard case .locked(let again) = try files.lock(path) else {
      Issue.record("a lock that was released is free")
      return
    }
    again.release()
  }
}
