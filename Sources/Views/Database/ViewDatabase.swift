internal import Events
internal import GRDB
internal import LogStorage
internal import Platform

/// `views.db`: the documents of every projection, each in a table of its own, and a table that says how far each has
/// read the log. Everything in it follows from the log and the scripts: whoever deletes it loses time only.
///
/// Anyone may read it with any SQLite while the daemon runs (it is in WAL mode); the daemon is its only writer.
final class ViewDatabase: Sendable {
  /// Of the tables here. A file of another version is thrown away.
  static let version = 1
  /// "Moon": tells our files from others.
  static let application = 0x4D6F_6F6E

  let path: String
  let pool: DatabasePool
  /// Of the open file, to see when somebody has deleted it.
  private let file: FileIdentity?

  private init(path: String, pool: DatabasePool) {
    self.path = path
    self.pool = pool
    file = FileIdentity(path: path)
  }

  /// Why a file that is there cannot be gone on with.
  enum Unusable: Error, Equatable {
    case damaged(String)
    case otherVersion(Int)
    case otherLog
  }

  /// Opens the file, or makes it when there is none or when what is there cannot be gone on with; then `note` says so.
  /// - Throws: `DatabaseError` when that may pass: locked, no room, no permission.
  static func open(path: String, log: LogIdentity, note: (String) -> Void) throws -> ViewDatabase {
    do {
      return try openOnce(path: path, log: log)
    } catch let reason as Unusable {
      note("\(path) \(reason.text): every view is folded again from the start of the log")
    }
    try delete(path: path)
    return try openOnce(path: path, log: log)
  }

  private static func openOnce(path: String, log: LogIdentity) throws -> ViewDatabase {
    var configuration = Configuration()
    configuration.label = "views"
    configuration.busyMode = .timeout(1)
    configuration.maximumReaderCount = 4
    configuration.prepareDatabase { db in
      try db.execute(sql: "PRAGMA cache_size = -8192")
    }
    do {
      let pool = try DatabasePool(path: path, configuration: configuration)
      try pool.write { db in try prepare(db, log) }
      return ViewDatabase(path: path, pool: pool)
    } catch let error as DatabaseError where error.isDamage {
      throw Unusable.damaged("\(error.resultCode): \(error.message ?? "")")
    }
  }

  private static func prepare(_ db: Database, _ log: LogIdentity) throws {
    let version = try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
    let isEmpty = try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_master") == 0
    if isEmpty, version == 0 { return try makeTables(db, log) }
    let application = try Int.fetchOne(db, sql: "PRAGMA application_id") ?? 0
    guard application == Self.application, version == Self.version else { throw Unusable.otherVersion(version) }
    let id = try String.fetchOne(db, sql: "SELECT value FROM moondance_meta WHERE name = 'log'")
    guard id == log.id.description else { throw Unusable.otherLog }
  }

  static func makeTables(_ db: Database, _ log: LogIdentity) throws {
    try db.execute(
      sql: """
        PRAGMA application_id = \(application);
        PRAGMA user_version = \(version);
        CREATE TABLE moondance_meta(name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
        -- One row for each projection that is folded. 'live' answers queries; 'next' is folded beside it, by newer code.
        CREATE TABLE moondance_projections(
          id INTEGER PRIMARY KEY AUTOINCREMENT,
          name TEXT NOT NULL,
          role TEXT NOT NULL CHECK (role IN ('live', 'next')),
          documents TEXT NOT NULL,      -- the table with its documents
          position INTEGER NOT NULL,    -- of the last event that is folded in
          complete INTEGER NOT NULL,    -- whether it has ever caught up with the log
          script TEXT NOT NULL,         -- the hash of the code that folds
          files TEXT NOT NULL,          -- the sources of that code: [[path, hash]]
          fields TEXT NOT NULL,         -- the fields of documents that are columns: ["status"]
          error TEXT,                   -- why the fold does not go on
          error_key TEXT,
          error_position INTEGER,
          error_since INTEGER,          -- microseconds since 1970
          UNIQUE (name, role)
        );
        -- Keys whose documents stay as they are, since folding the event at `position` failed.
        CREATE TABLE moondance_frozen(
          projection INTEGER NOT NULL,
          key TEXT NOT NULL,
          position INTEGER NOT NULL,
          error TEXT NOT NULL,
          traceback TEXT NOT NULL,
          since INTEGER NOT NULL,
          PRIMARY KEY (projection, key)
        ) WITHOUT ROWID;
        -- The later events of those keys.
        CREATE TABLE moondance_queued(
          projection INTEGER NOT NULL,
          key TEXT NOT NULL,
          position INTEGER NOT NULL,
          PRIMARY KEY (projection, key, position)
        ) WITHOUT ROWID;
        """)
    try db.execute(
      sql: "INSERT INTO moondance_meta(name, value) VALUES ('log', ?), ('log name', ?)",
      arguments: [log.id.description, log.name])
  }

  /// Removes the file and what SQLite keeps beside it.
  static func delete(path: String) throws {
    let files = LocalFileSystem()
    for suffix in ["", "-wal", "-shm", "-journal"] {
      do {
        try files.remove(path + suffix)
      } catch {
        if !error.isMissing { throw error }
      }
    }
  }

  /// Whether the file at the path is still the one that is open.
  var isInPlace: Bool { file != nil && file == FileIdentity(path: path) }

  func close() { try? pool.close() }
}

extension ViewDatabase.Unusable {
  var text: String {
    switch self {
    case .damaged(let what): "is damaged (\(what))"
    case .otherVersion(let version): "is of version \(version), this daemon writes \(ViewDatabase.version)"
    case .otherLog: "belongs to another log"
    }
  }
}

extension DatabaseError {
  /// Whether the file itself is broken, so that waiting does not help.
  var isDamage: Bool {
    switch resultCode {
    case .SQLITE_CORRUPT, .SQLITE_NOTADB: true
    // Tables or columns that should be there are not.
    case .SQLITE_ERROR: message.map { $0.hasPrefix("no such") || $0.hasPrefix("malformed") } ?? false
    default: false
    }
  }
}
