/// A schedule, as `GET /schedules` gives it. Times are RFC 3339.
package struct ScheduleReport: Codable, Sendable, Equatable {
  /// A run that was made.
  package struct Run: Codable, Sendable, Equatable {
    /// When it was due.
    package var due: String
    /// Of the event or command that it has made.
    package var position: UInt64

    package init(due: String, position: UInt64) { (self.due, self.position) = (due, position) }
  }

  package var name: String
  /// The file and line that declare it.
  package var script: String
  package var line: Int
  /// `cron 0 2 * * *, Europe/Berlin`, `every 15m`.
  package var times: String
  /// `event` or `command`, its type, and whom it is about or for.
  package var kind: String
  package var type: String
  package var subject: String
  /// `once`, `skip` or `all`.
  package var missed: String
  /// Null: it is due no more, or not before the log has a time.
  package var next: String?
  package var last: Run?

  package init(
    name: String, script: String, line: Int, times: String, kind: String, type: String, subject: String, missed: String,
    next: String?, last: Run?
  ) {
    (self.name, self.script, self.line, self.times, self.kind) = (name, script, line, times, kind)
    (self.type, self.subject, self.missed, self.next, self.last) = (type, subject, missed, next, last)
  }
}

/// The answer to `GET /schedules`.
package struct ScheduleList: Codable, Sendable, Equatable {
  package var schedules: [ScheduleReport]

  package init(schedules: [ScheduleReport]) { self.schedules = schedules }
}
