internal import Engine
internal import Events
internal import Wire

/// What is asked for by a name or an id that there is not, and what may have been meant.
extension DoorServices {
  static func unknownLetter(in scope: ReaderScope) -> Problem {
    let list = scope == .destinations ? "/outbox" : "/dead-letters"
    return Problem(.notFound, "There has never been a dead letter of this id. GET \(list) lists those that are open.")
  }

  /// Every failure of a letter.
  /// - Throws: a problem when there has never been one of this id, or it is of another kind and has another address.
  func history(of id: LetterID, in scope: ReaderScope) async throws(Problem) -> FailureHistory {
    let found = try await reading { [log, text = letters] () throws -> (FailureHistory, isMessage: Bool)? in
      guard let history = try log.history(of: id) else { return nil }
      return (history, try text.isAboutMessage(history))
    }
    guard let (history, isMessage) = found else { throw Self.unknownLetter(in: scope) }
    guard isMessage == (scope == .destinations) else {
      throw Problem(
        .notFound,
        isMessage
          ? "The dead letter \(id) is a message of the outbox: its address is /outbox/\(id)."
          : "The dead letter \(id) is no message, so it is not in the outbox: its address is /dead-letters/\(id).")
    }
    return history
  }

  /// A name that nobody in the scope has.
  func unknown(_ name: String, in scope: ReaderScope) async -> Problem {
    let kind = scope == .destinations ? "destination" : "consumer"
    guard NameRule.declaration.allows(name) else {
      return Problem(.notFound, "No \(kind) has such a name. GET /\(kind)s lists those that there are.")
    }
    let status = await host.status()
    let readers = status.readers(in: scope)
    let advice =
      if let other = status.reader(named: name) {
        other.isDestination
          ? "The destination of this name is with the outbox: GET /destinations, or moondance outbox."
          : "The \(other.kind) of this name is with the consumers: GET /consumers, or moondance consumers."
      } else if let near = status.name(near: name, in: scope) {
        "Did you mean \"\(near)\"?"
      } else if readers.isEmpty {
        "No script declares one."
      } else if readers.count <= 10 {
        "There are: \(readers.map(\.name).joined(separator: ", "))."
      } else {
        "GET /\(kind)s lists those that there are."
      }
    return Problem(.notFound, "There is no \(kind) \"\(name)\". \(advice)")
  }
}
