import Foundation
import Testing

@testable import Scripts

/// A folder that is deleted with its value.
final class TemporaryFolder {
  let path: String

  init() {
    var template = Array("/tmp/moondance-scripts-XXXXXX".utf8CString)
    path = String(cString: mkdtemp(&template))
  }

  func write(_ name: String, _ text: String) { write(name, Array(text.utf8)) }

  func write(_ name: String, _ bytes: [UInt8]) {
    let file = fopen("\(path)/\(name)", "w")!
    fwrite(bytes, 1, bytes.count, file)
    fclose(file)
  }

  func folder(_ name: String) { mkdir("\(path)/\(name)", 0o755) }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}

@Suite struct FolderReaderTests {
  private let folder = TemporaryFolder()
  private var reading: FolderReader.Reading { FolderReader(folder: folder.path).read() }

  @Test func `scripts and modules are read, sorted, and everything else is left alone`() {
    folder.folder("lib")
    folder.folder("lib/shop")
    for name in ["b.lua", "a.lua", "lib/money.lua", "lib/shop/tax.lua"] { folder.write(name, name) }
    for name in ["_off.lua", ".#a.lua", "a.lua~", "a.lua.swp", "orders_test.lua", "README.md", ".lua", "lib/_x.lua"] {
      folder.write(name, "not read")
    }
    let reading = reading
    #expect(reading.files.map(\.path) == ["a.lua", "b.lua", "lib/money.lua", "lib/shop/tax.lua"])
    #expect(reading.files.map { String(decoding: $0.bytes, as: UTF8.self) } == reading.files.map(\.path))
    #expect(reading.errors.isEmpty && reading.warnings.isEmpty)
    #expect(reading.files.filter(\.isModule).count == 2)
  }

  @Test func `a folder, a pipe, a link loop and a link to nothing are errors and never block`() {
    folder.folder("dir.lua")
    mkfifo("\(folder.path)/pipe.lua", 0o644)
    symlink("loop.lua", "\(folder.path)/loop.lua")
    symlink("gone", "\(folder.path)/dangling.lua")
    symlink("/dev/zero", "\(folder.path)/device.lua")
    folder.write("good.lua", "x")
    let reading = reading
    #expect(reading.files.map(\.path) == ["good.lua"])
    #expect(
      reading.errors.map(\.description) == [
        "dangling.lua: is a link to a file that does not exist", "device.lua: is a device, not a script",
        "dir.lua: is a folder, not a script", "loop.lua: is a link that leads in a circle",
        "pipe.lua: is a named pipe, not a script",
      ])
  }

  @Test func `links to files and to the modules' folder are followed`() {
    folder.folder(".real")
    folder.write(".real/a.lua", "linked")
    symlink(".real/a.lua", "\(folder.path)/a.lua")
    symlink(".real", "\(folder.path)/lib")
    #expect(reading.files.map(\.path) == ["a.lua", "lib/a.lua"])
    #expect(reading.errors.isEmpty)
  }

  @Test func `a loop of folders ends`() {
    folder.folder("lib")
    symlink(".", "\(folder.path)/lib/again")
    folder.write("lib/a.lua", "x")
    let reading = reading
    #expect(reading.errors.contains { $0.what.contains("in a loop") })
    #expect(reading.files.count <= FolderReader.maximumDepth)
  }

  @Test func `a file of ten megabytes is refused by its size`() {
    folder.write("big.lua", [UInt8](repeating: 0x20, count: 10 << 20))
    folder.write("full.lua", [UInt8](repeating: 0x20, count: SourceFile.maximumBytes))
    let reading = reading
    #expect(reading.files.map(\.path) == ["full.lua"])
    #expect(reading.errors.map(\.what) == ["is 10485760 bytes large; a script may have 131072"])
  }

  @Test func `a folder with scripts that is not read is mentioned`() {
    folder.folder("payments")
    folder.folder("notes")
    folder.write("payments/a.lua", "x")
    #expect(
      reading.warnings == ["payments/ is not read: scripts stand in the folder itself, modules in lib/"])
    #expect(reading.files.isEmpty)
  }

  @Test func `a name that cannot be shown is an error`() {
    folder.write("a\nb.lua", "x")
    folder.write("ok\u{e9}.lua", "x")
    let reading = reading
    #expect(reading.files.map(\.path) == ["ok\u{e9}.lua"])
    #expect(reading.errors.map(\.file) == ["a?b.lua"])
  }

  @Test func `a missing folder says how to make it`() {
    let reading = FolderReader(folder: "\(folder.path)/none").read()
    #expect(reading.errors.first?.what == "cannot read the folder of the scripts: there is no such folder")
    #expect(reading.errors.first?.hint == "mkdir \(folder.path)/none")
  }
}
