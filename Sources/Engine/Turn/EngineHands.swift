package import Events
package import Scripts

/// What the engine asks others to do. Called on the engine thread; returns at once; answers arrive as inputs.
package protocol EngineHands: AnyObject {
  /// A worker runs each shard; the last one hands the batch back as `.batchDone`.
  func run(_ batch: Batch)
  /// The reader thread reads a part of the log behind the tail: `.fetched`.
  func fetch(_ request: FetchRequest)
  /// The reader thread looks for identities, and for the last event of the job's subject: `.lookedUp`.
  func lookUp(_ request: LookupRequest)
  /// The reader thread reads the events of dead letters: `.lettersRead`.
  func read(_ request: LetterRequest)
  /// The reader thread reads the entries of due timers: `.timersRead`.
  func read(_ request: TimerRequest)
  /// A message goes out: `.delivered`.
  func deliver(_ order: DeliveryOrder)
  /// A state that many events have made is durable: it may be kept in a file.
  func keep(_ state: KeptSubject)
  /// Log lines of calls whose commit is appended.
  func log(_ lines: [LogLine], consumer: String, position: Position)
  /// A call failed; its commit is appended.
  func failed(_ unit: ProgressRecord.FailedUnit, consumer: String)
  /// The disk is full from now on, or not any more. Comes before anybody is refused for it.
  func diskIsFull(_ isFull: Bool)
  /// Something an operator should read in the daemon's log.
  func warn(_ message: String)
}

package struct FetchRequest: Sendable {
  package var reader: UInt32
  package var from: UInt64
  /// What lies after it the reader has no need of,
  package var through: UInt64
  /// but may be given, up to here: by the time it gets there it may.
  package var readable: UInt64
  /// The hashes of the types that the reader hears; nil: it hears types by their beginnings, or too many to look up.
  package var types: [UInt64]?
  /// The generation that hears so.
  package var hearing: UInt32
}

package struct LookupRequest: Sendable {
  /// An entry of the job whose identity may be known, and where.
  package struct Identity: Sendable {
    package var index: Int
    package var candidates: [Position]
  }

  package var job: AppendJob
  package var identities: [Identity]
  package var subjectHead: Bool
  /// Durable entries only are in the index.
  package var through: UInt64
}

package struct LetterRequest: Sendable {
  package var job: OperatorJob
  package var positions: [UInt64]
}
