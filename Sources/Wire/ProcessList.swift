/// The answer to `GET /processes`.
package struct ProcessList: Codable, Sendable, Equatable {
  package var processes: [Process]
  package var instances: [Instance]
  /// What `after` must be to go on; null: this was the last page.
  package var next: String?

  package init(processes: [Process], instances: [Instance], next: String?) {
    (self.processes, self.instances, self.next) = (processes, instances, next)
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(processes, forKey: .processes)
    try container.encode(instances, forKey: .instances)
    try container.encode(next, forKey: .next)
  }

  /// A process, its instances counted.
  package struct Process: Codable, Sendable, Equatable {
    package struct Version: Codable, Sendable, Equatable {
      package var generation: UInt32
      package var instances: Int

      package init(generation: UInt32, instances: Int) {
        (self.generation, self.instances) = (generation, instances)
      }
    }

    package var name: String
    package var instances: Int
    /// On which generations of the scripts they run.
    package var versions: [Version]
    /// Keys whose last call failed and that are called again, and keys that wait for an operator.
    package var retrying: Int
    package var stuck: Int

    package init(name: String, instances: Int, versions: [Version], retrying: Int, stuck: Int) {
      (self.name, self.instances, self.versions) = (name, instances, versions)
      (self.retrying, self.stuck) = (retrying, stuck)
    }
  }

  /// What an instance waits for.
  package struct Wait: Codable, Sendable, Equatable {
    /// `outcome` (of a command), `answer` (to a request), `events` or `sleep`.
    package var kind: String
    /// Of `events`; with `all`, all of them.
    package var types: [String]?
    package var all: Bool?
    /// RFC 3339.
    package var since: String
    package var deadline: String?

    package init(kind: String, types: [String]? = nil, all: Bool? = nil, since: String, deadline: String? = nil) {
      (self.kind, self.types, self.all, self.since, self.deadline) = (kind, types, all, since, deadline)
    }
  }

  /// Why an instance does not run on the newest scripts.
  package struct Stay: Codable, Sendable, Equatable {
    package var generation: UInt32
    /// The first step that differs there, from 1, and how.
    package var step: Int
    package var why: String

    package init(generation: UInt32, step: Int, why: String) {
      (self.generation, self.step, self.why) = (generation, step, why)
    }
  }

  package struct Instance: Codable, Sendable, Equatable {
    package var process: String
    package var key: String
    /// `waiting`, `retrying` (its last call failed, and it is called again) or `stuck` (a dead letter).
    package var state: String
    package var version: UInt32
    package var stays: Stay?
    /// The position of the event that started it.
    package var start: UInt64
    package var steps: Int
    package var waitsFor: Wait
    /// The lines of the compensations that a rollback would run, the last first.
    package var compensations: [Int]
    /// It rolls back, or will as soon as it has the answer that it waits for.
    package var isRollingBack: Bool
    /// Events that were heard and are not awaited yet.
    package var heard: Int
    /// Start events that came while it was running.
    package var alreadyRunning: Int
    /// The dead letter that it is stuck with.
    package var deadLetter: String?
    package var nextTry: String?

    package init(
      process: String, key: String, state: String, version: UInt32, stays: Stay?, start: UInt64, steps: Int,
      waitsFor: Wait, compensations: [Int], isRollingBack: Bool, heard: Int, alreadyRunning: Int, deadLetter: String?,
      nextTry: String?
    ) {
      (self.process, self.key, self.state, self.version, self.stays) = (process, key, state, version, stays)
      (self.start, self.steps, self.waitsFor, self.compensations) = (start, steps, waitsFor, compensations)
      (self.isRollingBack, self.heard, self.alreadyRunning) = (isRollingBack, heard, alreadyRunning)
      (self.deadLetter, self.nextTry) = (deadLetter, nextTry)
    }
  }
}

/// The answer to `GET /processes/{name}/{key}`.
package struct ProcessTimelineReport: Codable, Sendable, Equatable {
  package struct Entry: Codable, Sendable, Equatable {
    package var position: UInt64
    /// `event`, `command`, `message` or `timer`.
    package var kind: String
    package var type: String
    /// The subject of an event, the target of a command, the key of a message.
    package var about: String
    /// RFC 3339.
    package var time: String

    package init(position: UInt64, kind: String, type: String, about: String, time: String) {
      (self.position, self.kind, self.type, self.about, self.time) = (position, kind, type, about, time)
    }
  }

  package struct Step: Codable, Sendable, Equatable {
    /// From 1.
    package var step: Int
    /// `start`, `event`, `outcome`, `answer`, `timeout`, `abort` or `cancel`.
    package var kind: String
    package var heard: Entry?
    /// RFC 3339.
    package var time: String
    package var made: [Entry]

    package init(step: Int, kind: String, heard: Entry?, time: String, made: [Entry]) {
      (self.step, self.kind, self.heard, self.time, self.made) = (step, kind, heard, time, made)
    }
  }

  package var instance: ProcessList.Instance
  package var steps: [Step]
  /// Steps before these.
  package var omitted: Int
  /// Events that were heard and are not awaited yet.
  package var mailbox: [Entry]

  package init(instance: ProcessList.Instance, steps: [Step], omitted: Int, mailbox: [Entry]) {
    (self.instance, self.steps, self.omitted, self.mailbox) = (instance, steps, omitted, mailbox)
  }
}

/// The body of `POST /processes/{name}/{key}/cancel`.
package struct CancelRequest: Codable, Sendable, Equatable {
  /// False: it ends where it is.
  package var rollback: Bool?
  package var by: String?

  package init(rollback: Bool? = nil, by: String? = nil) { (self.rollback, self.by) = (rollback, by) }
}

/// The body of `POST /processes/move`.
package struct MoveRequest: Codable, Sendable, Equatable {
  /// Only instances of this process.
  package var process: String?
  package var by: String?

  package init(process: String? = nil, by: String? = nil) { (self.process, self.by) = (process, by) }
}

/// The answer to verbs on instances: they are told, durably.
package struct ProcessReceipt: Codable, Sendable, Equatable {
  /// How many instances were told.
  package var told: Int
  /// The position of the last event that tells one; null: there was none.
  package var position: UInt64?

  package init(told: Int, position: UInt64?) { (self.told, self.position) = (told, position) }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(told, forKey: .told)
    try container.encode(position, forKey: .position)
  }
}
