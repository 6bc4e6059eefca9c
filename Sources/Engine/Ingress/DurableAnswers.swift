import DequeModule
import Synchronization

/// Appends that are in the log and whose senders wait until it is durable. The engine adds them; whoever learns first that
/// they are durable answers them: usually the thread that has synced, so that no other has to be woken for an answer.
final class DurableAnswers: Sendable {
  private typealias Waiting = (commit: UInt64, job: AppendJob, outcome: AppendOutcome)

  private let waiting = Mutex<Deque<Waiting>>([])

  var isEmpty: Bool { waiting.withLock { $0.isEmpty } }

  /// The engine's thread, with commits that never go back. The job is not the caller's any more.
  func add(_ job: AppendJob, _ outcome: AppendOutcome, commit: UInt64) {
    waiting.withLock { $0.append((commit, job, outcome)) }
  }

  /// Any thread: everything up to `commit` is durable.
  func becameDurable(through commit: UInt64) {
    while let next = takeFirst(through: commit) { next.job.answer(next.outcome) }
  }

  private func takeFirst(through commit: UInt64) -> Waiting? {
    waiting.withLock { waiting in
      guard let first = waiting.first, first.commit <= commit else { return nil }
      return waiting.removeFirst()
    }
  }
}
