internal import Events
internal import GRDB
internal import LogStorage
internal import Scripts

/// Another try of a frozen key: its events one after the other, up to the first that fails.
struct Thaw {
  let fold: Fold
  let key: [UInt8]
  let store: FoldStore

  struct Result {
    let key: [UInt8]
    /// Whether there is anything to write, and the document then; nil: it is removed.
    var hasChanged = false
    var document: [UInt8]?
    var position: UInt64 = 0
    /// Where it fails again; nil: the key is free.
    var failure: Fold.Frozen?
  }

  func run(log: LogReader) throws -> Result {
    var result = Result(key: key)
    result.document = try store.document(of: key, fold.row)
    for position in try store.waiting(key, fold.row) {
      let place = Position(position)
      guard let chunk = try log.chunk(from: place, limitBytes: 16 << 10, through: place), chunk.contains(place) else {
        continue
      }
      let event = chunk.entry(place)
      guard let handler = fold.declaration.handler(forType: event.type) else { continue }
      let outcome = try fold.fold(
        event, position, time: chunk.commit(of: place).time, handler: handler, key: key, document: result.document)
      switch outcome {
      case .document: result.document = fold.lastWritten
      case .removed: result.document = nil
      case .failed(let failure):
        result.failure = Fold.Frozen(
          key: key, position: position, error: failure.message, traceback: failure.traceback)
        return result
      case .hostFault(let message): throw Fold.Stop.host(message)
      }
      result.hasChanged = true
      result.position = position
    }
    return result
  }
}

extension FoldStore {
  func document(of key: [UInt8], _ row: StoredProjection) throws -> [UInt8]? {
    try database.writeWithoutTransaction { db in
      try String.fetchOne(
        db, sql: "SELECT document FROM \(row.table.quoted) WHERE key = ?",
        arguments: [String(decoding: key, as: UTF8.self)]
      ).map { Array($0.utf8) }
    }
  }

  /// The positions of the events that wait for a frozen key, in order; the failed one is the first.
  func waiting(_ key: [UInt8], _ row: StoredProjection) throws -> [UInt64] {
    try database.writeWithoutTransaction { db in
      try Int64.fetchAll(
        db,
        sql: """
          SELECT position FROM moondance_frozen WHERE projection = ?1 AND key = ?2
          UNION SELECT position FROM moondance_queued WHERE projection = ?1 AND key = ?2 ORDER BY 1
          """, arguments: [row.id, String(decoding: key, as: UTF8.self)]
      ).map { UInt64(clamping: $0) }
    }
  }

  /// Writes what another try of a key has given.
  func commit(_ thaw: Thaw.Result, of fold: Fold, now: Int64) throws {
    let key = String(decoding: thaw.key, as: UTF8.self)
    let (id, table) = (fold.row.id, fold.row.table)
    try database.write { db in
      if thaw.hasChanged {
        if let document = thaw.document {
          try db.execute(
            sql: table.write,
            arguments: [key, String(decoding: document, as: UTF8.self), Int64(clamping: thaw.position)])
        } else {
          try db.execute(sql: table.delete, arguments: [key])
        }
      }
      if let failure = thaw.failure {
        try db.execute(
          sql: "DELETE FROM moondance_queued WHERE projection = ? AND key = ? AND position <= ?",
          arguments: [id, key, Int64(clamping: failure.position)])
        try db.execute(
          sql: """
            UPDATE moondance_frozen SET position = ?, error = ?, traceback = ?, since = ?
            WHERE projection = ? AND key = ?
            """,
          arguments: [Int64(clamping: failure.position), failure.error, failure.traceback, now, id, key])
      } else {
        for table in ["moondance_frozen", "moondance_queued"] {
          try db.execute(sql: "DELETE FROM \(table) WHERE projection = ? AND key = ?", arguments: [id, key])
        }
      }
    }
  }
}
