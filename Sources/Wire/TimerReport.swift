/// A pending timer, as `GET /timers` gives it.
package struct TimerReport: Codable, Sendable, Equatable {
  /// Of the timer in the log.
  package var position: UInt64
  /// RFC 3339.
  package var due: String
  /// Of the event that it will be.
  package var type: String
  package var subject: String
  /// Who has set it, for which of its keys, and under which name; null: under none.
  package var reader: String
  package var key: String
  package var id: String?

  package init(
    position: UInt64, due: String, type: String, subject: String, reader: String, key: String, id: String?
  ) {
    (self.position, self.due, self.type, self.subject) = (position, due, type, subject)
    (self.reader, self.key, self.id) = (reader, key, id)
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(position, forKey: .position)
    try container.encode(due, forKey: .due)
    try container.encode(type, forKey: .type)
    try container.encode(subject, forKey: .subject)
    try container.encode(reader, forKey: .reader)
    try container.encode(key, forKey: .key)
    try container.encode(id, forKey: .id)
  }
}

/// The answer to `GET /timers`.
package struct TimerList: Codable, Sendable, Equatable {
  /// The next due first.
  package var timers: [TimerReport]
  /// What `after` must be to go on; null: this was the last page.
  package var next: String?
  /// How many are pending, on all pages.
  package var total: Int

  package init(timers: [TimerReport], next: String?, total: Int) {
    (self.timers, self.next, self.total) = (timers, next, total)
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(timers, forKey: .timers)
    try container.encode(next, forKey: .next)
    try container.encode(total, forKey: .total)
  }
}
