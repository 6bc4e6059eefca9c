import Events

/// What an operator asks about pending timers.
package struct TimerQuery: Sendable {
  /// Only those behind this one.
  package var after: TimerPlace?
  package var limit: Int

  package init(after: TimerPlace? = nil, limit: Int) { (self.after, self.limit) = (after, limit) }
}

extension EngineCore {
  /// The next timers whose entries are durable.
  func timersPage(_ query: TimerQuery) -> [TimerPlace] {
    control.timers.page(after: query.after, through: durablePosition, limit: query.limit)
  }
}
