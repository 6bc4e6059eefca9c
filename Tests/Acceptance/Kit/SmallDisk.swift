import Foundation
import TestKit

/// A disk of a few megabytes, in memory: a tmpfs.
final class SmallDisk: Sendable {
  let path: String

  /// Mounting takes root, and in a container CAP_SYS_ADMIN.
  static let isPossible: Bool = {
    guard geteuid() == 0 else { return false }
    return (try? SmallDisk(in: TemporaryFolder(), megabytes: 1)) != nil
  }()

  static let needs = "needs a tmpfs of its own: run as root (in a container with CAP_SYS_ADMIN)"

  /// Below `folder`, which must outlive it.
  init(in folder: TemporaryFolder, megabytes: Int) throws {
    path = folder.path + "/disk"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    try Self.check(Tool.run("/bin/mount", ["-t", "tmpfs", "-o", "size=\(megabytes)m", "tmpfs", path]))
  }

  deinit { _ = Tool.run("/bin/umount", ["-l", path]) }

  func setReadOnly(_ isReadOnly: Bool) throws {
    try Self.check(Tool.run("/bin/mount", ["-o", "remount,\(isReadOnly ? "ro" : "rw")", path]))
  }

  var freeBytes: Int {
    var status = statvfs()
    return statvfs(path, &status) == 0 ? Int(status.f_bavail) * Int(status.f_frsize) : 0
  }

  /// Takes up room until `left` bytes are free.
  func fill(leaving left: Int = 0) throws {
    let ballast = open(path + "/ballast", O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0o600)
    defer { close(ballast) }
    let block = [UInt8](repeating: 1, count: 1 << 16)
    while freeBytes > left {
      let count = min(block.count, freeBytes - left)
      guard write(ballast, block, count) > 0 else { return }
    }
  }

  /// Gives back what `fill` took.
  func makeRoom() { unlink(path + "/ballast") }

  private static func check(_ output: Program.Output?) throws {
    guard let output, output.code == 0 else {
      throw DaemonProcess.StartFailed(
        description: "no tmpfs can be mounted: \(output?.err ?? "there is no /bin/mount")")
    }
  }
}
