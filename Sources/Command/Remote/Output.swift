import Foundation

/// Standard output and standard error, unbuffered.
enum Output {
  /// Nobody reads standard output any more, as after `| head`.
  struct ReaderGone: Error {}

  /// Whether somebody looks at standard output, and how many columns they see.
  static var terminalWidth: Int? {
    guard isatty(1) != 0 else { return nil }
    var size = winsize()
    guard ioctl(1, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }

  /// Writes all of it.
  /// - Throws: `ReaderGone`, also when the output cannot be written for another reason, which is told first.
  static func write(_ bytes: [UInt8]) throws(ReaderGone) {
    var start = 0
    while start < bytes.count {
      let count = bytes.withUnsafeBytes { Foundation.write(1, $0.baseAddress! + start, bytes.count - start) }
      if count > 0 {
        start += count
      } else if errno != EINTR {
        if errno != EPIPE { complain("standard output cannot be written: \(String(cString: strerror(errno)))") }
        throw ReaderGone()
      }
    }
  }

  static func print(_ text: String) throws(ReaderGone) { try write(Array(text.utf8) + [UInt8(ascii: "\n")]) }

  /// One message on standard error.
  static func complain(_ text: String) { say("moondance: \(text)\n") }

  /// Text on standard error, as it is.
  static func say(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}
