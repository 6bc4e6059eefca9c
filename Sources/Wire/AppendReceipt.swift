/// The answer to `POST /events`: everything is durable.
package struct AppendReceipt: Codable, Sendable, Equatable {
  /// Positions of the first and the last event; a duplicate has the position it got the first time. Nil: no event was sent.
  package var first: UInt64?
  package var last: UInt64?
  /// How many events were sent, duplicates included.
  package var count: Int
  /// How many of these were in the log before.
  package var duplicates: Int

  package init(first: UInt64?, last: UInt64?, count: Int, duplicates: Int) {
    (self.first, self.last, self.count, self.duplicates) = (first, last, count, duplicates)
  }
}

/// The answer to `POST /reload`.
package struct ReloadReceipt: Codable, Sendable, Equatable {
  /// The generation that runs now.
  package var generation: UInt32
  /// Whether this load made it; false when nothing had changed.
  package var changed: Bool
  /// One `file:line: what` text each.
  package var warnings: [String]

  package init(generation: UInt32, changed: Bool, warnings: [String]) {
    (self.generation, self.changed, self.warnings) = (generation, changed, warnings)
  }
}

/// The answer to `GET /health/live` and, when all is well, `GET /health/ready`.
package struct HealthReport: Codable, Sendable, Equatable {
  /// `live` or `ready`.
  package var status: String

  package init(status: String) { self.status = status }
}
