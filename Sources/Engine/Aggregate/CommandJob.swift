package import Events

/// A command from outside on its way through the engine: into the log, and to its outcome.
///
/// `@unchecked Sendable`: the caller builds it and hands it over; from then on the engine thread alone touches it.
package final class CommandJob: @unchecked Sendable {
  /// One entry of the kind `command`.
  package let batch: EntryBatch
  private var complete: ((CommandOutcome) -> Void)?
  /// Where it stands in the log.
  var position: UInt64 = 0
  /// Its sender does not wait any longer, though it is not in the log yet.
  var isOverdue = false

  package init(_ batch: EntryBatch, complete: @escaping (CommandOutcome) -> Void) {
    self.batch = batch
    self.complete = complete
  }

  /// The first answer counts.
  func answer(_ outcome: CommandOutcome) {
    complete?(outcome)
    complete = nil
  }

  var isAnswered: Bool { complete == nil }
}

/// What became of a command as its sender is told.
package enum CommandOutcome: Sendable, Equatable {
  /// Durable. Its effects are `count` entries from `first` on.
  case accepted(position: Position, first: Position, count: Int)
  case rejected(position: Position, reason: String)
  /// An operator has given it up, or nobody owns it any more.
  case discarded(position: Position)
  /// It is durable and not decided yet. `letter`: it was given up, and waits for an operator.
  case pending(position: Position, letter: LetterID?)
  /// The same command came before and was decided then: the log says how.
  case decidedBefore(position: Position)
  /// No aggregate owns it. `near`: a command that was probably meant, with its owner.
  case unowned(near: String?)
  /// Another command, or an event, has the same source and id.
  case conflict(position: Position)
  case tooLarge(limit: Int)
  case overloaded
  case noSpace
  case stopped(maybeIn: Bool)
  case readFailed(String)

  init(notAppended outcome: AppendOutcome) {
    switch outcome {
    case .conflict(_, let position): self = .conflict(position: position)
    case .tooLarge(let limit): self = .tooLarge(limit: limit)
    case .overloaded: self = .overloaded
    case .noSpace: self = .noSpace
    case .stopped(let maybeIn): self = .stopped(maybeIn: maybeIn)
    case .readFailed(let message): self = .readFailed(message)
    case .appended, .expectationFailed, .streamFailed:
      preconditionFailure("a command expects nothing and has no stream")
    }
  }
}
