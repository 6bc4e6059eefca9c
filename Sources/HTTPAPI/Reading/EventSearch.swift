internal import Events

/// Finds events in the durable log. Blocking, so it runs on a reading thread.
struct EventSearch {
  let reading: any EventReading
  private let filter: EventFilter
  /// The last durable position: nothing after it is looked at.
  let durable: Position
  let deadline: ContinuousClock.Instant

  /// How many positions are looked up at a time, or read between two looks at the clock.
  private static let step = 512

  init(_ reading: any EventReading, _ filter: EventFilter, durable: Position, for time: Duration) throws {
    var filter = filter
    filter.root = try Self.root(filter.correlation, reading, durable)
    (self.reading, self.filter, self.durable) = (reading, filter, durable)
    deadline = .now + time
  }

  private var isLate: Bool { ContinuousClock.now >= deadline }

  /// Calls `body` for every match from `from` on in order until it returns false or time is up. Gives the position to go
  /// on from: after the last one that `body` took, or after all that was searched.
  func forEach(from: Position, _ body: (EntryView, Position, Int64) -> Bool) throws -> Position {
    try forEach(from: from, through: durable, body)
  }

  private func forEach(
    from: Position, through: Position, _ body: (EntryView, Position, Int64) -> Bool
  ) throws -> Position {
    var cursor = from
    var isDone = false
    func visit(_ entry: EntryView, _ position: Position, _ committed: Int64) -> Bool {
      if filter.matches(entry, at: position), !body(entry, position, committed) {
        isDone = true
        return false
      }
      cursor = position.next
      return true
    }
    guard let index = filter.index else {
      while cursor <= through, !isDone {
        let end = min(through, Position(cursor.rawValue + UInt64(Self.step - 1)))
        let start = cursor
        try reading.visit(from: start, through: end, visit)
        if !isDone, cursor <= end { cursor = end.next }
        if isLate { break }
      }
      return cursor
    }
    if case .root(let root) = index, cursor <= root, root <= through { try reading.visit([root], visit) }
    while cursor <= through, !isDone {
      let found = try reading.positions(index, from: cursor, through: through, limit: Self.step)
      try reading.visit(found, visit)
      if isDone { break }
      if found.count < Self.step { return through.next }
      if isLate { break }
    }
    return cursor
  }

  /// Where the last `count` matches begin; the position after the durable ones when there is none.
  func start(ofLast count: Int) throws -> Position {
    var high = durable.rawValue
    var window = UInt64(max(count, Self.step))
    var found: [Position] = []
    while high > 0, found.count < count, !isLate {
      let low = high > window ? high - window + 1 : 1
      var part: [Position] = []
      _ = try forEach(from: Position(low), through: Position(high)) { _, position, _ in
        part.append(position)
        return true
      }
      found = part + found
      high = low - 1
      window = window.multipliedReportingOverflow(by: 4).overflow ? .max : window * 4
    }
    return found.count <= count ? found.first ?? durable.next : found[found.count - count]
  }

  /// A correlation that is the text of a position means the events below that root, unless the root itself was given
  /// another correlation.
  private static func root(
    _ correlation: [UInt8]?, _ reading: any EventReading, _ durable: Position
  ) throws -> Position? {
    guard let correlation, let root = EventFilter.position(correlation), root > .start, root <= durable else {
      return nil
    }
    var isRoot = false
    try reading.visit([root]) { entry, position, _ in
      isRoot = EventFilter.shows(correlation, entry, at: position)
      return false
    }
    return isRoot ? root : nil
  }
}
