import Events
import LogStorage

/// Entries of due timers that lie behind the tail, for the reader thread.
package struct TimerRequest: Sendable {
  /// The bytes that are kept of one request.
  static let mostBytes = 16 << 20

  /// Positions in the order in which the timers are due.
  package var positions: [UInt64]
}

/// What the reader thread found: the first of the request's timers, as many as fit into memory.
package enum TimersRead: Sendable {
  case entries([UInt64: [UInt8]])
  case failed(String)
}

extension LogWork {
  /// Reads in the order of the log, and keeps what is due first.
  package func read(_ request: TimerRequest) -> EngineInput {
    let ranks = Dictionary(uniqueKeysWithValues: request.positions.enumerated().map { ($1, $0) })
    var kept: [UInt64: [UInt8]] = [:]
    var bytes = 0
    var cut = Int.max
    do {
      try log.entries(at: request.positions.sorted()) { position, entry, _ in
        guard let rank = ranks[position.rawValue], rank < cut else { return true }
        kept[position.rawValue] = Array(entry.whole)
        bytes += entry.length
        if bytes > TimerRequest.mostBytes {
          for position in kept.keys.sorted(by: { ranks[$0]! > ranks[$1]! }).dropLast() {
            if bytes <= TimerRequest.mostBytes / 2 { break }
            bytes -= kept.removeValue(forKey: position)!.count
            cut = ranks[position]!
          }
        }
        return true
      }
    } catch {
      return .timersRead(.failed("\(error)"))
    }
    return .timersRead(.entries(kept))
  }
}
