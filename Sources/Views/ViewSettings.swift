package import Events

/// What the views need besides the log.
package struct ViewSettings: Sendable {
  /// Where the documents are kept: `data/views.db`.
  package var path: String
  /// Bytes of documents that are kept in memory, for all views together.
  package var cacheBytes = 32 << 20
  /// A source that some deploy has stored in the log; for views that still run older code.
  package var source: @Sendable (ContentHash) -> [UInt8]?
  /// For the daemon's own log: `info`, `warning` or `error`, and a sentence.
  package var note: @Sendable (_ level: String, _ message: String) -> Void

  package init(
    path: String, source: @escaping @Sendable (ContentHash) -> [UInt8]? = { _ in nil },
    note: @escaping @Sendable (_ level: String, _ message: String) -> Void = { _, _ in }
  ) {
    (self.path, self.source, self.note) = (path, source, note)
  }
}
