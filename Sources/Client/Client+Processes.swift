package import Wire

/// Which instances of processes to list.
package struct ProcessSelection: Sendable, Equatable {
  package var process: String?
  /// `waiting`, `retrying` or `stuck`.
  package var state: String?
  /// The generation of the scripts that they run on.
  package var version: UInt32?
  package var limit: Int?
  /// What the page before gave as `next`.
  package var after: String?

  package init() {}

  /// With its question mark; empty when nothing is chosen.
  var query: String {
    EventSelection.query([
      ("process", process), ("state", state), ("version", version.map { "\($0)" }), ("limit", limit.map { "\($0)" }),
      ("after", after),
    ])
  }
}

/// Instances of processes. `by` says who acts; the daemon keeps it in the log, behind the name of the token.
extension Client {
  package func processes(_ selection: ProcessSelection) throws -> Reply<ProcessList> {
    try reply(try transport.perform(Request(path: "/processes" + selection.query)))
  }

  package func process(_ name: String, _ key: String) throws -> Reply<ProcessTimelineReport> {
    try reply(try transport.perform(Request(path: Self.path(ofProcess: name, key))))
  }

  package func cancel(_ name: String, _ key: String, rollback: Bool, by: String?) throws -> Reply<ProcessReceipt> {
    try post(Self.path(ofProcess: name, key) + "/cancel", CancelRequest(rollback: rollback, by: by))
  }

  package func move(_ name: String, _ key: String, by: String?) throws -> Reply<ProcessReceipt> {
    try post(Self.path(ofProcess: name, key) + "/move", ActRequest(by: by))
  }

  /// `name`: only instances of this process.
  package func moveAll(of name: String?, by: String?) throws -> Reply<ProcessReceipt> {
    try post("/processes/move", MoveRequest(process: name, by: by))
  }

  package func retry(_ name: String, _ key: String, by: String?) throws -> Reply<ResolveReceipt> {
    try post(Self.path(ofProcess: name, key) + "/retry", ActRequest(by: by))
  }

  static func path(ofProcess name: String, _ key: String) -> String {
    "/processes/\(EventSelection.encoded(name))/\(EventSelection.encoded(key))"
  }
}
