/// The rows of a table that could not become events, and when each is tried again. Times are nanoseconds of a clock that
/// does not go back.
struct FailedRows {
  struct Row: Equatable {
    var subject: String?
    var reason: String
    /// In a row.
    var attempts: Int
    var due: UInt64
  }

  /// At the bound nothing more is read: what would be passed over could not be remembered.
  static let maximum = 1000
  private static let first: UInt64 = 10_000_000_000
  private static let longest: UInt64 = 600_000_000_000

  /// By id.
  private(set) var rows: [String: Row] = [:]

  var isFull: Bool { rows.count >= Self.maximum }
  var isEmpty: Bool { rows.isEmpty }

  mutating func fail(_ id: String, subject: String?, _ reason: String, now: UInt64) {
    let attempts = (rows[id]?.attempts ?? 0) + 1
    let pause = min(Self.longest, Self.first << UInt64(min(attempts - 1, 10)))
    rows[id] = Row(subject: subject, reason: reason, attempts: attempts, due: now + pause)
  }

  mutating func succeed(_ ids: some Sequence<String>) {
    if rows.isEmpty { return }
    for id in ids { rows[id] = nil }
  }

  /// All of them may be tried now: the scripts are others than before.
  mutating func makeDue(now: UInt64) {
    for id in rows.keys { rows[id]!.due = min(rows[id]!.due, now) }
  }

  /// Those that were due when a page was read that left nothing out, and did not fail again, are gone from the table.
  mutating func forgetGone(dueAt moment: UInt64) { rows = rows.filter { $0.value.due > moment } }

  /// Subjects whose rows wait behind one that failed.
  func waitingSubjects(now: UInt64) -> [String] {
    Set(rows.values.filter { $0.due > now }.compactMap(\.subject)).sorted()
  }

  /// Rows that wait alone, since they have no subject.
  func waitingIDs(now: UInt64) -> [String] {
    rows.filter { $0.value.due > now && $0.value.subject == nil }.keys.sorted()
  }

  var nextDue: UInt64? { rows.values.map(\.due).min() }

  /// For the status: one of them, and how many there are.
  var summary: String? {
    guard let (id, row) = rows.min(by: { $0.key < $1.key }) else { return nil }
    let others = rows.count > 1 ? " (and \(rows.count - 1) more)" : ""
    return "row \(id) is no event: \(row.reason)\(others)"
  }
}
