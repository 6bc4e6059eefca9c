internal import CPostgres
internal import Glibc
internal import Platform

/// A session with a PostgreSQL server, for one thread. Nothing here waits beyond a deadline, except for the addresses
/// of the server's name.
final class PostgresConnection {
  /// What was given to libpq.
  let parameters: String
  private let connection: OpaquePointer
  private let clock: any HostClock
  private static let statement = "moondance"

  /// - Parameter parameters: a connection string or URI of libpq.
  init(_ parameters: String, clock: any HostClock, until deadline: UInt64) throws(PostgresError) {
    (self.parameters, self.clock) = (parameters, clock)
    // What comes later counts more: the connection string over the first, and the last over the string.
    let options = [
      ("fallback_application_name", "moondance"), ("dbname", parameters), ("client_encoding", "UTF8"),
    ]
    connection = Self.start(options)
    moondance_pg_ignore_notices(connection)
    // When this throws, `deinit` takes the connection away.
    try connect(until: deadline)
    PQsetnonblocking(connection, 1)
    PQenterPipelineMode(connection)
  }

  deinit { PQfinish(connection) }

  private static func start(_ options: [(name: String, value: String)]) -> OpaquePointer {
    let names = options.map { UnsafePointer(strdup($0.name)) } + [nil]
    let values = options.map { UnsafePointer(strdup($0.value)) } + [nil]
    defer { for text in names + values { free(UnsafeMutableRawPointer(mutating: text)) } }
    guard let connection = PQconnectStartParams(names, values, 1) else {
      fatalError("libpq gives no connection: out of memory")
    }
    return connection
  }

  /// The single values of a connection string, the password among them; nil when libpq cannot read it.
  static func values(of parameters: String) -> [String]? {
    guard let options = PQconninfoParse(parameters, nil) else { return nil }
    defer { PQconninfoFree(options) }
    var values: [String] = []
    var option = options
    while option.pointee.keyword != nil {
      if let value = option.pointee.val { values.append(String(cString: value)) }
      option += 1
    }
    return values
  }

  private func connect(until deadline: UInt64) throws(PostgresError) {
    var step = PGRES_POLLING_WRITING
    if PQstatus(connection) == CONNECTION_BAD { throw lost }
    while step != PGRES_POLLING_OK {
      switch step {
      case PGRES_POLLING_READING: try wait(for: POLLIN, until: deadline)
      case PGRES_POLLING_WRITING: try wait(for: POLLOUT, until: deadline)
      default: throw lost
      }
      step = PQconnectPoll(connection)
    }
  }

  /// Whether the server has not ended the session while nothing was asked of it.
  var isAlive: Bool {
    var descriptor = pollfd(fd: PQsocket(connection), events: Int16(POLLIN), revents: 0)
    // The last words of a server come before the end of the connection, which is what counts.
    while poll(&descriptor, 1, 0) > 0 { if PQconsumeInput(connection) == 0 { return false } }
    return PQstatus(connection) == CONNECTION_OK
  }

  // MARK: Statements

  /// Once, before the first insertion.
  func prepare(_ insertion: String, timeout milliseconds: Int64, until deadline: UInt64) throws(PostgresError) {
    // What is answered as delivered is on the server's disk, also where the server's default is not to wait for that.
    let settings = """
      select set_config('statement_timeout', '\(milliseconds)', false),
        case current_setting('synchronous_commit')
          when 'off' then set_config('synchronous_commit', 'on', false) end
      """
    try send(PQsendQueryParams(connection, settings, 0, nil, nil, nil, nil, 0))
    try send(PQsendPrepare(connection, Self.statement, insertion, 0, nil))
    try send(PQpipelineSync(connection))
    try receive(2, until: deadline)
  }

  /// A statement without parameters, in a transaction of its own.
  func run(_ statement: String, until deadline: UInt64) throws(PostgresError) {
    try send(PQsendQueryParams(connection, statement, 0, nil, nil, nil, nil, 0))
    try send(PQpipelineSync(connection))
    try receive(1, until: deadline)
  }

  /// What a statement with parameters gives, in a transaction of its own: rows of texts.
  func rows(
    _ statement: String, _ parameters: [String] = [], until deadline: UInt64
  ) throws(PostgresError) -> [[String?]] {
    let values = parameters.map { UnsafePointer(strdup($0)) }
    defer { for value in values { free(UnsafeMutableRawPointer(mutating: value)) } }
    try send(PQsendQueryParams(connection, statement, Int32(values.count), nil, values, nil, nil, 0))
    try send(PQpipelineSync(connection))
    var rows: [[String?]] = []
    try receive(1, until: deadline) { result in
      for row in 0..<PQntuples(result) {
        rows.append(
          (0..<PQnfields(result)).map { column in
            if PQgetisnull(result, row, column) == 1 { return nil }
            return PQgetvalue(result, row, column).map { String(cString: $0) }
          })
      }
    }
    return rows
  }

