import DequeModule
package import Events
package import LogStorage
package import Scripts

/// What the door (HTTP, sources, tests) may ask of a running engine. Callable from any thread.
package protocol EventHost: Sendable {
  /// The hash that entries must be encoded with.
  var hash: StableHash { get }
  /// The `source` of events made here.
  var logName: String { get }
  /// The limits that the log was made with.
  var maximumGroupBytes: Int { get }
  /// What events from outside must look like now: the door checks them before it appends.
  var contracts: ContractSet { get }
  /// True while the engine's inbox is full: the door answers 503 with Retry-After before it reads a body.
  var isOverloaded: Bool { get }
  /// True while the disk is full: appends are answered 507.
  var isOutOfSpace: Bool { get }

  /// Appends the batch in one commit, all or nothing, and answers once that is durable (promise 3), on a thread of the
  /// host: `answer` must be quick.
  ///
  /// `expecting`: the position of the last event of the batch's subject (0: none yet), else `.expectationFailed`.
  /// `stream`: chunks that share one are appended in the order of the calls, and none after one that failed.
  func append(
    _ batch: EntryBatch, expecting: Position?, stream: IngressStream?,
    answer: @escaping @Sendable (AppendOutcome) -> Void)

  /// Sends a command, one entry of the kind `command`, to its owner; returns once its outcome is durable, or, after `wait`,
  /// once it is durable that there will be one. The same source and id again ends as it did the first time.
  func send(_ command: EntryBatch, wait: Duration) async -> CommandOutcome

  /// The last durable position.
  var durable: Position { get }
  /// Returns when an entry after `position` is durable, with the last durable position.
  /// - Throws: `CancellationError` when the task is cancelled or the host stops.
  func waitForDurable(after position: Position) async throws -> Position
  /// Reads durable entries; bound every call by `durable`.
  var reader: LogReader { get }

  func status() async -> HostStatus
  /// Does what an operator asks of a reader, and returns once it is durable. `by`: who acts, for the log.
  func act(_ verb: ReaderVerb, on name: String, in scope: ReaderScope, by: String) async -> ReaderOutcome
  /// Does what an operator asks of dead letters of the scope's readers, and returns once all of it is durable. Letters of
  /// others are none that are open. Doing it again changes nothing.
  func resolve(
    _ verb: LetterVerb, _ selection: LetterSelection, in scope: ReaderScope, by: String
  ) async -> LetterOutcome
  /// A page of the open dead letters that are durable; nil when the query names a reader that there is not.
  func letters(_ query: LetterQuery) async -> LetterPage?

  /// Where pending timers stand, the next due first. Their entries are durable.
  func timers(_ query: TimerQuery) async -> [TimerPlace]

  /// Where the instances of a page are that the query may mean, and of one behind it, as of a durable commit; nil when it
  /// names a process that there is not.
  func processes(_ query: ProcessQuery) async -> ProcessPlaces?
  /// Where to look for the running instance of a key, as people write keys; nil when there is no such process.
  func process(key: String, of name: String) async -> [ProcessKey]?

  /// Loads the handlers folder now.
  func reload() async -> ReloadOutcome
}

extension EventHost {
  /// As above; returns once it is durable.
  package func append(_ batch: EntryBatch, expecting: Position?, stream: IngressStream?) async -> AppendOutcome {
    await withCheckedContinuation { continuation in
      append(batch, expecting: expecting, stream: stream) { continuation.resume(returning: $0) }
    }
  }

  package func act(_ verb: ReaderVerb, on name: String, by: String) async -> ReaderOutcome {
    await act(verb, on: name, in: .all, by: by)
  }

  package func resolve(_ verb: LetterVerb, _ selection: LetterSelection, by: String) async -> LetterOutcome {
    await resolve(verb, selection, in: .all, by: by)
  }
}

/// How an append ended.
package enum AppendOutcome: Sendable, Equatable {
  /// Durable. `first` and `last` are positions of the batch's first and last event, duplicates included (a duplicate has the position it got the first time).
  case appended(first: Position, last: Position, count: Int, duplicates: Int)
  /// The entry at `index` has the identity of the event at `position`, but another type, subject or data.
  case conflict(index: Int, position: Position)
  /// The subject's last event is at `actual` (0: there is none).
  case expectationFailed(actual: Position)
  /// The batch does not fit one group.
  case tooLarge(limit: Int)
  case overloaded(retryAfterSeconds: Int)
  case noSpace
  /// An earlier chunk of the same stream failed.
  case streamFailed
  /// The host is stopping; whether the batch is in is unknown when `maybeIn`.
  case stopped(maybeIn: Bool)
  /// Reading the log to look for a duplicate failed.
  case readFailed(String)
}

