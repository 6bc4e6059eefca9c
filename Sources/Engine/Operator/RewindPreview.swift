package import Events
package import LogStorage
package import Scripts

/// What a rewind would repeat, counted in the log before it is done.
package struct RewindPreview: Sendable, Equatable {
  /// Events that the consumer would be called for again.
  package var events = 0
  /// Events that the consumer made from them before; it would make their like again.
  package var effects = 0

  /// Counts from `first` on: events up to `cursor`, effects up to `durable`. Reads all of it; blocks on the disk.
  package static func count(
    reader: UInt32, hearing: [TypePattern], from first: Position, cursor: Position, durable: Position, in log: LogReader
  ) throws -> RewindPreview {
    var preview = RewindPreview()
    var next = first
    while next <= durable, let chunk = try log.chunk(from: next, through: durable), chunk.count > 0 {
      let last = min(chunk.lastPosition, durable)
      for raw in max(chunk.firstPosition, next).rawValue...last.rawValue {
        let position = Position(raw)
        let entry = chunk.entry(position)
        guard entry.rawKind == RecordKind.event.rawValue else { continue }
        if position <= cursor {
          let type = entry.type.text
          if hearing.contains(where: { $0.matches(type) }) { preview.events += 1 }
        }
        if entry.cause >= first.rawValue, entry.cause <= cursor.rawValue,
          chunk.commit(of: position).producer == .reader(reader)
        {
          preview.effects += 1
        }
      }
      next = chunk.lastPosition + 1
    }
    return preview
  }

  /// Why a rewind of `reader` to `first` would be refused; nil: it would be done. The engine decides again when it comes.
  package static func refusal(of reader: HostStatus.Reader, to first: Position) -> String? {
    if reader.kind == ReaderChange.Kind.aggregate.description {
      return "\(reader.name) is an aggregate: its commands are decided, and nothing decides them again"
    }
    if reader.kind == ReaderChange.Kind.process.description {
      return "\(reader.name) is a process: what its instances have done is done, and nothing does it again"
    }
    if reader.kind == ReaderChange.Kind.destination.description {
      return "\(reader.name) is a destination: what it has delivered is not delivered again; publish it again"
    }
    if reader.state == "removed" {
      return "\(reader.name) is not declared any more: declare it again, then rewind it"
    }
    if max(first.rawValue, 1) > reader.cursor {
      return "\(reader.name) has read up to \(reader.cursor): a rewind goes back, to a position up to \(reader.cursor)"
    }
    return nil
  }
}
