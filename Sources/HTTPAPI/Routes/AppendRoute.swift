internal import Engine
internal import Events
internal import HTTPTypes
internal import HummingbirdCore
internal import NIOCore
internal import Wire

/// `POST /events` with one event or a batch: all or nothing.
struct AppendRoute: Sendable {
  let services: DoorServices

  /// What becomes of a request whose body is there.
  enum Reading {
    case answered(Answer)
    case append(EntryBatch)
  }

  func answer(_ request: Request, _ form: EventForm) async throws -> Answer {
    let expecting: Position?
    switch Expectation(request.head) {
    case .none: expecting = nil
    case .position(let position): expecting = position
    case .problem(let problem): return .problem(problem).closing()
    }
    guard let body = try await Self.collect(request.body, limit: limit(of: form)) else {
      return .problem(Self.tooLarge(form, services.limits)).closing()
    }
    switch read(request.head, form, body, expecting: expecting) {
    case .answered(let answer): return answer
    case .append(let batch):
      let outcome = await services.host.append(batch, expecting: expecting, stream: nil)
      return Self.answer(outcome, to: batch, form)
    }
  }

  /// The longest body.
  func limit(of form: EventForm) -> Int { form == .batch ? services.limits.batchBytes : services.limits.eventBytes }

  /// The events of a body, or what is wrong with them.
  func read(_ head: HTTPRequest, _ form: EventForm, _ body: ByteBuffer, expecting: Position?) -> Reading {
    let batch = EntryBatch(hash: services.host.hash, capacity: body.readableBytes + 256)
    do {
      try decode(head, form, body, into: batch)
    } catch {
      return .answered(.problem(Self.problem(error, form)))
    }
    if let problem = ContractCheck(contracts: services.host.contracts).problem(of: batch, form) {
      return .answered(.problem(problem))
    }
    if expecting != nil {
      if form == .batch {
        return .answered(.problem(Problem(.badRequest, "If-Match goes with a single event; this is a batch.")))
      }
      if batch.entry(0).subject.isEmpty {
        return .answered(
          .problem(
            Problem(.badRequest, "If-Match speaks of the last event of a subject, and this event has none.")))
      }
    } else if batch.count == 0 {
      return .answered(Self.receipt(.ok, AppendReceipt(first: nil, last: nil, count: 0, duplicates: 0)))
    }
    return .append(batch)
  }

  static func answer(_ outcome: AppendOutcome, to batch: EntryBatch, _ form: EventForm) -> Answer {
    guard case .appended(let first, let last, _, let duplicates) = outcome else {
      return .problem(problem(outcome, form))
    }
    return receipt(
      .created,
      AppendReceipt(first: first.rawValue, last: last.rawValue, count: batch.count, duplicates: duplicates))
  }

  /// The whole body; nil when it is longer than `limit`.
  static func collect(_ body: RequestBody, limit: Int) async throws -> ByteBuffer? {
    var whole = ByteBuffer()
    for try await part in body {
      if whole.readableBytes + part.readableBytes > limit { return nil }
      if whole.readableBytes == 0 { whole = part } else { whole.writeImmutableBuffer(part) }
    }
    return whole
  }

  private func decode(
    _ head: HTTPRequest, _ form: EventForm, _ body: ByteBuffer, into batch: EntryBatch
  ) throws(CloudEventError) {
    try services.decoding { decoder throws(CloudEventError) in
      let result = body.withUnsafeReadableBytes { bytes -> Result<Void, CloudEventError> in
        Result { () throws(CloudEventError) in
          switch form {
          case .batch: try decoder.decode(batch: bytes, into: batch)
          case .binary(let contentType):
            try decoder.decode(
              attributes: BinaryMode.attributes(head.headerFields), contentType: contentType, data: bytes, into: batch)
          case .structured, .stream: try decoder.decode(bytes, into: batch)
          }
        }
      }
      try result.get()
    }
  }

