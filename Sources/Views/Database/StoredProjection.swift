internal import Events
internal import Foundation
internal import GRDB
internal import Scripts

/// A row of `moondance_projections`: one fold of one projection by one version of its code.
struct StoredProjection: Sendable {
  enum Role: String, Sendable {
    /// Its documents answer queries.
    case live
    /// Newer code, folded beside the live one until it has caught up.
    case next
  }

  /// Why a fold by new code was given up.
  struct Failure: Sendable, Equatable {
    var error: String
    var key: String
    var position: UInt64
    /// µs since 1970.
    var since: Int64
  }

  let id: Int64
  let name: String
  var role: Role
  var table: ViewTable
  var position: UInt64
  /// Whether it has caught up with the log before.
  var isComplete: Bool
  /// Of the code, hexadecimal.
  let script: String
  /// The sources that the hash is of.
  let files: [PinnedFile]
  var failure: Failure?

  struct PinnedFile: Sendable, Equatable {
    let path: String
    /// Hexadecimal.
    let hash: String
  }
}

extension StoredProjection {
  init(_ row: Row) {
    let fields = (row["fields"] as String).jsonTexts.compactMap { DocumentField($0) }
    let files = (row["files"] as String).jsonPairs.map { PinnedFile(path: $0.0, hash: $0.1) }
    var failure: Failure?
    if let error = row["error"] as String? {
      failure = Failure(
        error: error, key: row["error_key"] ?? "", position: UInt64(clamping: row["error_position"] as Int64? ?? 0),
        since: row["error_since"] ?? 0)
    }
    self.init(
      id: row["id"], name: row["name"], role: Role(rawValue: row["role"]) ?? .next,
      table: ViewTable(name: row["documents"], fields: fields), position: UInt64(clamping: row["position"] as Int64),
      isComplete: row["complete"], script: row["script"], files: files, failure: failure)
  }

  static func all(_ db: Database) throws -> [StoredProjection] {
    try Row.fetchAll(db, sql: "SELECT * FROM moondance_projections ORDER BY id").map { StoredProjection($0) }
  }

  /// The one that answers queries, by the bytes of its name.
  static func live(_ db: Database, named name: String) throws -> StoredProjection? {
    try Row.fetchOne(db, sql: "SELECT * FROM moondance_projections WHERE name = ? AND role = 'live'", arguments: [name])
      .map { StoredProjection($0) }
  }

  /// Makes the row and an empty table for it.
  static func create(
    _ db: Database, _ declaration: ProjectionDeclaration, _ role: Role, files: [PinnedFile]
  ) throws -> StoredProjection {
    let fields = declaration.index.map(\.description)
    try db.execute(
      sql: """
        INSERT INTO moondance_projections(name, role, documents, position, complete, script, files, fields)
        VALUES (?, ?, '', 0, 0, ?, ?, ?)
        """,
      arguments: [
        declaration.name, role.rawValue, declaration.scriptHash.description,
        String(json: files.map { [$0.path, $0.hash] }), String(json: fields),
      ])
    let id = db.lastInsertedRowID
    let name =
      role == .live ? ViewTable.name(for: declaration.name, taken: try tables(db)) : "moondance_next_\(id)"
    let table = ViewTable(name: name, fields: declaration.index)
    try db.execute(sql: table.create(id: id))
    try db.execute(sql: "UPDATE moondance_projections SET documents = ? WHERE id = ?", arguments: [name, id])
    return StoredProjection(
      id: id, name: declaration.name, role: role, table: table, position: 0, isComplete: false,
      script: declaration.scriptHash.description, files: files, failure: nil)
  }

  private static func tables(_ db: Database) throws -> Set<String> {
    Set(try String.fetchAll(db, sql: "SELECT name FROM sqlite_master").map { $0.lowercased() })
  }

  /// Removes the row, what is frozen under it and its documents.
  func drop(_ db: Database) throws {
    try forget(db)
    try db.execute(sql: "DROP TABLE IF EXISTS \(table.quoted)")
  }

  private func forget(_ db: Database) throws {
    try db.execute(sql: "DELETE FROM moondance_projections WHERE id = ?", arguments: [id])
    try db.execute(sql: "DELETE FROM moondance_frozen WHERE projection = ?", arguments: [id])
    try db.execute(sql: "DELETE FROM moondance_queued WHERE projection = ?", arguments: [id])
  }

  /// From now on this one answers queries instead of `old`. The old documents lie in a table without a row, for
  /// `dropLeftovers`: dropping a large table takes longer than anybody should wait for the swap.
  func promote(_ db: Database, over old: StoredProjection) throws -> StoredProjection {
    try old.forget(db)
    try db.execute(
      sql: "ALTER TABLE \(old.table.quoted) RENAME TO \(ViewTable.quoted("moondance_old_\(old.id)"))")
    try db.execute(sql: "ALTER TABLE \(table.quoted) RENAME TO \(old.table.quoted)")
    try db.execute(
      sql: "UPDATE moondance_projections SET role = 'live', documents = ?, complete = 1 WHERE id = ?",
      arguments: [old.table.name, id])
    var promoted = self
    promoted.role = .live
    promoted.isComplete = true
    promoted.table = ViewTable(name: old.table.name, fields: table.fields)
    return promoted
  }

  /// Tables that a swap has left.
  static func dropLeftovers(_ db: Database) throws {
    let names = try String.fetchAll(
      db, sql: "SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB 'moondance_old_*'")
    for name in names { try db.execute(sql: "DROP TABLE \(ViewTable.quoted(name))") }
  }
}

extension String {
  fileprivate init(json value: some Encodable) {
    self = (try? JSONEncoder().encode(value)).map { String(decoding: $0, as: UTF8.self) } ?? "[]"
  }

  fileprivate var jsonTexts: [String] { (try? JSONDecoder().decode([String].self, from: Data(utf8))) ?? [] }

  fileprivate var jsonPairs: [(String, String)] {
    ((try? JSONDecoder().decode([[String]].self, from: Data(utf8))) ?? []).compactMap {
      $0.count == 2 ? ($0[0], $0[1]) : nil
    }
  }
}
