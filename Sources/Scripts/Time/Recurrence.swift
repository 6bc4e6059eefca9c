/// When something is done again and again. Times are µs since 1970 UTC.
package enum Recurrence: Sendable, Hashable {
  /// By a calendar and the clocks of a zone. `text`: the expression as it was written.
  case cron(Cron, text: String, Zone)
  /// At every whole multiple of a span since 1970: so it does not matter when anybody began to count.
  case every(Int64)

  /// The first time after `time`; nil when there is none.
  package func next(after time: Int64) -> Int64? {
    switch self {
    case .every(let span):
      let rest = time % span
      let (next, overflow) = time.addingReportingOverflow(span - (rest < 0 ? rest + span : rest))
      return overflow ? nil : next
    case .cron(let cron, _, let zone):
      let milliseconds = time.milliseconds
      guard TimeText.range.contains(milliseconds), let next = cron.next(after: milliseconds, in: zone),
        TimeText.range.contains(next)
      else { return nil }
      return next * 1000
    }
  }

  /// The last time after `start` and not after `end`; nil when there is none. It takes some thirty looks, however many
  /// times lie between.
  package func last(after start: Int64, through end: Int64) -> Int64? {
    func isFollowed(_ time: Int64) -> Bool { next(after: time).map { $0 <= end } ?? false }
    guard isFollowed(start) else { return nil }
    if case .every(let span) = self { return next(after: end - span) }
    // The last time is the first instant that no other follows.
    var (low, high) = (start.milliseconds, end.milliseconds)
    while high - low > 1 {
      let middle = low + (high - low) / 2
      if isFollowed(middle * 1000) { low = middle } else { high = middle }
    }
    return next(after: low * 1000)
  }

  /// `cron 0 2 * * *, Europe/Berlin`, `every 15m`: equal recurrences have equal texts.
  package var description: String {
    switch self {
    case .cron(_, let text, let zone): "cron \(text), \(zone)"
    case .every(let span): "every \(Self.text(span))"
    }
  }

  /// In the largest unit that makes it a whole number.
  private static func text(_ span: Int64) -> String {
    let unit = Span.units.last { span % $0.microseconds == 0 }
    return unit.map { "\(span / $0.microseconds)\($0.name)" } ?? "\(span / 1000)ms"
  }
}

extension Recurrence: CustomStringConvertible {}
