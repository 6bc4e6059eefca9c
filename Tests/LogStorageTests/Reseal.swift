import Events
import LogStorage
import TestKit

/// Makes the checksums of damaged files fit again, so that the damage gets behind them: what a bug that writes, or somebody
/// with a hex editor, could leave.
enum Reseal {
  /// A segment: its header, and one commit after the other for as long as their lengths lead to a next one.
  /// - chaining: each commit also names the one before it.
  static func segment(_ bytes: inout [UInt8], chaining: Bool) {
    guard bytes.count >= 512 else { return }
    close(&bytes, 0, 508)
    var previous = [UInt8](bytes[64..<72])
    var at = 512
    while at + CommitHeader.size <= bytes.count {
      let magic = Array(bytes[at..<(at + 4)])
      if magic == Array("MEND".utf8) {
        if chaining { bytes.replaceSubrange((at + 56)..<(at + 64), with: previous) }
        close(&bytes, at, 92)
        return
      }
      guard magic == Array("MCMT".utf8) else { return }
      let length = integer(bytes, at + 8)
      if chaining { bytes.replaceSubrange((at + 72)..<(at + 80), with: previous) }
      let body = at + CommitHeader.size
      if body + length <= bytes.count {
        put(bytes[body..<(body + length)].withUnsafeBytes { crc32c($0) }, at: at + 88, in: &bytes)
      }
      close(&bytes, at, 92)
      previous = Array(bytes[(at + 92)..<(at + 96)] + bytes[(at + 88)..<(at + 92)])
      at = (body + length + 7) & ~7
    }
  }

  /// The blocks of an index file.
  static func index(_ bytes: inout [UInt8]) {
    for at in stride(from: 0, through: bytes.count - 4096, by: 4096) { close(&bytes, at, 4092) }
  }

  /// The slots of a witness file.
  static func witness(_ bytes: inout [UInt8]) {
    for at in stride(from: 0, through: bytes.count - 512, by: 512) { close(&bytes, at, 508) }
  }

  static func snapshot(_ bytes: inout [UInt8]) {
    guard bytes.count >= 128 else { return }
    put(bytes[128...].withUnsafeBytes { crc32c($0) }, at: 72, in: &bytes)
    close(&bytes, 0, 124)
  }

  /// Writes the checksum of `count` bytes behind them.
  private static func close(_ bytes: inout [UInt8], _ start: Int, _ count: Int) {
    put(bytes[start..<(start + count)].withUnsafeBytes { crc32c($0) }, at: start + count, in: &bytes)
  }

  private static func integer(_ bytes: [UInt8], _ at: Int) -> Int {
    (0..<4).reduce(0) { $0 | Int(bytes[at + $1]) << (8 * $1) }
  }

  private static func put(_ value: UInt32, at: Int, in bytes: inout [UInt8]) {
    for index in 0..<4 { bytes[at + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt32(index))) }
  }
}
