package import Events
internal import Platform

/// A log that is open for writing, with everything that belongs to it.
package struct OpenedLog: Sendable {
  package let identity: LogIdentity
  /// Numbers and positions go on where the log ends; for the engine's thread.
  package var framer: CommitFramer
  package let journal: FileJournal
  package let reader: LogReader
  /// The identities from outside that the log may have; for the engine's thread.
  package var identities: IdentityIndex
  package let snapshots: SnapshotStore
  /// The time of the last commit; nil in an empty log.
  package let lastCommitTime: Int64?
  /// What opening found and did.
  package let report: RecoveryReport
  /// Works by itself, unless the log was opened without threads.
  package var indexer: LogIndexer { journal.indexer }
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
  /// The torn tail that was cut off, if there was one.
  package var cut: Cut?
  /// Index files that were missing or damaged and have been built again.
  package var rebuiltIndexes: [String] = []
  /// Sentences for the operator.
  package var warnings: [String] = []

  package init() {}

  package struct Cut: Sendable, Equatable {
    package let path: String
    package let offset: Int
    package let bytes: Int
    /// The file that keeps the bytes.
    package let keptAs: String
  }
}
