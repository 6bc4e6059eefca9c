/// Why something did not work out with PostgreSQL.
struct PostgresError: Error {
  enum Kind {
    /// The connection is gone, or cannot be made.
    case lost
    /// The time is over. What was sent may still happen.
    case late
    /// The server's error, whose SQLSTATE is `code`.
    case refused
  }

  var kind: Kind
  var code = ""
  /// May have secrets in it.
  var message: String

  /// The table is not there.
  var isMissingTable: Bool { code == "42P01" }

  /// Another connection was faster in making the table: PostgreSQL notices that in one of these ways.
  var isAlreadyThere: Bool { ["42P07", "23505", "42710"].contains(code) }

  /// Says nothing about the message: the server is short of something, is being stopped or has been made read-only, or
  /// the transaction met another.
  var isPassing: Bool {
    if kind != .refused { return true }
    // 26000: a pooler between us and the server has given us another session, without our statement.
    if ["55P03", "25006", "26000"].contains(code) { return true }
    return ["08", "40", "53", "57", "58", "XX"].contains(String(code.prefix(2)))
  }

  /// What is known of the session is not true any more.
  var endsSession: Bool { isPassing && !code.hasPrefix("40") && code != "55P03" }

  var sentence: String {
    switch kind {
    case .lost, .late: message
    case .refused: "PostgreSQL says: \(message) (\(code))"
    }
  }
}
