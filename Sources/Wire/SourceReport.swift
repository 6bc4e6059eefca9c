/// A source, as `GET /sources` gives it.
package struct SourceReport: Codable, Sendable, Equatable {
  package var name: String
  /// `http` or `postgres`.
  package var kind: String
  package var script: String
  /// Where events come from, without secrets.
  package var place: String
  /// `running`; of a table also `connecting` and `waiting`.
  package var state: String
  /// The last thing that went wrong, if nothing has gone well since.
  package var error: String?
  /// Since the daemon started: requests or rows, those that were there before, and those that failed.
  package var received: UInt64
  package var duplicates: UInt64
  package var failed: UInt64
  /// Rows that are not in the log yet.
  package var lag: UInt64

  package init(
    name: String, kind: String, script: String, place: String, state: String, error: String?, received: UInt64,
    duplicates: UInt64, failed: UInt64, lag: UInt64
  ) {
    (self.name, self.kind, self.script, self.place, self.state) = (name, kind, script, place, state)
    (self.error, self.received, self.duplicates, self.failed, self.lag) = (error, received, duplicates, failed, lag)
  }
}

/// The answer to `GET /sources`.
package struct SourceList: Codable, Sendable, Equatable {
  package var sources: [SourceReport]

  package init(sources: [SourceReport]) { self.sources = sources }
}
