internal import Engine
internal import Events
internal import HTTPTypes
internal import HummingbirdCore
internal import NIOCore
internal import Wire

/// What operators ask for: verbs on consumers and on dead letters. Each is answered when it is durable.
struct OperatorRoute: Sendable {
  let services: DoorServices
  let operation: Operation
  /// The variable part of the path.
  let parameter: [UInt8]
  /// Who sends it.
  let sender: String

  func answer(_ request: Request) async throws -> Answer {
    guard let body = try await AppendRoute.collect(request.body, limit: services.limits.eventBytes) else {
      return .problem(
        Problem(.tooLarge, "The body of this request has at most \(services.limits.eventBytes) bytes.")
      ).closing()
    }
    do throws(Problem) {
      let body = try OperatorBody(body, names: operation.bodyNames)
      let by = try body.by(sender)
      switch operation {
      case .pauseConsumer: return try await act(.pause, by)
      case .resumeConsumer: return try await act(.resume, by)
      case .forgetConsumer: return try await act(.forget, by)
      case .rewindConsumer: return try await rewind(to: body.target(), isDry: body.flag("dryRun"), by)
      default:
        guard let verb = operation.letterVerb else { preconditionFailure("\(operation) takes no document") }
        return operation.hasParameter
          ? try await resolve(verb, by)
          : try await resolve(verb, body.selection(maximum: services.limits.pageLettersMaximum), by)
      }
    } catch {
      return .problem(error)
    }
  }

  // MARK: Consumers

  private var name: String { String(decoding: parameter, as: UTF8.self) }

  private func act(_ verb: ReaderVerb, _ by: String) async throws(Problem) -> Answer {
    switch await services.host.act(verb, on: name, by: by) {
    case .done(let receipt):
      return Answer(
        .ok,
        ConsumerReceipt(
          consumer: name, state: receipt.state, cursor: receipt.cursor, changed: receipt.changed,
          droppedEvents: receipt.droppedUnits, droppedDeadLetters: receipt.droppedLetters))
    case .unknown: throw await services.unknownConsumer(name)
    case .refused(let why): throw Self.refused(why)
    case .noSpace: throw DoorServices.outOfSpace
    case .stopped(let maybeIn):
      throw Problem(
        .stopping,
        maybeIn
          ? "The daemon is stopping. Whether it is done is not known; ask again when it runs."
          : "The daemon is stopping. Nothing was done; ask again when it runs.")
    }
  }

  private func rewind(to target: RewindRequest.Target, isDry: Bool, _ by: String) async throws(Problem) -> Answer {
    let first: Position
    switch target {
    case .position(let position): first = Position(position)
    case .time(let text):
      guard let time = Timestamp.microseconds(text) else { preconditionFailure("the body's target was checked") }
      first = try await services.reading { [log = services.log] in try log.position(until: time) }.next
    }
    if !isDry { return try await act(.rewind(to: first), by) }
    let status = await services.host.status()
    guard let reader = status.reader(named: name) else { throw await services.unknownConsumer(name) }
    if let why = RewindPreview.refusal(of: reader, to: first) { throw Self.refused(why) }
    let durable = services.host.durable
    let preview = try await services.reading { [log = services.log] in
      try log.preview(ofRewinding: reader, to: first, durable: durable)
    }
    return Answer(
      .ok,
      RewindReport(
        consumer: reader.name, from: first.rawValue, cursor: reader.cursor, events: preview.events,
        effects: preview.effects))
  }

  private static func refused(_ why: String) -> Problem {
    Problem(.refused, why.prefix(1).uppercased() + why.dropFirst() + ".")
  }

  // MARK: Dead letters

  /// The one that the path names. One that was resolved before is as it should be.
  private func resolve(_ verb: LetterVerb, _ by: String) async throws(Problem) -> Answer {
    guard let id = LetterID(name) else { throw DoorServices.unknownLetter }
    let receipt = try await receipt(verb, .ids([id]), by)
    if !receipt.notOpen.isEmpty {
      let isKnown = try await services.reading { [log = services.log] in
        try log.history(of: id) != nil
      }
      if !isKnown { throw DoorServices.unknownLetter }
    }
    return Answer(.ok, receipt)
  }

  private func resolve(_ verb: LetterVerb, _ selection: LetterSelection, _ by: String) async throws(Problem) -> Answer {
    Answer(.ok, try await receipt(verb, selection, by))
  }

  private func receipt(
    _ verb: LetterVerb, _ selection: LetterSelection, _ by: String
  ) async throws(Problem) -> ResolveReceipt {
    switch await services.host.resolve(verb, selection, by: by) {
    case .done(let receipt):
      return ResolveReceipt(
        resolved: receipt.resolved, unchanged: receipt.unchanged, left: receipt.left,
        notOpen: receipt.notOpen.map(\.description))
    case .unknownConsumer:
      guard case .all(let name?, _) = selection else { preconditionFailure("only a consumer can be unknown") }
      throw await services.unknownConsumer(name)
    case .noSpace: throw DoorServices.outOfSpace
    case .readFailed:
      throw Problem(
        .readFailed,
        """
        The events of some letters could not be read; the daemon's own log says why. Those before them are done. Send \
        the same again: what is done is left alone.
        """)
    case .stopped(let maybeIn):
      throw Problem(
        .stopping,
        maybeIn
          ? "The daemon is stopping. Some of it may be done; send the same again when it runs: what is done is left alone."
          : "The daemon is stopping. Nothing was done; send the same again when it runs.")
    }
  }
}

extension DoorServices {
  static let unknownLetter = Problem(
    .notFound, "There has never been a dead letter of this id. GET /dead-letters lists those that are open.")

  /// A name that no consumer has, and what may have been meant.
  func unknownConsumer(_ name: String) async -> Problem {
    guard NameRule.declaration.allows(name) else {
      return Problem(.notFound, "No consumer has such a name. GET /consumers lists those that there are.")
    }
    let status = await host.status()
    let advice =
      if let near = status.name(near: name) {
        "Did you mean \"\(near)\"?"
      } else if status.readers.isEmpty {
        "No script declares one."
      } else if status.readers.count <= 10 {
        "There are: \(status.readers.map(\.name).joined(separator: ", "))."
      } else {
        "GET /consumers lists those that there are."
      }
    return Problem(.notFound, "There is no consumer \"\(name)\". \(advice)")
  }
}
