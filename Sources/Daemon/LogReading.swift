import Engine
import Events
import HTTPAPI
import LogStorage
import Scripts

/// The door's reading of the log.
struct LogReading: EventReading {
  let log: LogReader
  /// The last commit that is durable: for what has no position.
  let durableCommit: @Sendable () -> UInt64
  let states: SubjectReading

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

  func failures(of ids: [LetterID], _ body: (LetterID, FailureHistory.Attempt) throws -> Bool) throws {
    let durable = durableCommit()
    try FailureHistory.forEach(of: ids.filter { $0.commit <= durable }, in: log) { id, _, attempt in
      try body(id, attempt)
    }
  }

  func history(of id: LetterID) throws -> FailureHistory? {
    id.commit <= durableCommit() ? try FailureHistory.read(id, from: log) : nil
  }

  func outcome(of command: Position) throws -> CommandOutcome? {
    try CommandOutcome.find(command, in: log, through: durableCommit())
  }

  func state(of subject: [UInt8], aggregate: String, at: Position, isHead: Bool) -> SubjectReading.Answer {
    states.read(aggregate, subject, at: at, head: isHead ? durableCommit() : nil)
  }

  func newestData(of event: EntryView, at position: Position, committed: Int64) -> NewestData {
    states.newestData(of: event, position: position, recorded: committed)
  }

  func position(until time: Int64) throws -> Position { try log.prefix(until: time).position }

  func reports(of places: [ProcessPlace]) throws -> [ProcessReport] {
    try ProcessReading(log: log).reports(of: places)
  }

  func report(of keys: [ProcessKey]) throws -> ProcessReport? { try ProcessReading(log: log).report(of: keys) }

  func timeline(of report: ProcessReport) throws -> ProcessTimeline {
    try ProcessReading(log: log).timeline(of: report)
  }

  func subject(of report: ProcessReport) throws -> [UInt8] { try ProcessReading(log: log).subject(of: report) }

  func preview(
    ofRewinding reader: HostStatus.Reader, to first: Position, durable: Position
  ) throws -> RewindPreview {
    try RewindPreview.count(
      reader: reader.number, hearing: reader.hearing.compactMap { TypePattern($0) }, from: first,
      cursor: Position(reader.cursor), durable: durable, in: log)
  }
}
