internal import Events
internal import Wire

/// What `GET /events` and `GET /subjects/…` ask for.
struct EventQuery: Sendable {
  static let names = ["from", "limit", "last", "type", "subject", "correlation", "upcast"]

  var filter = EventFilter()
  var from: Position?
  var limit: Int?
  /// The last so many matches instead of the first.
  var last: Int?
  /// Whether data of older contract versions are to be like the newest one's.
  var isUpcast = false

  init() {}

  /// `maximum` bounds a page. One who follows may have any number of events, since they are not held in memory.
  init(_ query: Query, maximum: Int, follows: Bool) throws(Problem) {
    from = try query.number("from", in: 0...UInt64(Int64.max)).map { Position(max(1, $0)) }
    limit = try query.number("limit", in: 1...UInt64(follows ? Int.max : maximum)).map { Int($0) }
    last = try query.number("last", in: 1...UInt64(maximum)).map { Int($0) }
    if from != nil && last != nil {
      throw Problem(.badRequest, "The query gives both from and last; one says where to begin.")
    }
    if let type = query["type"] { filter.type = try Self.type(type) }
    if let subject = query["subject"] { filter.subject = try Self.subject(subject) }
    filter.correlation = query["correlation"]
    if let upcast = query.text("upcast") {
      guard upcast == "true" else { throw Problem(.badRequest, "The query's upcast is true, or it is left out.") }
      if follows { throw Problem(.badRequest, "What is followed comes as it was written: upcast goes with pages.") }
      isUpcast = true
    }
  }

  static func subject(_ bytes: [UInt8]) throws(Problem) -> [UInt8] {
    guard !bytes.isEmpty, bytes.withUnsafeBytes({ NameRule.subject.allows($0) }) else {
      throw Problem(
        .badRequest, "A subject is 1 to \(NameRule.maximumSubjectBytes) bytes of UTF-8 without control characters.")
    }
    return bytes
  }

  static func type(_ bytes: [UInt8]) throws(Problem) -> EventFilter.TypeFilter {
    let isPrefix = bytes.last == UInt8(ascii: "*")
    let name = isPrefix ? Array(bytes.dropLast()) : bytes
    let isAllowed = name.withUnsafeBytes { NameRule.type.allows($0) } || isPrefix && name.isEmpty
    guard isAllowed else {
      throw Problem(.badRequest, "A type is letters, digits, dots, hyphens and underscores, perhaps with * at its end.")
    }
    return isPrefix ? .prefix(name) : .exact(name)
  }
}
