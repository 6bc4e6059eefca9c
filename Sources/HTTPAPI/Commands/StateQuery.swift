internal import Engine
internal import Events
internal import HTTPTypes
internal import NIOCore
internal import Scripts
internal import Wire

/// What `GET /aggregates/{name}` asks for: the state of a subject, now or at a position or time.
struct StateQuery: Sendable {
  static let names = ["subject", "at"]

  enum Moment: Sendable, Equatable {
    case now
    case position(Position)
    /// µs since 1970: what was committed up to then.
    case time(Int64)
  }

  let subject: [UInt8]
  let at: Moment

  init(_ query: Query?) throws(Problem) {
    guard let given = query?["subject"] else {
      throw Problem(.badRequest, "Say whose state is wanted: ?subject=account-1.")
    }
    subject = try EventQuery.subject(given)
    guard let text = query?["at"].map({ String(decoding: $0, as: UTF8.self) }) else {
      at = .now
      return
    }
    if let position = UInt64(text), position <= UInt64(Int64.max) {
      at = .position(Position(position))
    } else if let time = Timestamp.microseconds(text) {
      at = .time(time)
    } else {
      throw Problem(.badRequest, "at is a position, or an RFC 3339 time such as 2026-01-31T12:00:00Z.")
    }
  }
}

extension DoorResponder {
  func state(of aggregate: [UInt8], _ query: StateQuery) async throws(Problem) -> Answer {
    let name = String(decoding: aggregate, as: UTF8.self)
    let durable = services.host.durable
    let answer = try await services.reading { [log = services.log] () throws -> SubjectReading.Answer in
      let at =
        switch query.at {
        case .now: durable
        case .position(let position): min(position, durable)
        case .time(let time): min(try log.position(until: time), durable)
        }
      return log.state(of: query.subject, aggregate: name, at: at, isHead: at == durable)
    }
    switch answer {
    case .found(let report): return Self.answer(name, query.subject, report)
    case .unknown(let aggregates):
      let near = NearestName.of(name, among: aggregates).map { " Did you mean \"\($0)\"?" }
      throw Problem(.notFound, "There is no aggregate of this name." + (near ?? ""))
    case .failed(let why): throw Problem(.refused, "The state cannot be made: \(why)")
    }
  }

  private static func answer(_ aggregate: String, _ subject: [UInt8], _ report: SubjectReport) -> Answer {
    Answer(.ok, capacity: report.state.count + 256) { writer in
      writer.append("{\"aggregate\":" as StaticString)
      writer.appendJSON(string: aggregate)
      writer.append(",\"subject\":" as StaticString)
      writer.appendJSON(string: String(decoding: subject, as: UTF8.self))
      writer.append(",\"position\":" as StaticString)
      writer.appendDecimal(report.position.rawValue)
      writer.append(",\"state\":" as StaticString)
      writer.append(report.state)
      writer.append(",\"keptAt\":" as StaticString)
      if let kept = report.kept { writer.appendDecimal(kept.rawValue) } else { writer.append("null" as StaticString) }
      writer.append(",\"folded\":" as StaticString)
      writer.appendDecimal(UInt64(report.events))
      writer.append(UInt8(ascii: "}"))
    }
  }
}
