import Foundation
import Wire

/// What became of a file of events.
enum EmitSummary {
  /// Always with how many events and how many duplicates.
  static func text(_ receipt: AppendReceipt) -> String {
    let events = "\(receipt.count) events"
    let duplicates = "\(receipt.duplicates) duplicates"
    guard receipt.count > receipt.duplicates, let first = receipt.first, let last = receipt.last else {
      return "\(events), \(duplicates), nothing appended"
    }
    // A duplicate has the position it got the first time, so the last can be before the first.
    let positions = first <= last ? "positions \(first)–\(last)" : "the first at position \(first), the last at \(last)"
    return "\(events), \(positions), \(duplicates)"
  }
}

/// A line on the terminal that shows how much was sent: after two seconds, and only when somebody looks.
final class SendProgress {
  private let began = ContinuousClock.now
  private var next = ContinuousClock.now + .seconds(2)
  private let isWatched = isatty(2) != 0
  private var isShown = false
  /// Bytes of a whole file; nil for a pipe.
  private let all: Int?

  init(_ descriptor: Int32) {
    var about = stat()
    let isFile = fstat(descriptor, &about) == 0 && about.st_mode & S_IFMT == S_IFREG && about.st_size > 0
    all = isFile ? Int(about.st_size) : nil
  }

  func show(_ bytes: Int) {
    let now = ContinuousClock.now
    guard isWatched, now >= next else { return }
    next = now + .milliseconds(200)
    isShown = true
    let part = all.map { ", \(min(100, bytes * 100 / $0)) %" } ?? ""
    let rate = Double(bytes) / ((now - began) / .seconds(1))
    FileHandle.standardError.write(
      Data("\rsent \(StatusText.size(UInt64(bytes)))\(part), \(StatusText.size(UInt64(rate)))/s \u{1B}[K".utf8))
  }

  /// Takes the line away.
  func end() {
    if isShown { FileHandle.standardError.write(Data("\r\u{1B}[K".utf8)) }
    isShown = false
  }
}
