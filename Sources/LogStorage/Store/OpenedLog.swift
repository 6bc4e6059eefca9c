package import Events
internal import Platform

/// A log that is open for writing, with everything that belongs to it.
package struct OpenedLog: Sendable {
  package let identity: LogIdentity
  /// Numbers and positions go on where the log ends; for the engine's thread.
  package var framer: CommitFramer
  package let journal: FileJournal
  package let reader: LogReader
  /// The time of the last commit; nil in an empty log.
  package let lastCommitTime: Int64?
  /// What opening found and did.
  package let report: RecoveryReport
  let lock: any FileLock

  package var hash: StableHash { identity.hash }

  /// Stops the journal in good order and gives the folder free. The last call.
  package func close() throws(JournalError) {
    defer { lock.release() }
    try journal.stop()
  }
}

/// What opening a log found and did.
package struct RecoveryReport: Sendable {
  /// Whether the log was made by this opening.
  package var isNew = false
  /// Sentences for the operator.
  package var warnings: [String] = []

  package init() {}
}
