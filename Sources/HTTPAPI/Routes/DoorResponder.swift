internal import Engine
internal import Events
internal import HTTPTypes
internal import HummingbirdCore
internal import NIOCore
internal import Wire

/// Takes a request to its route: who may come in, where it goes, what its body is, and then the route's answer.
struct DoorResponder: Sendable {
  let services: DoorServices
  let description: ByteBuffer

  init(_ services: DoorServices) {
    self.services = services
    description = ByteBuffer(bytes: Answer.json(APIDescription.document(version: services.version, services.limits)))
  }

  func respond(_ request: Request, _ writer: consuming ResponseWriter, _ channel: any Channel) async throws {
    switch admit(request) {
    case .refused(let answer): try await Self.write(answer, writer)
    case .follow(let query):
      let route = FollowRoute(services: services, query: query)
      var body: any ResponseBodyWriter = try await writer.writeHead(FollowRoute.head)
      do {
        try await route.run(&body, channel)
      } catch is CancellationError {
        // The host stops: the stream ends, and its reader comes back with the position it has.
      } catch let problem as Problem {
        try await body.write(EventStreamText.problem(problem))
      }
      try await body.finish(nil)
    case .append(let form):
      if request.headers[.expect]?.lowercased() == "100-continue" {
        try await writer.writeInformationalHead(HTTPResponse(status: .continue))
      }
      let answer =
        form == .stream
        ? try await StreamRoute(services: services).answer(request)
        : try await AppendRoute(services: services).answer(request, form)
      try await Self.write(answer, writer)
    case .other(let operation, let parameter, let query):
      var answer: Answer
      do throws(Problem) {
        answer = try await self.answer(operation, parameter, query)
      } catch {
        answer = .problem(error)
      }
      try await Self.write(answer, writer)
    }
  }

  private static func write(_ answer: Answer, _ writer: consuming ResponseWriter) async throws {
    try await writer.write(response: answer.head, body: ResponseBody(byteBuffer: answer.body))
  }

  // MARK: Before the body is read

  private enum Admission {
    case refused(Answer)
    case follow(EventQuery)
    case append(EventForm)
    case other(Operation, [UInt8], EventQuery)
  }

  private func admit(_ request: Request) -> Admission {
    do throws(Problem) {
      return try admission(request)
    } catch {
      var answer = Answer.problem(error)
      if case .otherMethods(let methods) = destination(request) {
        answer.head.headerFields[.allow] = methods.joined(separator: ", ")
      }
      return .refused(hasLargeBody(request.head) ? answer.closing() : answer)
    }
  }

  private func destination(_ request: Request) -> Destination {
    Destination(request.method, path: (request.head.path ?? "/").prefix { $0 != "?" && $0 != "#" })
  }

  private func admission(_ request: Request) throws(Problem) -> Admission {
    let head = request.head
    let destination = destination(request)
    var scope: Scope? = .read
    if case .operation(let operation, _) = destination { scope = operation.scope }
    if let problem = services.access.problem(head, scope: scope) { throw problem }
    switch destination {
    case .nowhere: throw Problem(.notFound, "There is no such address. GET /openapi.json lists those that exist.")
    case .notText: throw Problem(.badRequest, "The path is not percent-encoded UTF-8.")
    case .otherMethods(let methods):
      throw Problem(.methodNotAllowed, "This address takes \(methods.joined(separator: " and ")).")
    case .operation(let operation, let parameter):
      let path = head.path ?? "/"
      let text = path.drop { $0 != "?" }.dropFirst().prefix { $0 != "#" }
      var query = try EventQuery(
        Query(text, names: operation.queryNames), maximum: services.limits.pageEventsMaximum)
      try checkBody(head, operation)
      switch operation {
      case .append: return .append(try EventForm(head))
      case .listEvents where EventForm.media(head.headerFields[.accept] ?? "") == "text/event-stream":
        query.from = try resume(head) ?? query.from
        return .follow(query)
      default: return .other(operation, parameter, query)
      }
    }
  }

  /// The position after the last one that a follower has seen.
  private func resume(_ head: HTTPRequest) throws(Problem) -> Position? {
    guard let last = head.headerFields[.lastEventID], !last.isEmpty else { return nil }
    guard let position = UInt64(last), position < Int64.max else {
      throw Problem(.badRequest, "Last-Event-ID is the position of the last event that was seen.")
    }
    return Position(position).next
  }

  private func checkBody(_ head: HTTPRequest, _ operation: Operation) throws(Problem) {
    guard operation.method == .post else { return }
    if let encoding = head.headerFields[.contentEncoding], encoding.lowercased() != "identity" {
      throw Problem(.unsupportedContent, "Bodies are taken as they are: send this without Content-Encoding.")
    }
    guard operation == .append else {
      let type = head.headerFields[.contentType].map(EventForm.media)
      if let type, type != "application/json" {
        throw Problem(.unsupportedContent, "Send no body here, or application/json.")
      }
      return
    }
    if let problem = services.backPressure { throw problem }
    let form = try EventForm(head)
    let limit = form == .batch ? services.limits.batchBytes : services.limits.eventBytes
    if form != .stream, let length = head.headerFields[.contentLength].flatMap({ Int($0) }), length > limit {
      throw AppendRoute.tooLarge(form, services.limits)
    }
  }

  private func hasLargeBody(_ head: HTTPRequest) -> Bool {
    if head.headerFields[.transferEncoding] != nil { return true }
    return (head.headerFields[.contentLength].flatMap { Int($0) } ?? 0) > 64 << 10
  }
}

extension EventStreamText {
  /// An error in the middle of a stream, its last event.
  static func problem(_ problem: Problem) -> ByteBuffer {
    ByteBuffer(string: "event: problem\ndata: \(String(decoding: Answer.json(problem), as: UTF8.self))\n\n")
  }
}
