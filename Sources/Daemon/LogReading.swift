import Events
import HTTPAPI
import LogStorage

/// The door's reading of the log.
struct LogReading: EventReading {
  let log: LogReader

  func visit(
    from: Position, through: Position, _ body: (EntryView, Position, Int64) -> Bool
  ) throws {
    var next = max(from, Position(1))
    while next <= through, let chunk = try log.chunk(from: next, limitBytes: 256 << 10, through: through),
      chunk.count > 0
    {
      while next <= min(through, chunk.lastPosition) {
        guard body(chunk.entry(next), next, chunk.commit(of: next).time) else { return }
        next = next.next
      }
    }
  }

  func visit(_ positions: [Position], _ body: (EntryView, Position, Int64) -> Bool) throws {
    var current: LogChunk?
    for position in positions {
      if current?.contains(position) != true {
        current = try log.chunk(from: position, limitBytes: 16 << 10, through: position)
      }
      guard let chunk = current, chunk.contains(position) else { continue }
      guard body(chunk.entry(position), position, chunk.commit(of: position).time) else { return }
    }
  }

  func positions(_ index: EventIndex, from: Position, through: Position, limit: Int) throws -> [Position] {
    switch index {
    case .subject(let subject):
      try subject.withUnsafeBytes { try log.positions(ofSubject: $0, from: from, through: through, limit: limit) }
    case .type(let type):
      try type.withUnsafeBytes { try log.positions(ofType: $0, from: from, through: through, limit: limit) }
    case .root(let root): try log.positions(ofRoot: root, from: from, through: through, limit: limit)
    }
  }
}
