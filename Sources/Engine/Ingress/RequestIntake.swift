package import Scripts

/// What the door asks of the sources that others send requests to. Callable from any task.
package protocol RequestIntake: Sendable {
  /// Who listens at `/in/{path}` now; nil: nobody.
  func gate(at path: String) -> IntakeGate?

  /// Verifies the request, makes events of it and appends them in one commit; returns once that is durable.
  func receive(_ request: IncomingRequest, at path: String) async -> IntakeOutcome

  /// Every source of the running generation, of whatever kind, in the order of their names.
  func sources() async -> [SourceStatus]
}

package enum IntakeGate: Sendable, Equatable {
  /// Each request shows by itself where it comes from.
  case verified
  /// The script takes what comes, so that the door must keep out who should not.
  case open
}

/// How a request to a source ended.
package enum IntakeOutcome: Sendable, Equatable {
  /// As an append ends.
  case appended(AppendOutcome, count: Int)
  /// It is nothing that the log should know of.
  case nothing
  /// There is no such source.
  case unknown
  /// The request does not show that it comes from whom it should.
  case unverified
  /// The body is not what the sender says it is; the message says where.
  case malformed(String)
  /// An event of it breaks its contract.
  case contractBroken(ContractSet.Refusal)
  /// No events could be made of it: the script failed, or an environment variable is missing. The daemon's log says
  /// more, and the same request may be sent again.
  case failed
  /// Too many requests wait for their turn.
  case overloaded
}

/// A picture of a source.
package struct SourceStatus: Sendable, Equatable {
  package var name: String
  /// `http` or `postgres`.
  package var kind: String
  package var script: String
  /// Where events come from, without secrets.
  package var place: String
  /// `running`; of a table also `connecting` and `waiting` (for a disk that is full, or an engine that has too much).
  package var state: String
  /// The last thing that went wrong, if nothing has gone well since.
  package var error: String?
  /// Since the daemon started: requests or rows, those among them that were there before, and those that failed.
  package var received: UInt64 = 0
  package var duplicates: UInt64 = 0
  package var failed: UInt64 = 0
  /// Rows that are not in the log yet, those among them that wait for a failed one included.
  package var lag: UInt64 = 0

  package init(_ source: SourceDeclaration, state: String = "running") {
    (name, kind, script, place) = (source.name, source.kind, source.file, source.summary)
    self.state = state
  }
}
