internal import Events

/// Finds events in the durable log. Blocking, so it runs on a reading thread.
struct EventSearch {
  let reading: any EventReading
  let filter: EventFilter
  let deadline: ContinuousClock.Instant

  /// How many positions are looked up at a time, or read between two looks at the clock.
  private static let step = 512

  init(_ reading: any EventReading, _ filter: EventFilter, for time: Duration) {
    self.reading = reading
    self.filter = filter
    deadline = .now + time
  }

  private var isLate: Bool { ContinuousClock.now >= deadline }

  /// Calls `body` for every match from `from` to `through` in order until it returns false or time is up. Gives the
  /// position to go on from: after the last one that `body` took, or after all that was searched.
  func forEach(
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
    guard let index = try bestIndex() else {
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

  /// Where the last `count` matches up to `through` begin; the position after `through` when there is none.
  func start(ofLast count: Int, through: Position) throws -> Position {
    var high = through.rawValue
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
    return found.count <= count ? found.first ?? through.next : found[found.count - count]
  }

  /// A correlation that is the position of an event without a correlation of its own is the events below that root.
  private func bestIndex() throws -> EventIndex? {
    if let index = filter.index, case .subject = index { return index }
    if let root = filter.correlation.flatMap(EventFilter.position) {
      var isRoot = false
      try reading.visit([root]) { entry, position, _ in
        isRoot = filter.matchesCorrelation(entry, at: position)
        return false
      }
      if isRoot { return .root(root) }
    }
    return filter.index
  }
}

extension EventFilter {
  /// Whether the entry shows the correlation that is asked for, whatever else is.
  func matchesCorrelation(_ entry: EntryView, at position: Position) -> Bool {
    EventFilter(correlation: correlation).matches(entry, at: position)
  }
}
