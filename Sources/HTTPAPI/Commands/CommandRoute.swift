internal import Engine
internal import Events
internal import HTTPTypes
internal import HummingbirdCore
internal import NIOCore
internal import Scripts
internal import Wire

/// `POST /commands/{type}`: sends a command and answers with what became of it.
struct CommandRoute: Sendable {
  static let queryNames = ["wait"]

  let services: DoorServices
  /// The name of the command.
  let type: [UInt8]
  let wait: Duration

  func answer(_ request: Request) async throws -> Answer {
    guard let body = try await AppendRoute.collect(request.body, limit: services.limits.eventBytes) else {
      return .problem(
        Problem(.tooLarge, "The body of a command has at most \(services.limits.eventBytes) bytes.")
      ).closing()
    }
    do throws(Problem) {
      guard type.withUnsafeBytes({ NameRule.type.allows($0) }) else {
        throw Problem(.badRequest, "A command is letters, digits, dots, hyphens and underscores, 1 to 128 of them.")
      }
      let batch = try CommandBody(body).batch(type, hash: services.host.hash)
      return try await answer(await services.host.send(batch, wait: wait))
    } catch {
      return .problem(error)
    }
  }

  private func answer(_ outcome: CommandOutcome) async throws(Problem) -> Answer {
    switch outcome {
    case .accepted(let position, let first, let count): return try await events(position, from: first, count)
    case .rejected(let position, let reason):
      var problem = Problem(.rejected, reason)
      problem.position = position.rawValue
      throw problem
    case .discarded(let position):
      var problem = Problem(.rejected, "The command was given up before it was decided.")
      problem.position = position.rawValue
      throw problem
    case .pending(let position, let letter): return Self.pending(position, letter)
    case .decidedBefore(let position):
      let found = try await services.reading { [log = services.log] in try log.outcome(of: position) }
      guard let found else { return Self.pending(position, nil) }
      return try await answer(found)
    case .unowned(let near):
      throw Problem(
        .notFound,
        "No aggregate owns the command \(String(decoding: type, as: UTF8.self))."
          + (near.map { " Did you mean \($0)?" } ?? " A script declares one: commands = { … }."))
    case .conflict(let position):
      var problem = Problem(
        .identityConflict,
        """
        At position \(position) stands something else with the same source and id. A new command needs a new id.
        """)
      problem.position = position.rawValue
      throw problem
    case .tooLarge(let limit): throw Problem(.tooLarge, "A command has at most \(limit) bytes.")
    case .overloaded: throw DoorServices.overloaded
    case .noSpace: throw DoorServices.outOfSpace
    case .stopped(let maybeIn):
      throw Problem(
        .stopping,
        maybeIn
          ? "The daemon is stopping. Whether the command is in is not known; with source and id it can be sent again."
          : "The daemon is stopping. The command is not in; send it again when it runs.")
    case .readFailed:
      throw Problem(
        .readFailed, "The log could not be searched for an earlier command with this id. Nothing was appended.")
    }
  }

  private static func pending(_ position: Position, _ letter: LetterID?) -> Answer {
    Answer(.accepted, CommandReceipt(position: position.rawValue, deadLetter: letter?.description))
  }

  /// `{"position":P,"events":[…]}`
  private func events(_ position: Position, from first: Position, _ count: Int) async throws(Problem) -> Answer {
    let body = try await services.reading { [page = services.page] in
      try page.events(ofCommand: position, from: first, count: count)
    }
    return Answer(.ok, body: body)
  }

  /// How long to wait, as the query says.
  static func wait(_ query: Query?, _ limits: DoorLimits) throws(Problem) -> Duration {
    guard let bytes = query?["wait"] else { return limits.commandTime }
    guard let span = Span.microseconds(String(decoding: bytes, as: UTF8.self)), span <= 60_000_000 else {
      throw Problem(.badRequest, "wait is a span of at most a minute: 500ms, 10s.")
    }
    return .microseconds(span)
  }
}

extension EventPage {
  func events(ofCommand command: Position, from first: Position, count: Int) throws -> ByteBuffer {
    var writer = ByteWriter(capacity: 1024)
    writer.append("{\"position\":" as StaticString)
    writer.appendDecimal(command.rawValue)
    writer.append(",\"events\":[" as StaticString)
    var isFirst = true
    if count > 0 {
      try reading.visit(from: first, through: first + UInt64(count - 1)) { entry, position, committed in
        guard entry.rawKind == RecordKind.event.rawValue else { return true }
        if !isFirst { writer.append(UInt8(ascii: ",")) }
        isFirst = false
        encoder.encode(entry, position: position, committed: committed, into: &writer)
        return true
      }
    }
    writer.append("]}" as StaticString)
    return ByteBuffer(bytes: writer.bytes)
  }
}
