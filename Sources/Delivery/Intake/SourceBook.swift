internal import Engine
internal import Platform
internal import Scripts
internal import Synchronization

/// What is known of each source since the daemon started, and what operators are told of it. Any thread.
final class SourceBook: Sendable {
  struct Page {
    var received: UInt64 = 0
    var duplicates: UInt64 = 0
    var failed: UInt64 = 0
    var lag: UInt64 = 0
    var state = "running"
    var error: String?
    /// The second in which something was told last, and what was not told since.
    var told: UInt64 = 0
    var untold = 0
  }

  private let pages = Mutex<[String: Page]>([:])
  private let settings: IntakeSettings

  init(_ settings: IntakeSettings) { self.settings = settings }

  func change(_ source: String, _ body: (inout Page) -> Void) {
    pages.withLock { body(&$0[source, default: Page()]) }
  }

  func status(_ source: SourceDeclaration) -> SourceStatus {
    let page = pages.withLock { $0[source.name] } ?? Page()
    var status = SourceStatus(source, state: page.state)
    (status.error, status.received, status.duplicates) = (page.error, page.received, page.duplicates)
    (status.failed, status.lag) = (page.failed, page.lag)
    return status
  }

  /// Notes what went wrong, and tells it, though not more than once a second for a source: a provider that sends
  /// nonsense must not bury the rest of the log.
  func tell(_ level: IntakeSettings.Level, _ source: String, _ text: String, details: String = "") {
    let second = settings.clock.monotonicNanoseconds() / 1_000_000_000
    let untold: Int? = pages.withLock { pages in
      var page = pages[source, default: Page()]
      defer { pages[source] = page }
      page.error = text
      if page.told == second {
        page.untold += 1
        return nil
      }
      defer { (page.told, page.untold) = (second, 0) }
      return page.untold
    }
    guard let untold else { return }
    let more = untold > 0 ? " (and \(untold) more like it before)" : ""
    settings.note(level, source, text + more + (details.isEmpty ? "" : "\n" + details))
  }
}