/// Ties the chunks of one NDJSON stream together. Only the engine looks inside.
package final class IngressStream: @unchecked Sendable {
  // Touched on the engine thread only, which is why it needs no lock.
  var hasFailed = false
  var isLookingUp = false
  /// The pass in which one of its chunks had to wait: later ones wait behind it.
  var waitsInPass: UInt64 = 0
  var waiting: Deque<AppendJob> = []
  package init() {}
}

package enum ReloadOutcome: Sendable {
  /// The generation that runs now, and whether this load made it.
  case loaded(generation: UInt32, isNew: Bool, warnings: [String])
  /// Every error, one `file:line: what` text each.
  case refused(errors: [String])

  /// The same with more warnings; a refusal has none.
  package func warning(of more: [String]) -> ReloadOutcome {
    guard case .loaded(let generation, let isNew, let warnings) = self else { return self }
    return .loaded(generation: generation, isNew: isNew, warnings: warnings + more)
  }
}

/// A picture of the host for `status`.
package struct HostStatus: Sendable {
  package struct Script: Sendable {
    package var path: String
    /// Hexadecimal SHA-256.
    package var hash: String
    package init(path: String, hash: String) { (self.path, self.hash) = (path, hash) }
  }

  package struct Reader: Sendable {
    package var name: String
    package var kind: String
    package var script: String
    /// Of a destination: messages that are still to be delivered.
    package var pending: UInt64 = 0
    /// `running`, `behind` (reads older parts of the log), `full` (at the bound of queued work), `stuck` (a call does
    /// not come back), `paused`, `removed`; of a destination also `down` (its breaker is open).
    package var state: String
    /// More about the state, for people; nil: nothing.
    package var note: String?
    package var cursor: UInt64
    /// Positions between the cursor and the head of the log.
    package var lag: UInt64
    package var blockedKeys: Int
    package var queued: Int
    package var deadLetters: Int
    /// Its number in the log, and the patterns that it hears.
    package var number: UInt32
    package var hearing: [String]

    package init(
      name: String, kind: String, script: String, state: String, cursor: UInt64, lag: UInt64,
      blockedKeys: Int, queued: Int, deadLetters: Int, number: UInt32 = 1, hearing: [String] = [], note: String? = nil
    ) {
      (self.name, self.kind, self.script, self.state) = (name, kind, script, state)
      (self.cursor, self.lag, self.number, self.hearing, self.note) = (cursor, lag, number, hearing, note)
      (self.blockedKeys, self.queued, self.deadLetters) = (blockedKeys, queued, deadLetters)
    }
  }

  /// A schedule of the running scripts. Times are µs since 1970.
  package struct Schedule: Sendable {
    package var declaration: ScheduleDeclaration
    /// When it is due next; nil: not any more, or not before the log has a time.
    package var next: Int64?
    /// The last run that was made: when it was due, and what it has made.
    package var last: (time: Int64, position: UInt64)?

    package init(_ declaration: ScheduleDeclaration, next: Int64?, last: (time: Int64, position: UInt64)? = nil) {
      (self.declaration, self.next, self.last) = (declaration, next, last)
    }
  }

  package var version: String
  package var generation: UInt32
  package var scripts: [Script]
  /// The errors of the last load, when it was refused.
  package var loadErrors: [String]
  package var head: UInt64
  package var durable: UInt64
  package var logBytes: UInt64
  package var logID: String
  /// What keeps the whole host from its work: a full disk, a clock that is wrong.
  package var warnings: [String]
  package var readers: [Reader]
  /// By name.
  package var schedules: [Schedule] = []
  package var timers = Timers()
  package var processes: [ProcessCount] = []

  package struct Timers: Sendable, Equatable {
    package var pending = 0
    /// When the next one is due, µs since 1970.
    package var next: Int64?
    package init() {}
  }

  package init(
    version: String, generation: UInt32, scripts: [Script], loadErrors: [String], head: UInt64, durable: UInt64,
    logBytes: UInt64, logID: String, warnings: [String] = [], readers: [Reader]
  ) {
    self.warnings = warnings
    (self.version, self.generation, self.scripts, self.loadErrors) = (version, generation, scripts, loadErrors)
    (self.head, self.durable, self.logBytes, self.logID, self.readers) = (head, durable, logBytes, logID, readers)
  }
}