  /// Becomes readable when the server says something by itself: a notification, or the end of the session.
  var descriptor: Int32 { PQsocket(connection) }

  /// Takes the notifications that have come; whether there were any.
  func takeNotifications() -> Bool {
    var hasAny = false
    while let notification = PQnotifies(connection) {
      PQfreemem(notification)
      hasAny = true
    }
    return hasAny
  }

  /// Inserts all rows in one transaction. On return it is committed; after an error of the kind `refused` it is not.
  func insert(_ rows: some Collection<PostgresRow>, until deadline: UInt64) throws(PostgresError) {
    for row in rows { try send(row) }
    try send(PQpipelineSync(connection))
    try receive(rows.count, until: deadline)
  }

  private func send(_ row: PostgresRow) throws(PostgresError) {
    // Null is told by a nil pointer, and libpq has copied the rest when it returns.
    let offsets = row.values.reduce(into: [0]) { $0.append($0.last! + ($1?.count ?? 0)) }
    let bytes = row.values.flatMap { $0 ?? [] }
    let sent = bytes.withUnsafeBufferPointer { bytes in
      bytes.withMemoryRebound(to: CChar.self) { bytes in
        let values = row.values.indices.map { row.values[$0] == nil ? nil : bytes.baseAddress! + offsets[$0] }
        return PQsendQueryPrepared(connection, Self.statement, Int32(values.count), values, nil, nil, 0)
      }
    }
    try send(sent)
  }

  private func send(_ status: Int32) throws(PostgresError) { if status != 1 { throw lost } }

  /// Takes the results of so many statements, up to the end of their transaction. The transaction is committed only
  /// when the sync point behind it has been answered without an error.
  private func receive(
    _ count: Int, until deadline: UInt64, _ take: (OpaquePointer) -> Void = { _ in }
  ) throws(PostgresError) {
    var failure: PostgresError?
    var left = count
    while true {
      guard let result = try nextResult(until: deadline) else {
        left -= 1
        continue
      }
      defer { PQclear(result) }
      switch PQresultStatus(result) {
      case PGRES_PIPELINE_SYNC:
        if let failure { throw failure }
        if left > 0 { throw PostgresError(kind: .lost, message: "the server left out an answer") }
        return
      case PGRES_TUPLES_OK: take(result)
      case PGRES_COMMAND_OK, PGRES_PIPELINE_ABORTED: continue
      default:
        let error = error(result)
        if error.kind == .lost { throw error }
        failure = failure ?? error
      }
    }
  }

  /// Nil between the results of two statements.
  private func nextResult(until deadline: UInt64) throws(PostgresError) -> OpaquePointer? {
    while true {
      let unsent = PQflush(connection)
      if unsent < 0 { throw lost }
      if unsent == 0 && PQisBusy(connection) == 0 { return PQgetResult(connection) }
      try wait(for: unsent == 1 ? POLLIN | POLLOUT : POLLIN, until: deadline)
      if PQconsumeInput(connection) == 0 { throw lost }
    }
  }

  private func wait(for events: Int32, until deadline: UInt64) throws(PostgresError) {
    while true {
      let now = clock.monotonicNanoseconds()
      if now >= deadline { throw PostgresError(kind: .late, message: "no answer in time") }
      var descriptor = pollfd(fd: PQsocket(connection), events: Int16(events), revents: 0)
      let milliseconds = Int32(min((deadline - now) / 1_000_000 + 1, 60_000))
      if poll(&descriptor, 1, milliseconds) > 0 { return }
    }
  }

  private var lost: PostgresError {
    let text = String(cString: PQerrorMessage(connection))
    let lines = text.split(separator: "\n").map { $0.drop { $0 == " " || $0 == "\t" } }
    return PostgresError(kind: .lost, message: lines.first.map(String.init) ?? "the connection breaks")
  }

  private func error(_ result: OpaquePointer) -> PostgresError {
    guard let code = PQresultErrorField(result, Int32(moondance_pg_sqlstate)) else { return lost }
    let message = PQresultErrorField(result, Int32(moondance_pg_message)).map { String(cString: $0) } ?? ""
    return PostgresError(kind: .refused, code: String(cString: code), message: message)
  }
}
