internal import Engine
internal import Events
internal import HTTPTypes
internal import HummingbirdCore
internal import NIOCore
internal import Wire

/// What operators ask for: verbs on consumers, on destinations, and on the dead letters of both. Each is answered when it is durable.
struct OperatorRoute: Sendable {
  let services: DoorServices
  let operation: Operation
  /// The variable part of the path.
  let parameter: [UInt8]
  /// Who sends it.
  let sender: String

  func answer(_ request: Request) async throws -> Answer {
    guard let body = try await AppendRoute.collect(request.body, limit: services.limits.eventBytes) else {
      return services.bodyTooLarge
    }
    do throws(Problem) {
      let body = try OperatorBody(body, names: operation.bodyNames)
      let by = try body.by(sender)
      switch operation {
      case .pauseConsumer: return try await act(.pause, by)
      case .resumeConsumer: return try await act(.resume, by)
      case .pauseDestination: return try await act(body.key("to").map { .pauseTarget($0) } ?? .pause, by)
      case .resumeDestination: return try await act(body.key("to").map { .resumeTarget($0) } ?? .resume, by)
      case .forgetConsumer, .forgetDestination: return try await act(.forget, by)
      case .rewindConsumer: return try await rewind(to: body.target(), isDry: body.flag("dryRun"), by)
      default:
        guard let verb = operation.letterVerb else { preconditionFailure("\(operation) takes no document") }
        return operation.hasParameter
          ? try await resolve(verb, by)
          : try await resolve(verb, body.selection(in: scope, maximum: services.limits.pageLettersMaximum), by)
      }
    } catch {
      return .problem(error)
    }
  }

  // MARK: Consumers and destinations

  private var scope: ReaderScope { operation.readers }

  private var name: String { String(decoding: parameter, as: UTF8.self) }

  private func act(_ verb: ReaderVerb, _ by: String) async throws(Problem) -> Answer {
    switch await services.host.act(verb, on: name, in: scope, by: by) {
    case .done(let receipt): return answer(receipt)
    case .unknown: throw await services.unknown(name, in: scope)
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

  private func answer(_ receipt: ReaderReceipt) -> Answer {
    if scope == .destinations {
      return Answer(
        .ok,
        DestinationReceipt(
          destination: name, state: receipt.state, cursor: receipt.cursor, changed: receipt.changed,
          droppedMessages: receipt.droppedUnits, droppedDeadLetters: receipt.droppedLetters))
    }
    return Answer(
      .ok,
      ConsumerReceipt(
        consumer: name, state: receipt.state, cursor: receipt.cursor, changed: receipt.changed,
        droppedEvents: receipt.droppedUnits, droppedDeadLetters: receipt.droppedLetters))
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
    guard let reader = status.reader(named: name, in: scope) else { throw await services.unknown(name, in: scope) }
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
    guard let id = LetterID(name) else { throw DoorServices.unknownLetter(in: scope) }
    let receipt = try await receipt(verb, .ids([id]), by)
    if !receipt.notOpen.isEmpty {
      // It must have been one of these, then.
      _ = try await services.history(of: id, in: scope)
    }
    return Answer(.ok, receipt)
  }

  private func resolve(_ verb: LetterVerb, _ selection: LetterSelection, _ by: String) async throws(Problem) -> Answer {
    Answer(.ok, try await receipt(verb, selection, by))
  }

  private func receipt(
    _ verb: LetterVerb, _ selection: LetterSelection, _ by: String
  ) async throws(Problem) -> ResolveReceipt {
    switch await services.host.resolve(verb, selection, in: scope, by: by) {
    case .done(let receipt): return ResolveReceipt(receipt)
    case .unknownConsumer:
      guard case .all(let name?, _) = selection else { preconditionFailure("only a name can be unknown") }
      throw await services.unknown(name, in: scope)
    case .noSpace: throw DoorServices.outOfSpace
    case .readFailed:
      throw Problem(
        .readFailed,
        """
        What some letters are about could not be read; the daemon's own log says why. Those before them are done. Send \
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

extension ResolveReceipt {
  init(_ receipt: LetterReceipt) {
    self.init(
      resolved: receipt.resolved, unchanged: receipt.unchanged, left: receipt.left,
      notOpen: receipt.notOpen.map(\.description))
  }
}
