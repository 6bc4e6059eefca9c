internal import Engine
internal import Events
internal import Wire

/// What `GET /dead-letters` and `GET /outbox` ask for.
struct LetterListQuery: Sendable {
  static let names = ["consumer", "key", "type", "error", "limit", "after"]
  static let outboxNames = ["destination", "key", "error", "limit", "after"]

  /// Whose letters.
  var scope: ReaderScope
  /// Only those of this consumer or destination.
  var owner: String?
  var key: KeyBytes?
  /// Of the event that was given up.
  var type: EventFilter.TypeFilter?
  /// What stands in the error, as bytes.
  var error: [UInt8]?
  var limit: Int?
  var after: LetterID?

  init(_ scope: ReaderScope) { self.scope = scope }

  init(_ scope: ReaderScope, _ query: Query, maximum: Int) throws(Problem) {
    self.scope = scope
    owner = query.text(scope.ownerName)
    key = query["key"].map { KeyBytes($0) }
    if let type = query["type"] { self.type = try EventQuery.type(type) }
    if let text = query["error"] {
      if text.isEmpty { throw Problem(.badRequest, "The query's error is a part of the error's text.") }
      error = text
    }
    limit = try query.number("limit", in: 1...UInt64(maximum)).map { Int($0) }
    if let text = query["after"] {
      guard let id = LetterID(String(decoding: text, as: UTF8.self)) else {
        throw Problem(.badRequest, "The query's after is the id of a dead letter, like 8123 or 8123.2.")
      }
      after = id
    }
  }
}

extension ReaderScope {
  /// What bodies and queries call those whose letters are meant.
  var ownerName: String { self == .destinations ? "destination" : "consumer" }
}
