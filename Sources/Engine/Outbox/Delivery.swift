package import Events
package import LogStorage
package import Scripts

/// One attempt to deliver one message. Its commit is durable.
package struct DeliveryAttempt: Sendable {
  /// The destination's reader.
  package var reader: UInt32
  /// The destination's name.
  package var name: String
  package var destination: DestinationDeclaration
  package var position: UInt64
  /// 1 for the first.
  package var attempt: UInt32
  /// When the message was committed, µs since 1970.
  package var recorded: Int64
  /// Holds the message's bytes.
  package var chunk: LogChunk

  package init(
    reader: UInt32, name: String, destination: DestinationDeclaration, position: UInt64, attempt: UInt32,
    recorded: Int64, chunk: LogChunk
  ) {
    (self.reader, self.name, self.destination) = (reader, name, destination)
    (self.position, self.attempt, self.recorded, self.chunk) = (position, attempt, recorded, chunk)
  }

  /// Valid as long as the attempt is there. `type` is the destination, `subject` the key, `data` the body.
  package var message: EntryView { chunk.entry(Position(position)) }
}

/// How an attempt ended.
package enum DeliveryOutcome: Sendable {
  /// The far side has it for good. With what it answered, when the message is a request.
  case delivered(DeliveryReply?)
  case failed(DeliveryFailure)
}

package struct DeliveryReply: Sendable, Equatable {
  package var status: Int
  /// Names in lower case; a field that came several times is joined with ", ".
  package var headers: [String: String]
  package var body: [UInt8]

  package init(status: Int, headers: [String: String], body: [UInt8]) {
    (self.status, self.headers, self.body) = (status, headers, body)
  }
}

package struct DeliveryFailure: Error, Sendable, Equatable {
  package enum Kind: Sendable {
    /// No answer: no connection, no name, a reset, a timeout. Says nothing about the message, and much about the far side.
    case unavailable
    /// The far side answered, and does not take this message now.
    case refused
    /// The message can never be delivered as it is: its address or a header cannot be made of it.
    case impossible
  }

  package var kind: Kind
  /// A sentence without secrets.
  package var message: String
  /// How long the far side asks to be left alone, in µs.
  package var retryAfter: Int64?

  package init(_ kind: Kind, _ message: String, retryAfter: Int64? = nil) {
    (self.kind, self.message, self.retryAfter) = (kind, message, retryAfter)
  }
}

/// An attempt that the engine asks for. What it is about may lie so far back that it must be read from the disk first.
package struct DeliveryOrder: Sendable {
  package var reader: UInt32
  package var name: String
  package var destination: DestinationDeclaration
  package var position: UInt64
  package var attempt: UInt32
  /// Tells this attempt from earlier ones that the engine has given up waiting for.
  package var serial: UInt64
  package var chunk: LogChunk?

  /// `chunk`: the one that holds the message.
  package func attempt(with chunk: LogChunk) -> DeliveryAttempt {
    DeliveryAttempt(
      reader: reader, name: name, destination: destination, position: position, attempt: attempt,
      recorded: chunk.commit(of: Position(position)).time, chunk: chunk)
  }

  /// How it ended. `chunk`: the one that holds the message, unless it could not be read.
  package func report(_ outcome: DeliveryOutcome, _ chunk: LogChunk?) -> DeliveryReport {
    DeliveryReport(reader: reader, position: position, serial: serial, outcome: outcome, chunk: chunk)
  }
}

package struct DeliveryReport: Sendable {
  package var reader: UInt32
  package var position: UInt64
  package var serial: UInt64
  package var outcome: DeliveryOutcome
  package var chunk: LogChunk?
}

/// Who carries messages to the far side.
package protocol Deliverer: Sendable {
  /// Returns at once. `answer` is called once, on any thread, however the attempt ends.
  func deliver(_ attempt: DeliveryAttempt, answer: @escaping @Sendable (DeliveryOutcome) -> Void)
}
