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
    let admission = Admission(request.head, services)
    let operation = admission.operation
    switch admission {
    case .refused(let answer, _): try await write(answer, operation, writer)
    case .follow(let query):
      services.metrics.answered(operation, status: 200)
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
      try await write(answer, operation, writer)
    case .command(let type, let wait):
      try await Self.invite(request, writer)
      let route = CommandRoute(services: services, type: type, wait: wait)
      try await write(try await route.answer(request), operation, writer)
    case .state(let aggregate, let query):
      try await write(
        await Self.answer { () throws(Problem) in try await state(of: aggregate, query) }, operation, writer)
    case .act(let operation, let parameter, let sender):
      try await Self.invite(request, writer)
      let route = OperatorRoute(services: services, operation: operation, parameter: parameter, sender: sender)
      try await write(try await route.answer(request), operation, writer)
    case .process(let operation, let asked, let sender):
      let route = ProcessRoute(services: services, request: asked)
      if operation.method == .post {
        try await Self.invite(request, writer)
        try await write(try await route.answer(request, sender: sender), operation, writer)
      } else {
        try await write(
          await Self.answer { () throws(Problem) in try await route.answer() }, operation, writer)
      }
    case .letters(let query):
      try await write(await Self.answer { () throws(Problem) in try await letters(query) }, operation, writer)
    case .timers(let query):
      try await write(await Self.answer { () throws(Problem) in try await timers(query) }, operation, writer)
    case .receive(let route):
      try await Self.invite(request, writer)
      try await write(try await route.answer(request), .receive, writer)
    case .view(_, let request):
      try await write(
        await Self.answer { () throws(Problem) in try await self.answer(request) }, operation, writer)
    case .other(let operation, let parameter, let query):
      let answer = await Self.answer { () throws(Problem) in try await self.answer(operation, parameter, query) }
      try await write(answer, operation, writer)
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
    guard request.headers.value(of: .expect)?.lowercased() == "100-continue" else { return }
    try await writer.writeInformationalHead(HTTPResponse(status: .continue))
  }

  private func write(_ answer: Answer, _ operation: Operation?, _ writer: consuming ResponseWriter) async throws {
    services.metrics.answered(operation, status: answer.head.status.code)
    try await writer.write(response: answer.head, body: ResponseBody(byteBuffer: answer.body))
  }
}

extension EventStreamText {
  /// An error in the middle of a stream, its last event.
  static func problem(_ problem: Problem) -> ByteBuffer {
    ByteBuffer(string: "event: problem\ndata: \(String(decoding: Answer.json(problem), as: UTF8.self))\n\n")
  }
}
