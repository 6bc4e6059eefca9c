internal import Engine
internal import Events
internal import HTTPTypes
internal import HummingbirdCore
internal import NIOCore
internal import Scripts
internal import Wire

/// `POST /in/{name}`: hands a request to the source that listens there.
struct SourceRoute: Sendable {
  private let services: DoorServices
  private let sources: any RequestIntake
  /// The last part of the address.
  private let name: String
  private let path: String
  private let query: [(name: String, value: String)]

  /// Decides from the head whether the body is wanted.
  static func admit(
    _ head: HTTPRequest, _ target: Target, _ name: [UInt8], _ services: DoorServices
  ) throws(Problem) -> SourceRoute {
    let name = String(decoding: name, as: UTF8.self)
    let gate = services.sources?.gate(at: name)
    // Whoever is not verified keeps to the rules that hold web pages off, as everybody else does.
    let problem =
      gate == .verified ? services.access.problem(ofVerified: head) : services.access.problem(head, scope: nil)
    if let problem { throw problem }
    guard let sources = services.sources, gate != nil else {
      throw Problem(.notFound, "There is no source of this name here.")
    }
    try Admission.checkEncoding(head)
    if let problem = services.backPressure { throw problem }
    if let length = Admission.length(head), length > services.limits.eventBytes { throw tooLarge(services.limits) }
    return SourceRoute(
      services: services, sources: sources, name: name, path: String(target.path), query: try pairs(target.query))
  }

  private static func tooLarge(_ limits: DoorLimits) -> Problem {
    Problem(.tooLarge, "A request to a source has at most \(limits.eventBytes) bytes.")
  }

  func answer(_ request: Request) async throws -> Answer {
    guard let body = try await AppendRoute.collect(request.body, limit: services.limits.eventBytes) else {
      return .problem(Self.tooLarge(services.limits)).closing()
    }
    let incoming = IncomingRequest(
      method: request.method.rawValue, path: path, query: query, headers: Self.headers(of: request.head),
      body: Array(body.readableBytesView))
    return Self.answer(await sources.receive(incoming, at: name))
  }

  private static func answer(_ outcome: IntakeOutcome) -> Answer {
    switch outcome {
    case .nothing: return Answer(noContent: ())
    case .appended(.appended(let first, let last, _, let duplicates), let count):
      let receipt = AppendReceipt(first: first.rawValue, last: last.rawValue, count: count, duplicates: duplicates)
      return AppendRoute.receipt(duplicates == count ? .ok : .created, receipt)
    case .appended(let outcome, _): return .problem(AppendRoute.problem(outcome, .batch))
    case .unknown: return .problem(Problem(.notFound, "There is no source of this name here."))
    case .unverified:
      return .problem(Problem(.unverified, "The request does not show that it comes from whom it should."))
    case .malformed(let message):
      return .problem(Problem(.malformedJSON, message.prefix(1).uppercased() + message.dropFirst() + "."))
    case .contractBroken(let refusal):
      var problem = Problem(
        .contractBroken, "The contract of \(refusal.type) is broken: \(refusal.violation).")
      problem.path = refusal.violation.path
      return .problem(problem)
    case .failed:
      return .problem(Problem(.sourceFailed, "The daemon's log says why. Send the same request again later."))
    case .overloaded: return .problem(DoorServices.overloaded)
    }
  }

  private static func headers(of head: HTTPRequest) -> [(name: String, value: String)] {
    var headers: [(name: String, value: String)] = []
    if let authority = head.authority { headers.append(("host", authority)) }
    for field in head.headerFields {
      if let index = headers.firstIndex(where: { $0.name == field.name.canonicalName }) {
        headers[index].value += ", " + field.value
      } else {
        headers.append((field.name.canonicalName, field.value))
      }
    }
    return headers
  }

  /// Whatever names the sender uses.
  private static func pairs(_ query: Substring) throws(Problem) -> [(name: String, value: String)] {
    var pairs: [(name: String, value: String)] = []
    for pair in query.utf8.split(separator: UInt8(ascii: "&")) {
      let equals = pair.firstIndex(of: UInt8(ascii: "=")) ?? pair.endIndex
      guard let name = Query.decode(pair[..<equals], plusIsSpace: true),
        let value = Query.decode(pair[equals...].dropFirst(), plusIsSpace: true)
      else { throw Problem(.badRequest, "The query is not percent-encoded UTF-8.") }
      pairs.append((String(decoding: name, as: UTF8.self), String(decoding: value, as: UTF8.self)))
    }
    return pairs
  }
}

extension Answer {
  /// 204: there is nothing to say.
  fileprivate init(noContent: Void) {
    self.init(.noContent, contentType: "", body: ByteBuffer())
    head.headerFields[.contentType] = nil
    head.headerFields[.contentLength] = nil
  }
}

extension DoorServices {
  func sourceReports() async -> [SourceReport] {
    await sources?.sources().map { SourceReport($0) } ?? []
  }
}

extension SourceReport {
  init(_ source: SourceStatus) {
    self.init(
      name: source.name, kind: source.kind, script: source.script, place: source.place, state: source.state,
      error: source.error, received: source.received, duplicates: source.duplicates, failed: source.failed,
      lag: source.lag)
  }
}

extension APISchemas {
  static let source = Schema.object(
    [
      "name": .string(), "kind": .string("http or postgres."), "script": .string("The file that declares it."),
      "place": .string("Where events come from, without secrets."),
      "state": .string("running; of a table also connecting and waiting."),
      "error": .string("The last thing that went wrong, if nothing has gone well since."),
      "received": .integer("Requests or rows since the daemon started."),
      "duplicates": .integer("Those among them that were there before."), "failed": .integer(),
      "lag": .integer("Rows that are not in the log yet."),
    ], required: ["name", "kind", "script", "place", "state", "received", "duplicates", "failed", "lag"])
}
