internal import Synchronization

/// Passes a journal's reports on: one at a time, and none after the end.
final class JournalReporter: Sendable {
  private struct State {
    var handler: (@Sendable (JournalReport) -> Void)?
    var hasEnded = false
  }

  private let state = Mutex(State())

  func start(_ handler: @escaping @Sendable (JournalReport) -> Void) {
    state.withLock { state in
      precondition(state.handler == nil, "a journal is started once")
      state.handler = handler
    }
  }

  /// Any thread. The lock is held meanwhile, which is what puts the reports in order; so a handler must not call the
  /// journal.
  func report(_ report: JournalReport) {
    state.withLock { state in
      if state.hasEnded { return }
      if case .ended = report { state.hasEnded = true }
      state.handler?(report)
    }
  }
}
