package import Events

/// What a step of an instance begins with. Entries must live until the step has returned.
package enum ProcessInput {
  /// The event that starts it: always the first step.
  case start(EntryView, Position)
  /// An event that the instance awaits, of one of the types of its wait.
  case event(EntryView, Position)
  /// The command that it has asked for is accepted: the events that came of it, with their commit times (µs).
  case accepted([(EntryView, Position, Int64)])
  /// The command is not: why.
  case rejected(String)
  /// What became of its request: the data are `{status, headers, body}`, or `{error}`.
  case answered(EntryView)
  /// The time of `await` or `sleep` is over.
  case timeout
  /// The instance is to roll back, because of this. It does at once when it awaits or sleeps. When it waits for an outcome or
  /// an answer it goes on waiting, and rolls back where it would wait next. One that rolls back already goes on with it.
  case abort(String)
  /// The instance ends here and now.
  case cancel(String)
}

/// What an instance waits for after a step.
package enum ProcessWait: Sendable, Equatable {
  /// The outcome of the command that is the step's last effect.
  case outcome
  /// The answer to the request that is the step's last effect.
  case answer
  /// An event of one of these types: `ProcessInput.event` with the first that was heard and not yet awaited. `all`: it comes
  /// only when one of each is there; then each is given with a step of its own, in any order, and the wait after each has
  /// the types that are left. `within`: µs from this step on; 0: only what is there already.
  case events(types: [String], all: Bool, within: Int64?)
  /// µs from this step on.
  case sleep(Int64)
  case ended(ProcessEnd)
}

/// How an instance has ended.
package enum ProcessEnd: Sendable, Equatable {
  case done
  case rolledBack(reason: String)
  case cancelled
  /// Its history is over, and a new one begins with the same start event, whose data are this JSON.
  case restarted([UInt8])
}

/// What a step happens with. The same step of the same history, run again, is given the same.
package struct StepContext {
  /// The event that started the instance; after a restart, with the data that `restart` gave.
  package let start: EntryView
  package let startPosition: Position
  /// The event that the step begins with; for a timeout the last one before.
  package let cause: EntryView
  package let causePosition: Position
  /// The commit time of the cause, µs.
  package let recorded: Int64
  /// The time of the turn that handed the step out, µs.
  package let now: Int64
  /// Empty: the instance goes by its start event.
  package let key: UnsafeRawBufferPointer
  package let readerNumber: UInt32
  /// Which step of the instance this is, from 0, going on through restarts.
  package let step: UInt32

  package init(
    start: EntryView, startPosition: Position, cause: EntryView, causePosition: Position, recorded: Int64, now: Int64,
    key: UnsafeRawBufferPointer, readerNumber: UInt32, step: UInt32
  ) {
    self.start = start
    self.startPosition = startPosition
    self.cause = cause
    self.causePosition = causePosition
    self.recorded = recorded
    self.now = now
    self.key = key
    self.readerNumber = readerNumber
    self.step = step
  }
}

/// How a step ended.
package enum StepOutcome: Sendable {
  /// Its effects are in the batch, and the instance waits, or has ended. `compensations`: the lines of those that a rollback
  /// would run, the last first.
  case waits(ProcessWait, log: [LogLine], compensations: [UInt32])
  /// The batch is as before, and the run is of no use any more.
  case failed(HandlerFailure)
  /// Not the script's fault. The batch is as before, and the run is of no use any more.
  case hostFault(String)
}
