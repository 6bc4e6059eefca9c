import Foundation
import TestKit
import Testing

/// Folders that a daemon must not start on, with the real binary.
@Suite("Starts that are refused")
struct StartAcceptance {
  /// A stopped daemon's folder with one event.
  private func madeLog(_ handlers: String, _ data: String) throws {
    let daemon = try DaemonProcess(handlers: handlers, data: data)
    #expect(try daemon.run("emit", "Ping", "--subject", "s-1", "--data", #"{"n":1}"#).code == 0)
    #expect(daemon.stop() == 0)
  }

  private func start(_ handlers: String, _ data: String, as wrapper: [String] = []) -> DaemonProcess.StartFailed? {
    do {
      let daemon = try DaemonProcess(handlers: handlers, data: data, wrapper: wrapper)
      daemon.kill()
      return nil
    } catch {
      return error as? DaemonProcess.StartFailed
    }
  }

  @Test(.enabled(if: SmallDisk.isPossible, Comment(rawValue: SmallDisk.needs)))
  func `a folder on a read-only disk is refused with a way out, and is fine when it can be written again (fault 36)`()
    async throws
  {
    let folder = TemporaryFolder()
    let disk = try SmallDisk(in: folder, megabytes: 8)
    let handlers = try folder.write(Pings.handlers, below: "handlers")
    let data = disk.path + "/data"
    try madeLog(handlers, data)
    try disk.setReadOnly(true)
    let refused = try #require(start(handlers, data))
    #expect(refused.code == 1)
    #expect(refused.description.contains("Read-only file system"), "\(refused)")
    #expect(refused.description.contains("data"))
    try disk.setReadOnly(false)
    let daemon = try DaemonProcess(handlers: handlers, data: data)
    try await daemon.settle()
    #expect(try await daemon.allEvents().map { $0.text("type") } == ["Ping", "Pong", "Pang"])
    #expect(daemon.stop() == 0)
  }

  /// As root another user is taken; others take the right to write from themselves.
  private static let nobody = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
  private static let canBeNobody = {
    if geteuid() != 0 { return true }
    return Tool.run(nobody[0], Array(nobody.dropFirst()) + [Binary.path, "--version"])?.code == 0
  }()

  @Test(.enabled(if: Self.canBeNobody, "as root it needs setpriv and a binary that every user may run"))
  func `a folder that belongs to somebody else is refused with a way out (fault 36)`() throws {
    let folder = TemporaryFolder()
    chmod(folder.path, 0o755)
    let handlers = try folder.write(Pings.handlers, below: "handlers")
    let data = folder.path + "/data"
    try madeLog(handlers, data)
    chmod(data, 0o500)
    defer { chmod(data, 0o700) }
    let refused = try #require(start(handlers, data, as: geteuid() == 0 ? Self.nobody : []))
    #expect(refused.code == 1)
    #expect(refused.description.contains("Permission denied"), "\(refused)")
    #expect(refused.description.contains(data), "\(refused)")
  }

  @Test func `a log of a newer version is refused and left as it is (fault 79)`() throws {
    let folder = TemporaryFolder()
    let handlers = try folder.write(Pings.handlers, below: "handlers")
    let data = folder.path + "/data"
    try madeLog(handlers, data)
    let segment = URL(filePath: data + "/log/00000000000000000001.seg")
    var bytes = [UInt8](try Data(contentsOf: segment))
    // The format version of the segment's header, and the header's checksum (docs/log-format.md).
    bytes[8] = 2
    withUnsafeBytes(of: Self.crc32c(bytes[..<508]).littleEndian) { bytes.replaceSubrange(508..<512, with: $0) }
    try Data(bytes).write(to: segment)
    let refused = try #require(start(handlers, data))
    #expect(refused.code == 1)
    #expect(refused.description.contains("newer"), "\(refused)")
    #expect([UInt8](try Data(contentsOf: segment)) == bytes)
  }

  private static func crc32c(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    ~bytes.reduce(~0) { crc, byte in
      (0..<8).reduce(crc ^ UInt32(byte)) { crc, _ in crc & 1 == 1 ? crc >> 1 ^ 0x82F6_3B78 : crc >> 1 }
    }
  }
}
