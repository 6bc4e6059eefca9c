internal import Events
package import LogStorage
package import Scripts

extension ViewDocument {
  /// A projection's document at a position, folded from the log alone: for tests of scripts. Nil when there is none.
  /// - Throws: `ViewError` when its first event fails, or the scripts have no such projection.
  package static func rehearsed(
    _ projection: String, key: String, by scripts: Generation, log: LogReader, identity: LogIdentity,
    at position: UInt64
  ) throws -> ViewDocument? {
    try PastView(projection, by: scripts, at: position, log: log, identity: identity).find(key: Array(key.utf8))
      .document
  }
}
