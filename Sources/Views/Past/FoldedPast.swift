internal import GRDB
internal import LogStorage
internal import Scripts
import Synchronization

/// A whole projection as it was at a position, in a temporary database that SQLite removes when it is closed.
final class FoldedPast: Sendable {
  let name: [UInt8]
  let code: Generation
  let position: UInt64
  private let database: DatabaseQueue
  private let table: ViewTable

  init(_ name: String, _ code: Generation, at position: UInt64, log: LogReader, identity: LogIdentity) throws {
    self.name = Array(name.utf8)
    self.code = code
    self.position = position
    guard let declaration = code.projections.first(where: { $0.name.utf8.elementsEqual(name.utf8) }) else {
      throw RunningViews.notReady
    }
    database = try DatabaseQueue(path: "")
    let row = try database.write { db in
      try ViewDatabase.makeTables(db, identity)
      return try StoredProjection.create(db, declaration, .live, files: [])
    }
    table = row.table
    let past = try PastView(name, by: code, at: position, log: log, identity: identity, row: row)
    try past.foldAll(into: database)
  }

  func page(_ query: ViewQuery) throws -> ViewPage {
    try database.read { db in
      let row = try StoredProjection.all(db).first
      var page = try ViewSelection(table, query).page(db, position: position)
      guard let row, try Int.fetchOne(db, sql: "SELECT count(*) FROM moondance_frozen") ?? 0 > 0 else { return page }
      for index in page.documents.indices {
        page.documents[index].frozen = try RunningViews.frozen(db, row, key: page.documents[index].key)
      }
      return page
    }
  }
}

/// Bounds how many look into the past at once, and keeps what was folded last: its next page is often what is asked next.
final class PastViews: Sendable {
  static let most = 2

  private let state = Mutex((running: 0, kept: FoldedPast?.none))

  func begin() -> Bool {
    state.withLock { state in
      if state.running >= Self.most { return false }
      state.running += 1
      return true
    }
  }

  func end() { state.withLock { $0.running -= 1 } }

  func found(_ name: String, _ code: Generation, _ position: UInt64) -> FoldedPast? {
    state.withLock { $0.kept }.flatMap { kept in
      kept.position == position && kept.code === code && kept.name.elementsEqual(name.utf8) ? kept : nil
    }
  }

  func keep(_ past: FoldedPast) { state.withLock { $0.kept = past } }
}
