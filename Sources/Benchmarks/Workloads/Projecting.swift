import Engine
import Events
import Foundation
import GRDBSQLite
import LogStorage
import Platform
import Scripts
import Views

/// W3: events of a log folded into documents in SQLite.
enum Projecting {
  static let workload: Workload = Workload("W3", "fold events into documents in SQLite") { run in
    let figures = try await run.inRounds("W3") {
      try floor(in: run.folder)
    } value: {
      try await folds(run)
    }
    return [
      BenchResult(
        "W3", workload.summary, unit: "folds/s", figures, floorWhat: "a row for each event by a prepared statement",
        budget: .atLeast(100_000))
    ]
  }

  static let source = """
    projection "subjects" {
      initial = { count = 0, sum = 0 },
      on = {
        Measured = function(document, event)
          document.count = document.count + 1
          document.sum = document.sum + event.data.n
          document.last = event.data.n
        end,
      },
    }
    """

  private static let count = 400_000

  /// Folds a second, from a log that is durable to the last transaction of the view.
  private static func folds(_ run: BenchRun) async throws -> Double {
    try await BenchHost.with(run) { host in
      try await host.append(host.batches(count, type: "Measured", recordBytes: 200))
      let views = RunningViews(
        settings: ViewSettings(path: host.folder + "/views.db"), log: host.opened.reader,
        identity: host.opened.identity, clock: SystemClock())
      let scripts = try Generation.load([SourceFile(path: "bench.lua", text: source)]).get()
      let time = try await seconds {
        views.start()
        await views.deploy(scripts)
        views.durableAdvanced(to: host.engine.durable)
        try await views.wait(for: "subjects", toRead: Position(UInt64(count)), timeout: .seconds(120))
      }
      await views.stop()
      return Double(count) / time
    }
  }

  /// Rows a second of a bare loop: a row of the same size for each event, by a prepared statement, in transactions as
  /// large as those of the views. No log is read and no script is called; but the views write a document once in a
  /// transaction however often it changes, and this does not.
  private static func floor(in folder: String) throws -> Double {
    let path = folder + "/bench-rows-\(getpid()).db"
    defer { for suffix in ["", "-wal", "-shm"] { unlink(path + suffix) } }
    var database: OpaquePointer?
    guard sqlite3_open(path, &database) == SQLITE_OK else { throw BenchError("cannot write to \(folder)") }
    defer { sqlite3_close(database) }
    func run(_ sql: String) throws {
      guard sqlite3_exec(database, sql, nil, nil, nil) == SQLITE_OK else { throw error(database) }
    }
    try run(
      """
      PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -8192;
      CREATE TABLE rows(key TEXT NOT NULL PRIMARY KEY, document TEXT NOT NULL, position INTEGER NOT NULL)
      """)
    var statement: OpaquePointer?
    let sql = """
      INSERT INTO rows(key, document, position) VALUES (?, ?, ?)
      ON CONFLICT (key) DO UPDATE SET document = excluded.document, position = excluded.position
      """
    guard sqlite3_prepare_v2(database, sql, -1, &statement, nil) == SQLITE_OK else { throw error(database) }
    defer { sqlite3_finalize(statement) }
    let (subjects, perTransaction) = (10_000, RunningViews.documentsPerTransaction)
    let start = ContinuousClock.now
    var done = 0
    while done < count {
      try run("BEGIN IMMEDIATE")
      for row in done..<min(count, done + perTransaction) {
        let key = Array("subject-\(row % subjects)".utf8)
        let document = Array(#"{"count":\#(row / subjects + 1),"last":\#(row),"sum":\#(row * 7)}"#.utf8)
        let code = key.withUnsafeBytes { key in
          document.withUnsafeBytes { document in
            let text = document.baseAddress?.assumingMemoryBound(to: CChar.self)
            sqlite3_bind_text(
              statement, 1, key.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(key.count), nil)
            sqlite3_bind_text(statement, 2, text, Int32(document.count), nil)
            sqlite3_bind_int64(statement, 3, Int64(row))
            return sqlite3_step(statement)
          }
        }
        guard code == SQLITE_DONE else { throw error(database) }
        sqlite3_reset(statement)
      }
      try run("COMMIT")
      done += perTransaction
    }
    return Double(count) / (ContinuousClock.now - start).seconds
  }

  private static func error(_ database: OpaquePointer?) -> BenchError {
    BenchError("SQLite: \(String(cString: sqlite3_errmsg(database)))")
  }
}
