internal import Events
internal import GRDB

/// The database as a batch of folds uses it: one look for the documents that are missing, one transaction for all that
/// has changed and how far each has come.
struct FoldStore {
  let database: any DatabaseWriter

  /// Fills the caches.
  func load(_ folds: [Fold]) throws {
    guard folds.contains(where: { !$0.cache.missing.isEmpty }) else { return }
    try database.writeWithoutTransaction { db in
      for fold in folds where !fold.cache.missing.isEmpty {
        let statement = try RawStatement(db, fold.row.table.read)
        for index in fold.cache.missing { try load(index, fold, statement) }
        fold.cache.loadedMissing()
      }
    }
  }

  private func load(_ index: Int32, _ fold: Fold, _ statement: RawStatement) throws {
    let key = fold.cache[index].key
    try key.withUnsafeBytes { key in
      let isFrozen = fold.isFrozen(key)
      var isThere = false
      try statement.bind(1, text: key)
      try statement.first {
        isThere = true
        fold.cache.load(
          index, document: statement.text(0), position: UInt64(bitPattern: statement.integer(1)), isFrozen: isFrozen)
      }
      if !isThere { fold.cache.load(index, document: nil, position: 0, isFrozen: isFrozen) }
    }
  }

  /// - durable: who has read so far has caught up. - now: µs since 1970.
  func commit(_ folds: [Fold], durable: UInt64, now: Int64) throws {
    try database.write { db in
      for fold in folds {
        try writeDocuments(db, fold)
        try writeFrozen(db, fold, now: now)
        try db.cachedStatement(
          sql: "UPDATE moondance_projections SET position = ?, complete = max(complete, ?) WHERE id = ?"
        ).execute(arguments: [Int64(clamping: fold.position), fold.position >= durable, fold.row.id])
      }
    }
    for fold in folds {
      fold.committed()
      if fold.position >= durable { fold.row.isComplete = true }
    }
  }

  private func writeDocuments(_ db: Database, _ fold: Fold) throws {
    if fold.cache.dirty.isEmpty { return }
    let write = try RawStatement(db, fold.row.table.write)
    let delete = try RawStatement(db, fold.row.table.delete)
    for index in fold.cache.dirty {
      let entry = fold.cache[index]
      try entry.key.withUnsafeBytes { key in
        guard let document = entry.document else {
          try delete.bind(1, text: key)
          return try delete.run()
        }
        try document.withUnsafeBytes { document in
          try write.bind(1, text: key)
          try write.bind(2, text: document)
          try write.bind(3, Int64(bitPattern: entry.position))
          try write.run()
        }
      }
    }
  }

  private func writeFrozen(_ db: Database, _ fold: Fold, now: Int64) throws {
    for frozen in fold.newlyFrozen {
      try db.execute(
        sql: """
          INSERT INTO moondance_frozen(projection, key, position, error, traceback, since) VALUES (?, ?, ?, ?, ?, ?)
          """,
        arguments: [
          fold.row.id, String(decoding: frozen.key, as: UTF8.self), Int64(clamping: frozen.position), frozen.error,
          frozen.traceback, now,
        ])
    }
    for (key, position) in fold.queued {
      try db.cachedStatement(
        sql: "INSERT OR IGNORE INTO moondance_queued(projection, key, position) VALUES (?, ?, ?)"
      ).execute(arguments: [fold.row.id, String(decoding: key, as: UTF8.self), Int64(clamping: position)])
    }
  }

  /// Frozen keys of a fold and how many events of each wait, the failed one included.
  func frozen(_ row: StoredProjection) throws -> [[UInt8]: Int] {
    try database.writeWithoutTransaction { db in
      let rows = try Row.fetchCursor(
        db,
        sql: """
          SELECT key, 1 + (SELECT count(*) FROM moondance_queued q WHERE q.projection = f.projection AND q.key = f.key)
          FROM moondance_frozen f WHERE projection = ?
          """, arguments: [row.id])
      var counts: [[UInt8]: Int] = [:]
      while let row = try rows.next() { counts[Array((row[0] as String).utf8)] = row[1] }
      return counts
    }
  }

  /// Whether an event waits, under whatever key, or whether this key has been frozen since before it. What has no key
  /// freezes nothing behind it.
  func isWaiting(_ position: UInt64, of key: [UInt8], _ row: StoredProjection) throws -> Bool {
    try database.writeWithoutTransaction { db in
      try Bool.fetchOne(
        db,
        sql: """
          SELECT EXISTS (
            SELECT 1 FROM moondance_frozen
            WHERE projection = ?1 AND (position = ?3 OR key = ?2 AND ?2 <> '' AND position < ?3)
          ) OR EXISTS (SELECT 1 FROM moondance_queued WHERE projection = ?1 AND position = ?3)
          """, arguments: [row.id, String(decoding: key, as: UTF8.self), Int64(clamping: position)]) ?? false
    }
  }

  /// Notes why a fold by new code was given up.
  func fail(_ row: inout StoredProjection, _ failure: StoredProjection.Failure) throws {
    row.failure = failure
    try database.write { [id = row.id] db in
      try db.execute(
        sql: """
          UPDATE moondance_projections SET error = ?, error_key = ?, error_position = ?, error_since = ? WHERE id = ?
          """,
        arguments: [failure.error, failure.key, Int64(clamping: failure.position), failure.since, id])
    }
  }
}
