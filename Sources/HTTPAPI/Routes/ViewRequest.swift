internal import Events
internal import HTTPTypes
internal import NIOCore
internal import Wire

/// A request about views: its path has two variable parts, and its query repeats `where`.
enum ViewRequest: Sendable {
  case list
  case ask(ViewQuestion)
  case rebuild(String)

  static let names = ["where", "order", "limit", "after", "frozen", "at", "after-position", "wait"]
  static let documentNames = ["at", "after-position", "wait"]
  /// Documents of one page, at most.
  static let maximumLimit: UInt64 = 1000

  private static let prefix = "/views/"

  /// The name and key in the path of a document, still encoded; nil when it is another path. A key may contain slashes.
  static func document(_ path: Substring) -> Substring? {
    let bytes = path.utf8
    guard bytes.starts(with: prefix.utf8) else { return nil }
    let rest = bytes.dropFirst(prefix.utf8.count)
    guard let slash = rest.firstIndex(of: UInt8(ascii: "/")), slash > rest.startIndex,
      rest.index(after: slash) < rest.endIndex
    else { return nil }
    return Substring(rest)
  }

  /// Nil when the operation is not about views.
  init?(_ operation: Operation, _ target: Target) throws(Problem) {
    let rest = target.path.utf8.dropFirst(Self.prefix.utf8.count)
    switch operation {
    case .listViews:
      _ = try Query(target.query, names: [])
      self = .list
    case .rebuildView:
      _ = try Query(target.query, names: [])
      self = .rebuild(try Self.text(rest.dropLast("/rebuild".utf8.count)))
    case .queryView: self = .ask(try Self.question(view: rest, key: nil, target.query))
    case .getDocument:
      let slash = rest.firstIndex(of: UInt8(ascii: "/")) ?? rest.endIndex
      self = .ask(try Self.question(view: rest[..<slash], key: rest[slash...].dropFirst(), target.query))
    default: return nil
    }
  }

  private static func text(_ encoded: Substring.UTF8View) throws(Problem) -> String {
    guard let bytes = Query.decode(encoded, plusIsSpace: false) else {
      throw Problem(.badRequest, "The path is not percent-encoded UTF-8.")
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func question(
    view: Substring.UTF8View, key: Substring.UTF8View?, _ text: Substring
  ) throws(Problem) -> ViewQuestion {
    var question = ViewQuestion(view: try Self.text(view))
    if let key { question.key = try Self.text(key) }
    let names = key == nil ? Self.names : documentNames
    let query = try Query(text, names: names, repeatable: ["where"])
    question.conditions = query.all("where")
    for condition in question.conditions where !condition.utf8.contains(UInt8(ascii: "=")) {
      throw Problem(.badRequest, "The query's where is FIELD=VALUE, like status=placed.")
    }
    if let frozen = query.text("frozen") {
      guard frozen == "true" else { throw Problem(.badRequest, "The query's frozen is true, or it is left out.") }
      let others = [query["where"], query["order"], query["after"], query["at"]]
      guard question.conditions.isEmpty, others.allSatisfy({ $0 == nil }) else {
        throw Problem(.badRequest, "The query's frozen lists all frozen keys: only limit goes with it.")
      }
      question.isFrozenOnly = true
    }
    question.order = query.text("order")
    question.after = query.text("after")
    question.limit = try query.number("limit", in: 1...maximumLimit).map { Int($0) }
    question.position = try query.number("after-position", in: 0...UInt64(Int64.max))
    if let wait = query.text("wait") { question.wait = try Self.wait(wait) }
    if let moment = query.text("at") { question.moment = try Self.moment(moment) }
    return question
  }

  /// A position, or a time of RFC 3339.
  private static func moment(_ text: String) throws(Problem) -> ViewQuestion.Moment {
    if let position = UInt64(text), position <= UInt64(Int64.max) { return .position(position) }
    if let time = Timestamp.microseconds(text) { return .time(time) }
    throw Problem(.badRequest, "The query's at is a position or a time: 813, 2026-01-31 or 2026-01-31T12:00:00Z.")
  }

  /// `2s`, `500ms`; at most 25 s, since a request has half a minute.
  private static func wait(_ text: String) throws(Problem) -> Duration {
    let digits = text.utf8.prefix { (0x30...0x39).contains($0) }
    let unit = text.utf8.dropFirst(digits.count)
    guard let amount = Int64(String(Substring(digits))), amount <= 25_000,
      unit.elementsEqual("ms".utf8) || unit.elementsEqual("s".utf8)
    else {
      throw Problem(.badRequest, "The query's wait is a span up to 25s: 2s or 500ms.")
    }
    let duration: Duration = unit.elementsEqual("ms".utf8) ? .milliseconds(amount) : .seconds(amount)
    guard duration <= .seconds(25) else {
      throw Problem(.badRequest, "The query's wait is a span up to 25s: 2s or 500ms.")
    }
    return duration
  }
}

extension DoorResponder {
  func answer(_ request: ViewRequest) async throws(Problem) -> Answer {
    guard let views = services.views else { throw Problem(.notFound, "This host has no views.") }
    switch request {
    case .list: return Answer(.ok, ViewList(views: await views.list()))
    case .rebuild(let name):
      try await views.rebuild(name)
      return Answer(.accepted, ViewList(views: await views.list()))
    case .ask(let question):
      let found = try await views.answer(question)
      var answer = Answer(.ok, body: ByteBuffer(bytes: found.json))
      answer.head.headerFields[.moondancePosition] = "\(found.position)"
      return answer
    }
  }
}

extension HTTPField.Name {
  /// Up to where a view has read the log.
  static let moondancePosition = HTTPField.Name("Moondance-Position")!
}
