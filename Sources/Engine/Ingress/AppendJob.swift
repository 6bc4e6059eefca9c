package import Events
import Synchronization

/// One request of the door on its way through the engine. Answered exactly once.
///
/// `@unchecked Sendable`: the caller builds it and hands it over; from then on the engine thread alone touches it, until
/// `DurableAnswers` hands it on to whoever answers it.
package final class AppendJob: @unchecked Sendable {
  package let batch: EntryBatch
  package let expecting: Position?
  package let stream: IngressStream?
  /// When it is a command whose sender waits for the outcome.
  let command: CommandJob?
  private var complete: ((AppendOutcome) -> Void)?

  /// For each entry that may be a duplicate, what the log says of its identity.
  var lookedUp: [Int: IdentityAnswer] = [:]
  /// When it went to look: the state of the identity index, and the next position. What came later was not seen.
  var lookedUpIn: (sealings: Int, next: Position)?
  /// The last event of the subject, as the reader thread found it, and up to which position it looked.
  var subjectHead: (last: UInt64, through: UInt64)?

  package init(
    batch: EntryBatch, expecting: Position?, stream: IngressStream?, complete: @escaping (AppendOutcome) -> Void
  ) {
    command = nil
    self.batch = batch
    self.expecting = expecting
    self.stream = stream
    self.complete = complete
  }

  /// A command on its way into the log. What becomes of it is told to `command`; here only that it is not in.
  init(_ command: CommandJob) {
    batch = command.batch
    expecting = nil
    stream = nil
    self.command = command
    complete = { command.answer(CommandOutcome(notAppended: $0)) }
  }

  /// Looking failed: the log could not be read.
  var readFailure: String?

  func forgetAnswers() {
    lookedUp = [:]
    lookedUpIn = nil
  }

  func answer(_ outcome: AppendOutcome) {
    precondition(complete != nil, "an append is answered once")
    switch outcome {
    case .appended: break
    default: stream?.hasFailed = true
    }
    complete?(outcome)
    complete = nil
  }
}

/// What the log knows of an outside identity.
package enum IdentityAnswer: Sendable, Equatable {
  case unknown
  /// The same event is at `position`.
  case same(position: UInt64)
  /// Another event with the same identity is at `position`.
  case different(position: UInt64)
}

extension EntryView {
  /// Whether `other` has the same outside identity.
  func hasIdentity(of other: EntryView) -> Bool {
    guard let id = attributes[.id], let source = attributes[.source],
      let otherID = other.attributes[.id], let otherSource = other.attributes[.source]
    else { return false }
    return id.equals(otherID) && source.equals(otherSource)
  }
}
