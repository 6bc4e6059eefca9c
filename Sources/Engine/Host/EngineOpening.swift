import Events
package import LogStorage
import Scripts

/// Bringing the control state up to the end of the log at start.
extension ControlState {
  /// Folds the log after this state. `progress` is told the commit that was folded last, now and then.
  package mutating func catchUp(
    with log: LogReader, progress: (UInt64) -> Void = { _ in }
  ) throws {
    var folded = self
    var told = folded.commit
    try log.replay(fromCommit: folded.commit + 1) { header in
      try folded.apply(header)
      if header.number - told >= 10_000 {
        told = header.number
        progress(told)
      }
      return true
    }
    self = folded
  }

  /// Lets every reader pass what it did not hear by the hearing that the log records, as far as the first event that
  /// it did hear. A host that was killed has not written these steps down, and scripts that hear more than before
  /// must not be given what went by while they did not hear it.
  package mutating func passUnheard(in log: LogReader) throws {
    for index in readers.indices where readers[index].life == .active && readers[index].cursor < position {
      let patterns = readers[index].hearing.compactMap { TypePattern($0) }
      var cursor = readers[index].cursor
      search: while cursor < position {
        guard let chunk = try log.chunk(from: Position(cursor + 1), through: Position(position)), chunk.count > 0 else {
          break
        }
        for at in max(chunk.firstPosition.rawValue, cursor + 1)...chunk.lastPosition.rawValue {
          let entry = chunk.entry(Position(at))
          let type = entry.type.text
          if entry.rawKind == RecordKind.event.rawValue, patterns.contains(where: { $0.matches(type) }) { break search }
          cursor = at
        }
      }
      readers[index].cursor = cursor
    }
  }
}
