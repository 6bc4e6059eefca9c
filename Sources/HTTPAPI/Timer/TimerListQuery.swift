internal import Engine
internal import Events
internal import HTTPTypes
internal import Wire

/// What `GET /timers` asks for.
struct TimerListQuery: Sendable {
  static let names = ["limit", "after"]

  var limit: Int?
  var after: TimerPlace?

  init(_ query: Query?, maximum: Int) throws(Problem) {
    guard let query else { return }
    limit = try query.number("limit", in: 1...UInt64(maximum)).map { Int($0) }
    guard let text = query.text("after") else { return }
    guard let place = TimerPlace(cursor: text) else {
      throw Problem(.badRequest, "The query's after is what the page before gives as next.")
    }
    after = place
  }
}

extension TimerPlace {
  /// Where a page ends: the due time in µs, a dot, the position.
  var cursor: String { "\(due).\(position)" }

  init?(cursor: String) {
    let parts = cursor.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 2, let due = Int64(parts[0]), let position = UInt64(parts[1]) else { return nil }
    self.init(due: due, position: position)
  }
}

extension DoorResponder {
  func timers(_ query: TimerListQuery) async throws(Problem) -> Answer {
    let limit = query.limit ?? services.limits.pageTimers
    // One more than is given, to know whether there is another page.
    let places = await services.host.timers(TimerQuery(after: query.after, limit: limit + 1))
    let page = Array(places.prefix(limit))
    let status = await services.host.status()
    let names = Dictionary(status.readers.map { ($0.number, $0.name) }, uniquingKeysWith: { first, _ in first })
    let reports = try await services.reading { [log = services.log] in
      var found: [UInt64: TimerReport] = [:]
      try log.visit(page.map { Position($0.position) }.sorted()) { entry, position, _ in
        found[position.rawValue] = TimerReport(entry, at: position.rawValue, names)
        return true
      }
      return page.compactMap { found[$0.position] }
    }
    let next = places.count > limit ? page.last?.cursor : nil
    return Answer(.ok, TimerList(timers: reports, next: next, total: status.timers.pending))
  }
}

extension TimerReport {
  /// - names: of readers, by number.
  init(_ timer: EntryView, at position: UInt64, _ names: [UInt32: String]) {
    let scope = timer.timerScope
    self.init(
      position: position, due: Timestamp.text(timer.due ?? 0), type: timer.type.text, subject: timer.subject.text,
      reader: names[scope.reader] ?? "#\(scope.reader)", key: scope.key.text, id: scope.id.map(\.text))
  }
}
