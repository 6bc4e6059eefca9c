import Engine
import Events
import LogStorage

/// The journal of the log, with an ear at its reports.
///
/// `@unchecked Sendable`: a run has one thread.
final class SimulatedJournal: Journal, @unchecked Sendable {
  private let journal: FileJournal
  private let isEarly: Bool
  private var report: (@Sendable (JournalReport) -> Void)?

  init(_ journal: FileJournal, bug: Bug?) {
    self.journal = journal
    isEarly = bug == .earlyAcknowledgement
  }

  func start(_ report: @escaping @Sendable (JournalReport) -> Void) {
    self.report = report
    journal.start(report)
  }

  func append(_ group: LogChunk) throws(JournalError) {
    try journal.append(group)
    guard isEarly else { return }
    report?(
      .durable(DurablePoint(commit: group.lastCommit, position: group.lastPosition, time: group.last.time)))
  }

  func sync() { journal.sync() }
  func hasRoom(for bytes: Int) -> Bool { journal.hasRoom(for: bytes) }
  var activeFirstPosition: Position { journal.activeFirstPosition }
  var durable: DurablePoint { journal.durable }
  func stop() throws(JournalError) { try journal.stop() }
}