  static func tooLarge(_ form: EventForm, _ limits: DoorLimits) -> Problem {
    form == .batch
      ? Problem(
        .tooLarge,
        "A batch has at most \(limits.batchBytes) bytes. Send smaller ones, or a stream: application/x-ndjson.")
      : Problem(
        .tooLarge,
        "An event has at most \(limits.eventBytes) bytes. Keep large things elsewhere and send their address.")
  }

  /// What was wrong with the bytes.
  static func problem(_ error: CloudEventError, _ form: EventForm) -> Problem {
    let kind: ProblemKind =
      switch error.code {
      case .malformed: .malformedJSON
      case .invalid: .invalidEvent
      case .tooLarge: .tooLarge
      }
    var detail = error.message.prefix(1).uppercased() + error.message.dropFirst()
    if let offset = error.offset { detail += ", at byte \(offset)" }
    if form == .batch, let index = error.index { detail += ", in event \(index) of the batch (counted from 0)" }
    var problem = Problem(kind, detail + ".")
    problem.offset = error.offset
    if form == .batch { problem.index = error.index }
    return problem
  }

  /// Why the engine did not append. `.appended` is none of these.
  static func problem(_ outcome: AppendOutcome, _ form: EventForm) -> Problem {
    switch outcome {
    case .conflict(let index, let position):
      var problem = Problem(
        .identityConflict,
        """
        The event at position \(position) has the same source and id, but another type, subject or data. A new event \
        needs a new id.
        """)
      problem.position = position.rawValue
      if form == .batch { problem.index = index }
      return problem
    case .expectationFailed(let actual):
      let found = actual == .start ? "The subject has no event yet" : "The last event of the subject is at \(actual)"
      var problem = Problem(
        .expectationFailed, "\(found). Read what has happened, decide again, and send that position.")
      problem.position = actual.rawValue
      return problem
    case .tooLarge(let limit):
      return Problem(.tooLarge, "What is appended at once has at most \(limit) bytes. Send less at once, or a stream.")
    case .overloaded: return DoorServices.overloaded
    case .noSpace: return DoorServices.outOfSpace
    case .stopped(let maybeIn):
      let fate =
        maybeIn ? "Whether the events are in is not known; with source and id they" : "The events are not in; they"
      return Problem(.stopping, "The daemon is stopping. \(fate) can be sent again when it runs.")
    case .readFailed:
      return Problem(
        .readFailed, "The log could not be searched for an earlier event with this id. Nothing was appended.")
    case .streamFailed, .appended:
      return Problem(.badRequest, "An earlier part of the stream was refused.")
    }
  }

  static func receipt(_ status: HTTPResponse.Status, _ receipt: AppendReceipt) -> Answer {
    Answer(status) { writer in
      writer.append("{\"first\":" as StaticString)
      writer.appendNumber(receipt.first)
      writer.append(",\"last\":" as StaticString)
      writer.appendNumber(receipt.last)
      writer.append(",\"count\":" as StaticString)
      writer.appendDecimal(UInt64(receipt.count))
      writer.append(",\"duplicates\":" as StaticString)
      writer.appendDecimal(UInt64(receipt.duplicates))
      writer.append(UInt8(ascii: "}"))
    }
  }
}

extension ByteWriter {
  fileprivate mutating func appendNumber(_ value: UInt64?) {
    if let value { appendDecimal(value) } else { append("null" as StaticString) }
  }
}

/// What `If-Match` asks for.
private enum Expectation {
  case none
  case position(Position)
  case problem(Problem)

  init(_ head: HTTPRequest) {
    guard let text = head.headerFields.value(of: .ifMatch) else {
      self = .none
      return
    }
    let isQuoted = text.count >= 2 && text.hasPrefix("\"") && text.hasSuffix("\"")
    guard let number = UInt64(isQuoted ? text.dropFirst().dropLast() : text[...]) else {
      self = .problem(Problem(.badRequest, "If-Match is the position of the subject's last event, or 0 for none."))
      return
    }
    self = .position(Position(number))
  }
}
