internal import Events
internal import GRDB
internal import Scripts

/// Questions to what is folded now. They block on the disk.
extension RunningViews {
  /// Documents of a view.
  package func page(of name: String, _ query: ViewQuery) throws(ViewError) -> ViewPage {
    let view = try view(named: name)
    return try read(view.name) { db, row throws in
      var page = try ViewSelection(row.table, query).page(db, position: row.position)
      if view.frozenKeys > 0 {
        for index in page.documents.indices {
          page.documents[index].frozen = try Self.frozen(db, row, key: page.documents[index].key)
        }
      }
      return page
    }
  }

  /// One document, and up to where the view has read.
  /// - Throws: `ViewError.noDocument` when the key has none.
  package func document(of name: String, key: String) throws(ViewError) -> ViewPage {
    var query = ViewQuery()
    query.conditions = [.init(field: "key", value: key)]
    let page = try page(of: name, query)
    if !page.documents.isEmpty { return page }
    if let frozen = try read(name, { db, row throws in try Self.frozen(db, row, key: key) }) {
      throw ViewError(
        .noDocument,
        "The view \"\(name)\" has no document \"\(key)\": its first event, at position \(frozen.position), could not be "
          + "folded: \(frozen.error)")
    }
    throw Self.noDocument(name, key, page.position)
  }

  static func noDocument(_ name: String, _ key: String, _ position: UInt64) -> ViewError {
    ViewError(.noDocument, "The view \"\(name)\" has no document \"\(key)\" at position \(position).")
  }

  /// Keys whose documents stay as they are, and why, the longest first; at most `limit`. The document of a key that has
  /// none is `null`. The empty key is that of events whose key could not be computed.
  package func frozen(of name: String, limit: Int) throws(ViewError) -> ViewPage {
    let view = try view(named: name)
    return try read(view.name) { db, row throws in
      let rows = try Row.fetchAll(
        db,
        sql: """
          SELECT f.key, d.document, d.position FROM moondance_frozen f LEFT JOIN \(row.table.quoted) d ON d.key = f.key
          WHERE f.projection = ? ORDER BY f.since, f.key LIMIT ?
          """, arguments: [row.id, limit])
      let documents = try rows.map { found in
        let key: String = found[0]
        return ViewDocument(
          key: key, document: Array((found[1] as String? ?? "null").utf8),
          position: UInt64(clamping: found[2] as Int64? ?? 0), frozen: try Self.frozen(db, row, key: key))
      }
      return ViewPage(documents: documents, next: nil, position: row.position)
    }
  }

  static func frozen(_ db: Database, _ row: StoredProjection, key: String) throws -> ViewDocument.Frozen? {
    guard
      let found = try Row.fetchOne(
        db, sql: "SELECT position, error, traceback, since FROM moondance_frozen WHERE projection = ? AND key = ?",
        arguments: [row.id, key])
    else { return nil }
    let queued = try Int.fetchOne(
      db, sql: "SELECT count(*) FROM moondance_queued WHERE projection = ? AND key = ?", arguments: [row.id, key])
    return ViewDocument.Frozen(
      position: UInt64(clamping: found[0] as Int64), error: found[1], traceback: found[2], since: found[3],
      waiting: 1 + (queued ?? 0))
  }

  /// Runs `body` in one state of the database.
  func read<Result>(
    _ name: String, _ body: (Database, StoredProjection) throws -> Result
  ) throws(ViewError) -> Result {
    do {
      return try database().pool.read { db in
        guard let row = try StoredProjection.live(db, named: name) else { throw Self.notReady }
        return try body(db, row)
      }
    } catch let error as ViewError {
      throw error
    } catch let error as DatabaseError {
      if error.isDamage { foundDamage() }
      throw ViewError(.notReady, "views.db cannot be read now: \(error.message ?? "no reason is given").")
    } catch {
      throw ViewError(.notReady, "views.db cannot be read now: \(error).")
    }
  }
}
