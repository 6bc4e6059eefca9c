package import DequeModule
package import Events

/// What the log says of one reader: a fold of its `reader` and `progress` records.
package struct ReaderState: Equatable, Sendable {
  package enum Life: UInt8, Sendable {
    case active = 0
    case paused = 1
    /// No script declares it; what it was doing waits for its return.
    case removed = 2
  }

  package var number: UInt32
  package var kind: ReaderChange.Kind
  package var name: String
  package var life: Life = .active
  /// Every unit up to here is handled, blocked or dead. The live cursor may be further on: units that the reader does
  /// not hear leave no record.
  package var cursor: UInt64
  package var hearing: [String]
  package var keyRule: String
  package var scriptHash: ContentHash?
  package var blocked: [KeyBytes: BlockedKey] = [:]
  /// Letters whose followers went on (`exhausted = "skip"`), by position.
  package var skippedLetters: [DeadLetter] = []

  package var deadLetterCount: Int {
    skippedLetters.count + blocked.values.reduce(0) { $0 + ($1.isDead ? 1 : 0) }
  }
}

/// A key whose head failed. Its followers queue behind it without being run.
package struct BlockedKey: Equatable, Sendable {
  /// Positions in order; the first is the one that failed.
  package var queue: Deque<UInt64>
  /// Calls of the head that failed so far. 0: not yet called (a follower that came to the front, or a host fault).
  package var attempt: UInt32
  /// When the head is called again, µs since 1970.
  package var nextTry: Int64
  /// The head is a dead letter and waits for an operator.
  package var isDead: Bool
  package var failure: Failure?

  package init(queue: Deque<UInt64>, attempt: UInt32 = 0, nextTry: Int64 = 0, isDead: Bool = false, failure: Failure? = nil) {
    self.queue = queue
    self.attempt = attempt
    self.nextTry = nextTry
    self.isDead = isDead
    self.failure = failure
  }

  /// Adds a unit in log order. One that got its key late goes before the later ones, but never before a head that was
  /// called already.
  mutating func enqueue(_ position: UInt64) {
    var index = queue.count
    let fixed = attempt > 0 || isDead ? 1 : 0
    while index > fixed, queue[index - 1] > position { index -= 1 }
    queue.insert(position, at: index)
  }
}

/// The last failure of a unit.
package struct Failure: Equatable, Sendable {
  package var kind: FailureKind
  package var message: String
  package var traceback: String
  package var log: [String]
  package var scriptHash: ContentHash?
  /// When the first and the last attempt failed, µs since 1970.
  package var first: Int64
  package var last: Int64
}

/// A unit that was given up.
package struct DeadLetter: Equatable, Sendable {
  package var position: UInt64
  package var key: KeyBytes
  package var attempts: UInt32
  package var failure: Failure
}
