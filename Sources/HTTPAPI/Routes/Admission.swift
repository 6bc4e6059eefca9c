internal import Engine
internal import Events
internal import HTTPTypes
internal import Wire

/// What becomes of a request, decided from its head, before a byte of its body is read.
enum Admission {
  /// With the operation that was asked for, when there is one.
  case refused(Answer, Operation?)
  case follow(EventQuery)
  case append(EventForm)
  /// A command and how long its sender waits.
  case command([UInt8], Duration)
  case state([UInt8], StateQuery)
  case letters(LetterListQuery)
  case timers(TimerListQuery)
  /// A change by an operator; `by` for the log.
  case act(Operation, [UInt8], by: String)
  case view(Operation, ViewRequest)
  case process(Operation, ProcessRequest, by: String)
  /// A request to a source.
  case receive(SourceRoute)
  case other(Operation, [UInt8], EventQuery)

  init(_ head: HTTPRequest, _ services: DoorServices) {
    let target = Target(head.path ?? "/")
    let destination = Destination(head.method, path: target.path)
    do throws(Problem) {
      self = try Self.admit(head, target, destination, services)
    } catch {
      var answer = Answer.problem(error)
      if case .otherMethods(let methods) = destination {
        answer.head.headerFields[.allow] = methods.joined(separator: ", ")
      }
      var asked: Operation?
      if case .operation(let operation, _) = destination { asked = operation }
      self = .refused(Self.hasLargeBody(head) ? answer.closing() : answer, asked)
    }
  }

  /// What is asked for; nil: what there is not.
  var operation: Operation? {
    switch self {
    case .refused(_, let operation): operation
    case .follow: .listEvents
    case .append: .append
    case .command: .sendCommand
    case .state: .getState
    case .receive: .receive
    case .timers: .listTimers
    case .letters(let query): query.scope == .destinations ? .listOutbox : .listDeadLetters
    case .process(let operation, _, _): operation
    case .act(let operation, _, _), .view(let operation, _), .other(let operation, _, _): operation
    }
  }

  private static func admit(
    _ head: HTTPRequest, _ target: Target, _ destination: Destination, _ services: DoorServices
  ) throws(Problem) -> Admission {
    var scope: Scope? = .read
    if case .operation(let operation, _) = destination { scope = operation.scope }
    if case .operation(.receive, let name) = destination {
      return .receive(try SourceRoute.admit(head, target, name, services))
    }
    if let problem = services.access.problem(head, scope: scope) { throw problem }
    switch destination {
    case .nowhere: throw Problem(.notFound, "There is no such address. GET /openapi.json lists those that exist.")
    case .notText: throw Problem(.badRequest, "The path is not percent-encoded UTF-8.")
    case .otherMethods(let methods):
      throw Problem(.methodNotAllowed, "This address takes \(methods.joined(separator: " and ")).")
    case .operation(let operation, let parameter):
      if let request = try ViewRequest(operation, target) {
        if operation.method == .post {
          try checkEncoding(head)
          try checkType(head)
        }
        return .view(operation, request)
      }
      if let request = try ProcessRequest(operation, target) {
        if operation.method == .post {
          try checkEncoding(head)
          try checkType(head)
        }
        return .process(operation, request, by: services.access.sender(of: head))
      }
      let accepted = head.headerFields.value(of: .accept).map(EventForm.media)
      let follows = operation == .listEvents && accepted == "text/event-stream"
      let values = target.query.isEmpty ? nil : try Query(target.query, names: operation.queryNames)
      if operation.method == .post { try checkEncoding(head) }
      if operation == .append { return .append(try form(head, services)) }
      if operation == .sendCommand {
        if let problem = services.backPressure { throw problem }
        try checkType(head)
        return .command(parameter, try CommandRoute.wait(values, services.limits))
      }
      if operation == .getState { return .state(parameter, try StateQuery(values)) }
      if operation == .listDeadLetters || operation == .listOutbox {
        let scope = operation.readers
        guard let values else { return .letters(LetterListQuery(scope)) }
        return .letters(try LetterListQuery(scope, values, maximum: services.limits.pageLettersMaximum))
      }
      if operation == .listTimers {
        return .timers(try TimerListQuery(values, maximum: services.limits.pageTimersMaximum))
      }
      if operation.changes { try checkType(head) }
      if operation.takesDocument { return .act(operation, parameter, by: services.access.sender(of: head)) }
      var query = EventQuery()
      if let values { query = try EventQuery(values, maximum: services.limits.pageEventsMaximum, follows: follows) }
      if follows {
        query.from = try resume(head) ?? query.from
        return .follow(query)
      }
      return .other(operation, parameter, query)
    }
  }

  /// The position after the last one that a follower has seen.
  private static func resume(_ head: HTTPRequest) throws(Problem) -> Position? {
    guard let last = head.headerFields.value(of: .lastEventID), !last.isEmpty else { return nil }
    guard let position = UInt64(last), position < Int64.max else {
      throw Problem(.badRequest, "Last-Event-ID is the position of the last event that was seen.")
    }
    return Position(position).next
  }

  static func checkEncoding(_ head: HTTPRequest) throws(Problem) {
    guard let encoding = head.headerFields.value(of: .contentEncoding), encoding.lowercased() != "identity" else {
      return
    }
    throw Problem(.unsupportedContent, "Bodies are taken as they are: send this without Content-Encoding.")
  }

  private static func checkType(_ head: HTTPRequest) throws(Problem) {
    if let type = head.headerFields.value(of: .contentType) {
      if EventForm.media(type) == "application/json" { return }
    } else if !hasBody(head) {
      return
    }
    throw Problem(.unsupportedContent, "Send the body as application/json, or send none.")
  }

  /// How the events come, when they can be taken in now.
  private static func form(_ head: HTTPRequest, _ services: DoorServices) throws(Problem) -> EventForm {
    if let problem = services.backPressure { throw problem }
    let form = try EventForm(head)
    let limit = form == .batch ? services.limits.batchBytes : services.limits.eventBytes
    if form != .stream, let length = length(head), length > limit { throw AppendRoute.tooLarge(form, services.limits) }
    return form
  }

  private static func hasBody(_ head: HTTPRequest) -> Bool {
    head.headerFields.value(of: .transferEncoding) != nil || length(head) ?? 0 > 0
  }

  static func length(_ head: HTTPRequest) -> Int? { head.headerFields.value(of: .contentLength).flatMap { Int($0) } }

  /// Whether reading a body that nobody wants, to use the connection again, costs more than a new connection.
  private static func hasLargeBody(_ head: HTTPRequest) -> Bool {
    head.headerFields.value(of: .transferEncoding) != nil || length(head) ?? 0 > 64 << 10
  }
}

/// The two parts of an address that matter here.
struct Target {
  let path: Substring
  let query: Substring

  init(_ address: String) {
    let bytes = address.utf8
    let end = bytes.firstIndex(of: UInt8(ascii: "#")) ?? bytes.endIndex
    let mark = bytes[..<end].firstIndex(of: UInt8(ascii: "?")) ?? end
    path = address[..<mark]
    query = mark == end ? address[end..<end] : address[bytes.index(after: mark)..<end]
  }
}
