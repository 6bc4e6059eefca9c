package import LogStorage
package import Scripts

/// What arrives at the engine's inbox.
package enum EngineInput: Sendable {
  case append(AppendJob)
  case lookedUp(AppendJob)
  case command(CommandJob)
  /// Its sender does not wait for the outcome any longer.
  case commandWaited(CommandJob)
  case batchDone(Batch)
  case fetched(reader: UInt32, FetchResult)
  case deploy(DeployJob)
  /// An attempt to deliver a message has ended.
  case delivered(DeliveryReport)
  /// The handlers folder does not load; the running generation stays.
  case loadRefused([String])
  case durable(commit: UInt64, position: UInt64)
  case journalEnded(JournalError)
  case status(@Sendable (HostStatus) -> Void)
  case processes(ProcessSearch)
  case process(key: String, name: String, @Sendable ([ProcessKey]?) -> Void)
  case operate(OperatorJob)
  /// Comes back from the reader thread.
  case lettersRead(OperatorJob)
  /// Comes back from the reader thread.
  case timersRead(TimersRead)
  case timers(TimerQuery, @Sendable ([TimerPlace]) -> Void)
  case letters(LetterQuery, @Sendable (LetterPage?) -> Void)
  /// A call did not come back: its worker was given up, and so is the batch. `unit`: its index there.
  case workerLost(Batch, unit: Int, seconds: Int)
  /// The call that took the worker has come back after all.
  case workerBack(Batch, unit: Int)
  /// Something that an operator should read.
  case warning(String)
  /// Finish what is accepted and stop.
  case stop
  /// What is still out after a stop will not come back in time.
  case stopWaiting
}

package enum FetchResult: Sendable {
  /// What was read from a position on, for the hearing of that number: nothing is heard before the position `before`, which
  /// lies in the chunk. Nil: nothing is heard in all that was asked for.
  case chunk(LogChunk?, from: UInt64, before: UInt64, hearing: UInt32)
  case failed(String)
}

/// Scripts that loaded, on their way to become the running generation.
///
/// `@unchecked Sendable`: handed over by its maker; the engine thread alone touches it afterwards.
package final class DeployJob: @unchecked Sendable {
  package let scripts: Generation
  /// Where consumers with `from = TIME` begin if they are new: their cursors, by name.
  package let starts: [String: UInt64]
  /// At the start of a host: how far consumers that hear other types than before have passed what they did not hear.
  package let passed: [String: UInt64]
  /// What it does to the readers, while its commit is framed.
  var changes: [ReaderChange] = []
  /// Of rules whose `key` it changes.
  var forgotten: [ForgottenKeys] = []
  private var complete: ((ReloadOutcome, [ForgottenKeys]) -> Void)?

  package init(
    scripts: Generation, starts: [String: UInt64] = [:], passed: [String: UInt64] = [:],
    complete: @escaping (ReloadOutcome, [ForgottenKeys]) -> Void
  ) {
    self.scripts = scripts
    self.starts = starts
    self.passed = passed
    self.complete = complete
  }

  func answer(_ outcome: ReloadOutcome) {
    complete?(outcome, forgotten)
    complete = nil
  }
}
