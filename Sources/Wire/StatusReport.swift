/// The answer to `GET /status`.
package struct StatusReport: Codable, Sendable, Equatable {
  package struct Generation: Codable, Sendable, Equatable {
    package var number: UInt32
    package var scripts: [Script]
    /// Why the last load was refused, an error a line; null when it was not.
    package var error: String?

    package init(number: UInt32, scripts: [Script], error: String?) {
      (self.number, self.scripts, self.error) = (number, scripts, error)
    }

    package func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(number, forKey: .number)
      try container.encode(scripts, forKey: .scripts)
      try container.encode(error, forKey: .error)
    }
  }

  package struct Script: Codable, Sendable, Equatable {
    package var path: String
    /// Hexadecimal SHA-256.
    package var hash: String

    package init(path: String, hash: String) { (self.path, self.hash) = (path, hash) }
  }

  package struct Log: Codable, Sendable, Equatable {
    /// The last position that is appended, and the last that is durable.
    package var head: UInt64
    package var durable: UInt64
    package var bytes: UInt64
    package var id: String
    /// The `source` of events made here.
    package var name: String

    package init(head: UInt64, durable: UInt64, bytes: UInt64, id: String, name: String) {
      (self.head, self.durable, self.bytes, self.id, self.name) = (head, durable, bytes, id, name)
    }
  }

  package struct Consumer: Codable, Sendable, Equatable {
    package var name: String
    package var kind: String
    package var script: String
    /// `running`, `behind` (reads older parts of the log), `full` (too much waits for blocked keys), `stuck` (a call
    /// does not come back), `paused` or `removed`.
    package var state: String
    package var cursor: UInt64
    /// Positions between the cursor and the head of the log.
    package var lag: UInt64
    /// Keys that wait for a retry or an operator, and the events that wait with them.
    package var blocked: Int
    package var queued: Int
    package var deadLetters: Int
    /// More about the state, for people.
    package var note: String?

    package init(
      name: String, kind: String, script: String, state: String, cursor: UInt64, lag: UInt64, blocked: Int,
      queued: Int, deadLetters: Int, note: String? = nil
    ) {
      (self.name, self.kind, self.script, self.state) = (name, kind, script, state)
      (self.cursor, self.lag, self.blocked, self.queued) = (cursor, lag, blocked, queued)
      (self.deadLetters, self.note) = (deadLetters, note)
    }
  }

  /// A destination: how much waits to leave for it, and why.
  package struct Outbox: Codable, Sendable, Equatable {
    package var destination: String
    package var script: String
    /// `running`, `down` (it does not answer: it is asked now and then whether it is back), `behind` (reads older parts of
    /// the log), `full` (too much waits for blocked keys), `paused` or `removed`.
    package var state: String
    /// Messages that are still to be delivered; dead letters are not among them.
    package var pending: UInt64
    /// Dead letters that are open.
    package var failed: Int
    /// Keys that wait for a retry or an operator, and the messages that wait with them.
    package var blocked: Int
    package var queued: Int
    package var cursor: UInt64
    /// More about the state, for people.
    package var note: String?

    package init(
      destination: String, script: String, state: String, pending: UInt64, failed: Int, blocked: Int, queued: Int,
      cursor: UInt64, note: String? = nil
    ) {
      (self.destination, self.script, self.state) = (destination, script, state)
      (self.pending, self.failed, self.blocked, self.queued) = (pending, failed, blocked, queued)
      (self.cursor, self.note) = (cursor, note)
    }
  }

  /// Events that are to come.
  package struct Timers: Codable, Sendable, Equatable {
    package var pending: Int
    /// When the next one is due, RFC 3339; null: none is pending.
    package var next: String?

    package init(pending: Int = 0, next: String? = nil) { (self.pending, self.next) = (pending, next) }

    package func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(pending, forKey: .pending)
      try container.encode(next, forKey: .next)
    }
  }

  package var version: String
  package var generation: Generation
  package var log: Log
  /// What keeps the whole daemon from its work, a sentence each: a full disk, a clock that is wrong.
  package var warnings: [String]
  package var consumers: [Consumer]
  package var outbox: [Outbox]
  package var views: [View]
  package var timers: Timers
  /// Every process, its running instances counted.
  package var processes: [ProcessList.Process]

  package init(
    version: String, generation: Generation, log: Log, warnings: [String] = [], consumers: [Consumer],
    outbox: [Outbox] = [], views: [View] = [], timers: Timers = Timers(), processes: [ProcessList.Process] = []
  ) {
    (self.warnings, self.timers, self.processes) = (warnings, timers, processes)
    (self.version, self.generation, self.log) = (version, generation, log)
    (self.consumers, self.outbox, self.views) = (consumers, outbox, views)
  }
}
