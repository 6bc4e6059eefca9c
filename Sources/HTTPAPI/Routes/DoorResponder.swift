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
    switch Admission(request.head, services) {
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
      try await Self.invite(request, writer)
      let answer =
        form == .stream
        ? try await StreamRoute(services: services).answer(request)
        : try await AppendRoute(services: services).answer(request, form)
      try await Self.write(answer, writer)
    case .command(let type, let wait):
      try await Self.invite(request, writer)
      let route = CommandRoute(services: services, type: type, wait: wait)
      try await Self.write(try await route.answer(request), writer)
    case .state(let aggregate, let query):
      try await Self.write(
        await Self.answer { () throws(Problem) in try await state(of: aggregate, query) }, writer)
    case .act(let operation, let parameter, let sender):
      try await Self.invite(request, writer)
      let route = OperatorRoute(services: services, operation: operation, parameter: parameter, sender: sender)
      try await Self.write(try await route.answer(request), writer)
    case .letters(let query):
      try await Self.write(await Self.answer { () throws(Problem) in try await letters(query) }, writer)
    case .receive(let route):
      try await Self.invite(request, writer)
      try await Self.write(try await route.answer(request), writer)
    case .view(let request):
      try await Self.write(await Self.answer { () throws(Problem) in try await self.answer(request) }, writer)
    case .other(let operation, let parameter, let query):
      let answer = await Self.answer { () throws(Problem) in try await self.answer(operation, parameter, query) }
      try await Self.write(answer, writer)
    }
  }

  private static func answer(_ body: () async throws(Problem) -> Answer) async -> Answer {
    do throws(Problem) {
      return try await body()
    } catch {
      return .problem(error)
    }
  }

  /// Says to a sender who waits for it that the body is wanted.
  private static func invite(_ request: Request, _ writer: borrowing ResponseWriter) async throws {
    guard request.headers[.expect]?.lowercased() == "100-continue" else { return }
    try await writer.writeInformationalHead(HTTPResponse(status: .continue))
  }

  private static func write(_ answer: Answer, _ writer: consuming ResponseWriter) async throws {
    try await writer.write(response: answer.head, body: ResponseBody(byteBuffer: answer.body))
  }
}

extension EventStreamText {
  /// An error in the middle of a stream, its last event.
  static func problem(_ problem: Problem) -> ByteBuffer {
    ByteBuffer(string: "event: problem\ndata: \(String(decoding: Answer.json(problem), as: UTF8.self))\n\n")
  }
}
