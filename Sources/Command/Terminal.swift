import Foundation
import Synchronization

/// What is printed, and where.
enum Terminal {
  static var isInteractive: Bool { isatty(1) != 0 }

  /// Columns of the terminal on standard output; nil when it is none.
  static var width: Int? {
    var size = winsize()
    guard isInteractive, ioctl(1, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
    return Int(size.ws_col)
  }

  /// Writes a line to standard output; ends the program quietly when nobody reads any more.
  static func print(_ line: String) {
    var bytes = Array(line.utf8)
    bytes.append(UInt8(ascii: "\n"))
    var written = 0
    while written < bytes.count {
      let count = bytes[written...].withUnsafeBytes { write(1, $0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      if count <= 0 { exit(0) }
      written += count
    }
  }

  static func error(_ text: String) { FileHandle.standardError.write(Data("moondance: \(text)\n".utf8)) }

  /// A broken pipe is an error of `write`, not the end of the program.
  static func ignoreBrokenPipes() { signal(SIGPIPE, SIG_IGN) }
}

/// Notices Ctrl-C, so that a command can end in good order.
enum Interrupt {
  private static let isSet = Atomic<Bool>(false)

  static var happened: Bool { isSet.load(ordering: .relaxed) }

  static func watch() {
    signal(SIGINT) { _ in Interrupt.isSet.store(true, ordering: .relaxed) }
    signal(SIGTERM) { _ in Interrupt.isSet.store(true, ordering: .relaxed) }
  }
}
