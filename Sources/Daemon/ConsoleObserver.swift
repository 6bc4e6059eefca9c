import Engine
import Events
import Glibc
import LogStorage
import Platform
import Scripts
import Synchronization

/// Writes what the engine tells to the console.
final class ConsoleObserver: EngineObserver {
  /// Failures shown in a second; a consumer that fails at every event must not bury the rest of the log.
  private static let failuresPerSecond = 20

  private let console: Console
  private let clock = SystemClock()
  private let shown = Mutex<(second: UInt64, count: Int, left: Int)>((0, 0, 0))

  init(console: Console) { self.console = console }

  func log(_ lines: [LogLine], consumer: String, position: Position) {
    for line in lines { console.write("\(line.level)", consumer, line.text, [("position", "\(position)")]) }
  }

  func failed(_ unit: ProgressRecord.FailedUnit, consumer: String) {
    let second = clock.monotonicNanoseconds() / 1_000_000_000
    let (show, left) = shown.withLock { shown in
      var left = 0
      if shown.second != second {
        left = shown.left
        shown = (second, 0, 0)
      }
      shown.count += 1
      if shown.count > Self.failuresPerSecond { shown.left += 1 }
      return (shown.count <= Self.failuresPerSecond, left)
    }
    if left > 0 { console.write("warning", "engine", "\(left) more failures were not shown; see moondance status") }
    guard show else { return }
    let next =
      switch unit.disposition {
      case .retry: "attempt \(unit.attempt); again in \(Self.pause(unit.nextTry - unit.time))"
      case .deadAndBlocking: "attempt \(unit.attempt), the last: a dead letter; the key waits"
      case .deadAndSkipped: "attempt \(unit.attempt), the last: a dead letter; the key goes on"
      }
    console.write(
      "error", consumer, "\(unit.message) (\(next))",
      [("key", unit.key.description), ("position", "\(unit.position)")])
  }

  func warn(_ message: String) { console.write("warning", "engine", message) }

  func journalEnded(_ error: JournalError) {
    // Nothing may act on what is not known to be durable, so nothing is tidied up either (docs/faults, L3).
    let text = "moondance: \(error)\nmoondance: stopped at once; start again after the disk was checked\n"
    _ = Array(text.utf8).withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
    _exit(DaemonError.logFailed)
  }

  private static func pause(_ microseconds: Int64) -> String {
    microseconds < 1_000_000 ? "\(max(0, microseconds) / 1000) ms" : "\(microseconds / 1_000_000) s"
  }
}
