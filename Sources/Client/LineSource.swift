internal import Glibc

/// Hands out what a file descriptor gives, in whole lines, without ever waiting for it. So a stream that is stopped
/// ends after a line, and one whose source is slow can still hear the answer.
struct LineSource {
  enum Portion: Equatable {
    case bytes(Int)
    /// There is nothing yet.
    case later
    case end
    case failed(errno: Int32)
  }

  /// How often a silent stream sends a space, which means nothing before a line, so that the daemon keeps it open.
  private static let silence: Duration = .seconds(20)
  /// A line longer than any event is handed out as it comes; the daemon refuses it.
  private static let longestLine = 4 << 20

  let descriptor: Int32
  private let isStopped: () -> Bool
  private var buffer: [UInt8] = []
  private var start = 0
  /// Where the last whole line in the buffer ends.
  private var ready = 0
  private var hasEnded = false
  private var spoke = ContinuousClock.now

  /// - Parameter isStopped: true ends the source after the line that is being handed out.
  init(descriptor: Int32, isStopped: @escaping () -> Bool) {
    self.descriptor = descriptor
    self.isStopped = isStopped
  }

  /// Fills as much of `target` as there is.
  mutating func read(into target: UnsafeMutableRawBufferPointer) -> Portion {
    while true {
      if start < ready {
        let count = min(target.count, ready - start)
        buffer.withUnsafeBytes { target.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[start..<start + count])) }
        start += count
        spoke = .now
        return .bytes(count)
      }
      if hasEnded || isStopped() { return .end }
      var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      let answer = poll(&waiting, 1, 0)
      if answer < 0 && errno != EINTR { return .failed(errno: errno) }
      if answer <= 0 { return later(target) }
      switch fill() {
      case nil: continue
      case EINTR?: continue
      case EAGAIN?: return later(target)
      case let error?: return .failed(errno: error)
      }
    }
  }

  private mutating func later(_ target: UnsafeMutableRawBufferPointer) -> Portion {
    guard spoke.duration(to: .now) >= Self.silence else { return .later }
    spoke = .now
    target[0] = UInt8(ascii: " ")
    return .bytes(1)
  }

  /// One read; what went wrong with it.
  private mutating func fill() -> Int32? {
    buffer.removeFirst(start)
    ready -= start
    start = 0
    let before = buffer.count
    let room = 256 << 10
    buffer.append(contentsOf: repeatElement(0, count: room))
    let count = buffer.withUnsafeMutableBytes { [descriptor] in Glibc.read(descriptor, $0.baseAddress! + before, room) }
    let error = errno
    buffer.removeLast(room - max(0, count))
    if count < 0 { return error }
    if count == 0 {
      hasEnded = true
      ready = buffer.count
    } else if let line = buffer[before...].lastIndex(of: UInt8(ascii: "\n")) {
      ready = line + 1
    } else if buffer.count > Self.longestLine {
      ready = buffer.count
    }
    return nil
  }
}
