internal import Events
internal import GRDB
internal import GRDBSQLite

/// A prepared statement that is bound and stepped without a value being made for it: for what happens once per document.
/// Only in the block that gave the database.
struct RawStatement {
  private let statement: Statement
  private let handle: OpaquePointer
  private let connection: OpaquePointer

  init(_ db: Database, _ sql: String) throws {
    statement = try db.cachedStatement(sql: sql)
    handle = statement.sqliteStatement
    guard let connection = db.sqliteConnection else { throw DatabaseError(resultCode: .SQLITE_MISUSE) }
    self.connection = connection
  }

  /// The bytes must stay until the step.
  func bind(_ index: Int32, text: UnsafeRawBufferPointer) throws {
    // A pointer is needed for the empty text as well: none would bind NULL.
    let code =
      text.isEmpty
      ? sqlite3_bind_text(handle, index, "", 0, nil)
      : sqlite3_bind_text(handle, index, text.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(text.count), nil)
    if code != SQLITE_OK { throw failure(code) }
  }

  func bind(_ index: Int32, _ value: Int64) throws {
    let code = sqlite3_bind_int64(handle, index, value)
    if code != SQLITE_OK { throw failure(code) }
  }

  /// Runs a statement that gives no rows.
  func run() throws {
    let code = sqlite3_step(handle)
    let ended = sqlite3_reset(handle)
    guard code == SQLITE_DONE else { throw failure(ended) }
  }

  /// Runs a query; `body` sees its first row, if there is one.
  func first(_ body: () -> Void) throws {
    let code = sqlite3_step(handle)
    if code == SQLITE_ROW { body() }
    let ended = sqlite3_reset(handle)
    guard code == SQLITE_ROW || code == SQLITE_DONE else { throw failure(ended) }
  }

  /// A column of the row; the bytes are good until the next step.
  func text(_ column: Int32) -> UnsafeRawBufferPointer {
    let bytes = sqlite3_column_text(handle, column)
    return UnsafeRawBufferPointer(start: bytes, count: Int(sqlite3_column_bytes(handle, column)))
  }

  func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

  private func failure(_ code: Int32) -> DatabaseError {
    DatabaseError(resultCode: ResultCode(rawValue: code), message: String(cString: sqlite3_errmsg(connection)))
  }
}
