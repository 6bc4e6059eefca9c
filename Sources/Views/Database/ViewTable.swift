internal import Scripts

/// The table with the documents of one projection, and the SQL that is spoken to it.
struct ViewTable: Sendable, Equatable {
  let name: String
  /// The fields that are columns.
  let fields: [DocumentField]

  var quoted: String { Self.quoted(name) }

  /// A name for SQL, whatever it contains.
  static func quoted(_ name: String) -> String { "\"" + name.replacing("\"", with: "\"\"") + "\"" }

  /// A text for SQL.
  static func literal(_ text: String) -> String { "'" + text.replacing("'", with: "''") + "'" }

  /// The place of a field in a document, as SQLite's JSON functions name it. A field contains no quotes.
  static func path(_ field: DocumentField) -> String { "$" + field.parts.map { ".\"\($0)\"" }.joined() }

  /// Names of tables are SQLite's own, ours, or taken.
  static func name(for projection: String, taken: Set<String>) -> String {
    let lower = projection.lowercased()
    let isReserved = lower.hasPrefix("sqlite_") || lower.hasPrefix("moondance_")
    let base = isReserved ? "view " + projection : projection
    var candidate = base
    var number = 1
    while taken.contains(candidate.lowercased()) {
      number += 1
      candidate = "\(base) \(number)"
    }
    return candidate
  }

  /// - id: makes the names of indexes unique in the file.
  func create(id: Int64) -> String {
    var sql = "CREATE TABLE \(quoted)(key TEXT NOT NULL PRIMARY KEY, document TEXT NOT NULL, position INTEGER NOT NULL"
    for field in fields {
      let extract = "json_extract(document, \(Self.literal(Self.path(field))))"
      sql += ", \(Self.quoted(field.description)) GENERATED ALWAYS AS (\(extract)) VIRTUAL"
    }
    sql += ");\n"
    for (number, field) in fields.enumerated() {
      let index = Self.quoted("moondance_index_\(id)_\(number + 1)")
      sql += "CREATE INDEX \(index) ON \(quoted)(\(Self.quoted(field.description)), key);\n"
    }
    return sql
  }

  var read: String { "SELECT document, position FROM \(quoted) WHERE key = ?" }
  var write: String {
    """
    INSERT INTO \(quoted)(key, document, position) VALUES (?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET document = excluded.document, position = excluded.position
    """
  }
  var delete: String { "DELETE FROM \(quoted) WHERE key = ?" }
}
