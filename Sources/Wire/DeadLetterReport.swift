/// Whose dead letters are meant: those of consumers, or those of destinations, which are messages.
package enum DeadLetterKind: Sendable, Equatable, CaseIterable {
  case events
  case messages

  /// Where they are listed.
  package var path: String {
    switch self {
    case .events: "/dead-letters"
    case .messages: "/outbox"
    }
  }

  /// Who was to take them, as members of bodies and queries are named.
  package var owner: String {
    switch self {
    case .events: "consumer"
    case .messages: "destination"
    }
  }
}

/// The answer to `GET /dead-letters` and `GET /outbox`: a page of the letters that are open, by id.
package struct DeadLetterList: Codable, Sendable, Equatable {
  /// Of `/outbox`: how the destinations are.
  package var outbox: [StatusReport.Outbox]?
  package var deadLetters: [DeadLetterReport]
  /// What `after` must be to go on; null: this was the last page. A page of a filtered list may be empty and yet go on.
  package var next: String?
  /// How many letters are open: of the consumer or destination, when the list is one's, else of all of the kind.
  package var total: Int

  package init(outbox: [StatusReport.Outbox]? = nil, deadLetters: [DeadLetterReport], next: String?, total: Int) {
    (self.outbox, self.deadLetters, self.next, self.total) = (outbox, deadLetters, next, total)
  }
}

/// A dead letter: an event that a consumer was given up to handle, or a message that a destination does not take.
package struct DeadLetterReport: Codable, Sendable, Equatable {
  package var id: String
  /// One of the two.
  package var consumer: String?
  package var destination: String?
  /// `#12` when the event at position 12 has no key of its own.
  package var key: String
  package var position: UInt64
  package var event: EventAttributes?
  package var message: MessageAttributes?
  package var error: String
  /// Why the last call failed: `error`, `fail`, `time`, `memory` or `limit`.
  package var kind: String
  package var traceback: String
  package var log: [String]
  /// Hexadecimal SHA-256 of the script that failed.
  package var scriptHash: String?
  package var generation: UInt32
  /// Calls that failed since the event was first tried, or last retried by an operator.
  package var attempts: Int
  /// RFC 3339.
  package var failedAt: String
  /// `blocking`: its followers wait; `skipped`: they went on.
  package var state: String
  /// How many events or messages wait behind it.
  package var waiting: Int
}

/// What a program that does not care for the body wants to know of a message.
package struct MessageAttributes: Codable, Sendable, Equatable {
  /// The same at every attempt, and what the far side knows it by.
  package var id: String
  package var destination: String
  package var key: String
  /// The type of what the script was handling that published it.
  package var type: String?
  package var position: UInt64
  /// When it was committed, RFC 3339.
  package var time: String
}

/// What a program that does not care for the data wants to know of a CloudEvent.
package struct EventAttributes: Codable, Sendable, Equatable {
  package var type: String
  package var subject: String?
  package var source: String?
  package var id: String?
  package var time: String?
}

/// The answer to `GET /dead-letters/{id}` and `GET /outbox/{id}`: the letter with every attempt, also when it is not open any more.
package struct DeadLetterHistory: Codable, Sendable, Equatable {
  package struct Attempt: Codable, Sendable, Equatable {
    /// Counts from 1; from 1 again after a retry by an operator, and after a deploy of other code.
    package var attempt: Int
    /// RFC 3339.
    package var time: String
    package var kind: String
    package var error: String
    package var traceback: String
    package var log: [String]
    package var scriptHash: String?
    package var generation: UInt32
  }

  package var id: String
  /// One of the two; null: it was forgotten.
  package var consumer: String?
  package var destination: String?
  package var key: String
  package var position: UInt64
  package var event: EventAttributes?
  package var message: MessageAttributes?
  package var failedAt: String
  /// `blocking`, `skipped` or `resolved`.
  package var state: String
  package var waiting: Int
  /// The oldest first.
  package var attempts: [Attempt]
  /// True when there were earlier attempts, which are too many or too large to show.
  package var omitted: Bool
}

/// The answer to verbs on dead letters: all of it is durable. Doing the same again changes nothing.
package struct ResolveReceipt: Codable, Sendable, Equatable {
  /// Letters that the verb was for and that were open.
  package var resolved: Int
  /// Letters that `skip` found skipped already.
  package var unchanged: Int
  /// Letters left as they are since so much waits for their consumer or destination already.
  package var left: Int
  /// Names of no open letter.
  package var notOpen: [String]

  package init(resolved: Int = 0, unchanged: Int = 0, left: Int = 0, notOpen: [String] = []) {
    (self.resolved, self.unchanged, self.left, self.notOpen) = (resolved, unchanged, left, notOpen)
  }
}

/// The body of verbs on several dead letters: either `ids`, or `consumer` (of messages `destination`) and perhaps `key`, or
/// `all`.
package struct ResolveRequest: Codable, Sendable, Equatable {
  package var ids: [String]?
  package var consumer: String?
  package var destination: String?
  package var key: String?
  package var all: Bool?
  /// Who acts, as the sender says.
  package var by: String?

  package init(
    ids: [String]? = nil, consumer: String? = nil, destination: String? = nil, key: String? = nil, all: Bool? = nil,
    by: String? = nil
  ) {
    (self.ids, self.consumer, self.destination, self.key) = (ids, consumer, destination, key)
    (self.all, self.by) = (all, by)
  }
}

/// What can be done with a dead letter; as the path writes it.
package enum DeadLetterVerb: String, Sendable, CaseIterable {
  case retry
  case skip
  case discard
}
