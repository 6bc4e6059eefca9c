package import Wire

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

/// Which dead letters to list.
package struct DeadLetterSelection: Sendable, Equatable {
  package var kind: DeadLetterKind
  /// The consumer's, or the destination's.
  package var owner: String?
  package var key: String?
  /// Of events: a whole type, or its beginning and a `*`.
  package var type: String?
  /// A part of the error's text.
  package var error: String?
  /// At most so many letters a page, 1 to 1000.
  package var limit: Int?
  /// Letters after this id.
  package var after: String?

  package init(_ kind: DeadLetterKind = .events) { self.kind = kind }

  /// With its question mark; empty when nothing is chosen.
  var query: String {
    EventSelection.query([
      (kind.owner, owner), ("key", key), ("type", type), ("error", error), ("limit", limit.map { "\($0)" }),
      ("after", after),
    ])
  }
}

/// What operators do. `by` says who acts; the daemon keeps it in the log, behind the name of the token.
extension Client {
  /// What reads much of the log, or changes very much, may take its time.
  private static var longTimeout: Int { 3600 }

  // MARK: Consumers

  package func consumers() throws -> Reply<ConsumerList> {
    try reply(try transport.perform(Request(path: "/consumers")))
  }

  package func consumer(_ name: String) throws -> Reply<StatusReport.Consumer> {
    try reply(try transport.perform(Request(path: Self.path(ofConsumer: name))))
  }

  package func act(_ verb: ConsumerVerb, on name: String, by: String?) throws -> Reply<ConsumerReceipt> {
    try post(Self.path(ofConsumer: name) + "/\(verb.rawValue)", ActRequest(by: by))
  }

  /// Counts what a rewind would repeat, and changes nothing.
  package func preview(rewinding name: String, to target: RewindRequest.Target) throws -> Reply<RewindReport> {
    try post(Self.path(ofConsumer: name) + "/rewind", RewindRequest(to: target, dryRun: true))
  }

  package func rewind(_ name: String, to target: RewindRequest.Target, by: String?) throws -> Reply<ConsumerReceipt> {
    try post(Self.path(ofConsumer: name) + "/rewind", RewindRequest(to: target, by: by))
  }

  // MARK: Destinations

  package func destination(_ name: String) throws -> Reply<StatusReport.Outbox> {
    try reply(try transport.perform(Request(path: Self.path(ofDestination: name))))
  }

  /// `target`: of a destination that has one for each document, the only one that is meant.
  package func act(
    _ verb: ConsumerVerb, onDestination name: String, target: String? = nil, by: String?
  ) throws -> Reply<DestinationReceipt> {
    try post(Self.path(ofDestination: name) + "/\(verb.rawValue)", ActRequest(by: by, to: target))
  }

  static func path(ofDestination name: String) -> String { "/destinations/" + EventSelection.encoded(name) }

  // MARK: Sources

  package func sources() throws -> Reply<SourceList> {
    try reply(try transport.perform(Request(path: "/sources")))
  }

  // MARK: Schedules

  package func schedules() throws -> Reply<ScheduleList> {
    try reply(try transport.perform(Request(path: "/schedules")))
  }

  // MARK: Timers

  /// At most `limit` timers, 1 to 1000, behind the page that has ended at `after`.
  package func timers(limit: Int, after: String?) throws -> Reply<TimerList> {
    let query = EventSelection.query([("limit", "\(limit)"), ("after", after)])
    return try reply(try transport.perform(Request(path: "/timers" + query)))
  }

  // MARK: Dead letters

  package func deadLetters(_ selection: DeadLetterSelection) throws -> Reply<DeadLetterList> {
    try reply(try transport.perform(Request(path: selection.kind.path + selection.query)))
  }

  package func deadLetter(_ id: String, of kind: DeadLetterKind) throws -> Reply<DeadLetterHistory> {
    try reply(try transport.perform(Request(path: "\(kind.path)/\(EventSelection.encoded(id))")))
  }

  package func resolve(
    _ verb: DeadLetterVerb, _ id: String, of kind: DeadLetterKind, by: String?
  ) throws -> Reply<ResolveReceipt> {
    try post("\(kind.path)/\(EventSelection.encoded(id))/\(verb.rawValue)", ActRequest(by: by))
  }

  package func resolve(
    _ verb: DeadLetterVerb, _ request: ResolveRequest, of kind: DeadLetterKind
  ) throws -> Reply<ResolveReceipt> {
    try post("\(kind.path)/\(verb.rawValue)", request)
  }

  static func path(ofConsumer name: String) -> String { "/consumers/" + EventSelection.encoded(name) }

  func post<Value: Decodable & Sendable>(_ path: String, _ body: some Encodable) throws -> Reply<Value> {
    let request = Request(
      method: "POST", path: path, headers: ["Content-Type: application/json"],
      body: .bytes(Array(try JSONEncoder().encode(body))), timeout: Self.longTimeout)
    return try reply(try transport.perform(request))
  }
}
