internal import GRDB
package import LogStorage
internal import Platform

/// What views.db proves about the log: a log that ends before a view has lost what was durable.
package enum ViewClaim {
  /// The furthest that any view has read. Nil when there is no file or it cannot be read: then it is thrown away later.
  package static func of(_ path: String) -> DurableClaim? {
    guard FileIdentity(path: path) != nil else { return nil }
    var configuration = Configuration()
    configuration.busyMode = .timeout(1)
    // Not read-only: a file that was not closed in good order has a part of it beside itself, which is brought in.
    guard let queue = try? DatabaseQueue(path: path, configuration: configuration) else { return nil }
    defer { try? queue.close() }
    return try? queue.read { db in
      guard try Int.fetchOne(db, sql: "PRAGMA application_id") == ViewDatabase.application,
        try Int.fetchOne(db, sql: "PRAGMA user_version") == ViewDatabase.version,
        let position = try Int64.fetchOne(db, sql: "SELECT max(position) FROM moondance_projections"),
        let log = try String.fetchOne(db, sql: "SELECT value FROM moondance_meta WHERE name = 'log'")
      else { return nil }
      return DurableClaim(who: path, position: UInt64(clamping: position), log: LogID(hexadecimal: log))
    }
  }
}

extension LogID {
  /// Nil when `text` is not 32 hexadecimal digits.
  init?(hexadecimal text: String) {
    guard text.utf8.count == 32, let high = UInt64(text.prefix(16), radix: 16),
      let low = UInt64(text.suffix(16), radix: 16)
    else { return nil }
    self.init(high: high, low: low)
  }
}
