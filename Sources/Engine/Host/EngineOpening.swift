import Events
package import LogStorage
package import Scripts

/// Bringing the control state up to the end of the log at start.
extension ControlState {
  /// Folds the log after this state, up to commit `last`. `progress` is told the commit that was folded last, now and then.
  package mutating func catchUp(
    with log: LogReader, through last: UInt64 = .max, progress: (UInt64) -> Void = { _ in }
  ) throws {
    var folded = self
    var told = folded.commit
    try log.replay(fromCommit: folded.commit + 1) { header in
      if header.number > last { return false }
      try folded.apply(header)
      if header.number - told >= 10_000 {
        told = header.number
        progress(told)
      }
      return true
    }
    self = folded
  }

  /// Where readers stand whose hearing the scripts at start change: past everything that they did not hear by the
  /// hearing that the log records. A host that was killed has not written these steps down, and scripts that hear more
  /// than before must not be given what went by while nobody listened. By name.
  package func cursorsPassingUnheard(with scripts: Generation, in log: LogReader) throws -> [String: UInt64] {
    var cursors: [String: UInt64] = [:]
    for reader in readers where reader.life == .active && reader.kind != .destination && reader.cursor < position {
      let consumer = scripts.consumers.first { $0.name == reader.name && $0.readerKind == reader.kind }
      // One that is declared no more keeps its place, but for commands, which somebody else may own from now on.
      guard consumer != nil || reader.kind == .aggregate,
        consumer?.handlers.map(\.pattern.description) != reader.hearing
      else { continue }
      cursors[reader.name] = try cursorPassingUnheard(of: reader, in: log)
    }
    return cursors
  }

  private func cursorPassingUnheard(of reader: ReaderState, in log: LogReader) throws -> UInt64 {
    let patterns = reader.hearing.compactMap { TypePattern($0) }
    let kind = reader.kind == .aggregate ? RecordKind.command : .event
    var cursor = reader.cursor
    while cursor < position {
      guard let chunk = try log.chunk(from: Position(cursor + 1), through: Position(position)), chunk.count > 0 else {
        break
      }
      for at in max(chunk.firstPosition.rawValue, cursor + 1)...chunk.lastPosition.rawValue {
        let entry = chunk.entry(Position(at))
        let type = entry.type.text
        if entry.rawKind == kind.rawValue, patterns.contains(where: { $0.matches(type) }) { return cursor }
        cursor = at
      }
    }
    return cursor
  }
}
