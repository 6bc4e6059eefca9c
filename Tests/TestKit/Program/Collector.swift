internal import Foundation
internal import Platform
internal import Synchronization

/// Gathers what a program prints while it runs, on a thread of its own: a handle's readability handler may miss the end.
final class Collector: Sendable {
  private let pipe = Pipe()
  private let bytes = Mutex(Data())
  private let ended = DispatchSemaphore(value: 0)

  /// Where the program prints.
  var descriptor: Int32 { pipe.fileHandleForWriting.fileDescriptor }

  /// The program has the descriptor now: what it prints is gathered until nobody has it any more.
  func begin() {
    try? pipe.fileHandleForWriting.close()
    let reading = pipe.fileHandleForReading
    _ = NamedThread.start(name: "collector", stackBytes: 512 << 10) { [self] in
      while true {
        let data = reading.availableData
        if data.isEmpty { break }
        bytes.withLock { $0 += data }
      }
      ended.signal()
    }
  }

  var soFar: String { String(decoding: bytes.withLock { $0 }, as: UTF8.self) }

  /// All of it. What the program has started may hold its descriptors for longer than it lives: a while is waited for that.
  func finish() -> String {
    if ended.wait(timeout: .now() + 10) == .success { ended.signal() }
    return soFar
  }
}
