/// The answer to `GET /consumers`.
package struct ConsumerList: Codable, Sendable, Equatable {
  package var consumers: [StatusReport.Consumer]

  package init(consumers: [StatusReport.Consumer]) { self.consumers = consumers }
}

/// The answer to verbs on a consumer: what it is like now, durably.
package struct ConsumerReceipt: Codable, Sendable, Equatable {
  package var consumer: String
  /// As in `StatusReport.Consumer`; `forgotten` for one that is gone.
  package var state: String
  /// Everything up to here is handled, blocked or dead.
  package var cursor: UInt64
  /// False: it was so already.
  package var changed: Bool
  /// What is given up: events that waited for a blocked key, and dead letters.
  package var droppedEvents: Int
  package var droppedDeadLetters: Int

  package init(
    consumer: String, state: String, cursor: UInt64, changed: Bool, droppedEvents: Int = 0, droppedDeadLetters: Int = 0
  ) {
    (self.consumer, self.state, self.cursor, self.changed) = (consumer, state, cursor, changed)
    (self.droppedEvents, self.droppedDeadLetters) = (droppedEvents, droppedDeadLetters)
  }
}

/// The answer to a rewind that only counts.
package struct RewindReport: Codable, Sendable, Equatable {
  package var consumer: String
  /// The first position that would be heard again.
  package var from: UInt64
  /// Where the consumer is now.
  package var cursor: UInt64
  /// Events that it would handle again.
  package var events: Int
  /// Events that it made of them before; it would make their like again, as new ones.
  package var effects: Int

  package init(consumer: String, from: UInt64, cursor: UInt64, events: Int, effects: Int) {
    (self.consumer, self.from, self.cursor) = (consumer, from, cursor)
    (self.events, self.effects) = (events, effects)
  }
}

/// The body of `POST /consumers/{name}/rewind`.
package struct RewindRequest: Codable, Sendable, Equatable {
  /// Where hearing begins again.
  package enum Target: Codable, Sendable, Equatable {
    /// At this position.
    case position(UInt64)
    /// After everything that was committed up to this RFC 3339 time.
    case time(String)

    package init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let position = try? container.decode(UInt64.self) {
        self = .position(position)
      } else {
        self = .time(try container.decode(String.self))
      }
    }

    package func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      switch self {
      case .position(let position): try container.encode(position)
      case .time(let time): try container.encode(time)
      }
    }
  }

  package var to: Target
  /// Only counts, and changes nothing.
  package var dryRun: Bool?
  /// Who acts, as the sender says.
  package var by: String?

  package init(to: Target, dryRun: Bool? = nil, by: String? = nil) {
    (self.to, self.dryRun, self.by) = (to, dryRun, by)
  }
}

/// The body of verbs that need to be told nothing else.
package struct ActRequest: Codable, Sendable, Equatable {
  /// Who acts, as the sender says.
  package var by: String?
  /// Of a destination with a target for each document: the key of the one that is meant.
  package var to: String?

  package init(by: String? = nil, to: String? = nil) { (self.by, self.to) = (by, to) }
}

/// The answer to `GET /destinations`.
package struct DestinationList: Codable, Sendable, Equatable {
  package var destinations: [StatusReport.Outbox]

  package init(destinations: [StatusReport.Outbox]) { self.destinations = destinations }
}

/// The answer to verbs on a destination: what it is like now, durably.
package struct DestinationReceipt: Codable, Sendable, Equatable {
  package var destination: String
  /// As in `StatusReport.Outbox`; `forgotten` for one that is gone.
  package var state: String
  /// Everything up to here is delivered, waits for its key, or is dead.
  package var cursor: UInt64
  /// False: it was so already.
  package var changed: Bool
  /// What is given up: messages that waited for their keys, and dead letters.
  package var droppedMessages: Int
  package var droppedDeadLetters: Int

  package init(
    destination: String, state: String, cursor: UInt64, changed: Bool, droppedMessages: Int = 0,
    droppedDeadLetters: Int = 0
  ) {
    (self.destination, self.state, self.cursor, self.changed) = (destination, state, cursor, changed)
    (self.droppedMessages, self.droppedDeadLetters) = (droppedMessages, droppedDeadLetters)
  }
}

/// What can be done with a consumer or a destination, besides setting a consumer back; as the path writes it.
package enum ConsumerVerb: String, Sendable, CaseIterable {
  case pause
  case resume
  case forget
}
