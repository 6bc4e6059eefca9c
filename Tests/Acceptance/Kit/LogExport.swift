import Foundation
import TestKit

/// The events of a stopped log, as `moondance log export` prints them, read without building an object for each: a log
/// of millions of events is gone through in seconds.
final class LogExport {
  private let bytes: UnsafeRawBufferPointer

  /// One event's line. Valid while the export is.
  struct Line {
    fileprivate let bytes: UnsafeRawBufferPointer

    /// What follows `"name":"`, up to the next quote.
    func text(_ name: StaticString) -> UnsafeRawBufferPointer? {
      guard let start = find(name), let end = memchr(start, 0x22, end - start) else { return nil }
      return UnsafeRawBufferPointer(start: start, count: UnsafeRawPointer(end) - start)
    }

    /// The digits that follow `name`, which is `"position":` or the like, as long as there are any.
    func number(_ name: StaticString) -> Int? {
      guard let start = find(name) else { return nil }
      return Self.number(UnsafeRawBufferPointer(start: start, count: end - start))
    }

    /// The digits that `bytes` begin with.
    static func number(_ bytes: UnsafeRawBufferPointer) -> Int? {
      var (value, index) = (0, 0)
      while index < bytes.count, bytes[index] >= 0x30, bytes[index] <= 0x39 {
        value = value &* 10 &+ Int(bytes[index] &- 0x30)
        index &+= 1
      }
      return index > 0 ? value : nil
    }

    private var end: UnsafeRawPointer { bytes.baseAddress! + bytes.count }

    private func find(_ name: StaticString) -> UnsafeRawPointer? {
      let line = bytes.baseAddress!.assumingMemoryBound(to: CChar.self)
      return name.withUTF8Buffer { name in
        // Goes on behind the line when it is not in it: a byte of zero ends the file.
        guard let found = strstr(line, UnsafeRawPointer(name.baseAddress!).assumingMemoryBound(to: CChar.self)),
          UnsafeRawPointer(found) < end
        else { return nil }
        return UnsafeRawPointer(found) + name.count
      }
    }
  }

  /// `file`: where the export is kept meanwhile.
  init(of data: String, file: String) throws {
    try Data().write(to: URL(filePath: file))
    let export = try RunningProgram(Binary.path, ["log", "export", data], outputFile: file).finish()
    guard export.code == 0 else { throw DaemonProcess.StartFailed(description: "the export failed: \(export.err)") }
    let handle = try FileHandle(forWritingTo: URL(filePath: file))
    try handle.seekToEnd()
    try handle.write(contentsOf: Data([0]))
    let size = Int(try handle.offset())
    let descriptor = open(file, O_RDONLY | O_CLOEXEC)
    defer { close(descriptor) }
    guard size > 0, let memory = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), memory != MAP_FAILED else {
      throw DaemonProcess.StartFailed(description: "the export cannot be read: errno \(errno)")
    }
    bytes = UnsafeRawBufferPointer(start: memory, count: size)
  }

  deinit { munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress!), bytes.count) }

  /// Every event in the order of the log.
  func forEach(_ body: (Line) throws -> Void) rethrows {
    var start = bytes.baseAddress!
    let end = start + bytes.count
    while start < end, let found = memchr(start, 0x0A, end - start) {
      let next = UnsafeRawPointer(found)
      try body(Line(bytes: UnsafeRawBufferPointer(start: start, count: next - start)))
      start = next + 1
    }
  }
}
