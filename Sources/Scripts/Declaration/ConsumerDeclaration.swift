package import Events

/// A `consumer` as its script declares it: checked, complete, with defaults filled in. An `aggregate` is one too: it hears
/// commands instead of events. So is a `process`, whose instances wait for events.
package struct ConsumerDeclaration: Sendable {
  package let name: String
  package let file: String
  package let line: Int
  /// Of its file and every module that the file requires, so that a changed module counts as changed code.
  package let scriptHash: ContentHash
  package let from: Start
  package let retry: RetryPolicy
  package let exhausted: Exhausted
  package let key: KeyRule
  /// Nil: it remembers nothing.
  package let state: StateDeclaration?
  /// The names that its handlers may `read`.
  package let reads: [String]
  /// In the order of their patterns' bytes; an index into them is what `handler(forType:)` gives.
  package let handlers: [HandlerDeclaration]
  /// Of an aggregate: how it makes a state of events. Its handlers are those of its commands.
  package let aggregate: AggregateDeclaration?
  /// Of a destination: where its messages go. It has one handler, for the messages of its name, and no function.
  package let destination: DestinationDeclaration?
  /// Of a rule: its handlers are the types that it hears, and no functions.
  package let rule: RuleDeclaration?
  /// Of a process: what its handlers, which have no functions, are to its instances.
  package let process: ProcessDeclaration?
  private let hearing: Hearing

  init(
    name: String, file: String, line: Int, scriptHash: ContentHash, from: Start, retry: RetryPolicy,
    exhausted: Exhausted, key: KeyRule, state: StateDeclaration? = nil, reads: [String] = [],
    handlers: [HandlerDeclaration], aggregate: AggregateDeclaration? = nil,
    destination: DestinationDeclaration? = nil, rule: RuleDeclaration? = nil, process: ProcessDeclaration? = nil
  ) {
    self.name = name
    self.file = file
    self.line = line
    self.scriptHash = scriptHash
    self.from = from
    self.retry = retry
    self.exhausted = exhausted
    self.key = key
    self.state = state
    self.reads = reads
    self.handlers = handlers
    self.aggregate = aggregate
    self.destination = destination
    self.rule = rule
    self.process = process
    hearing = Hearing(handlers.map(\.pattern))
  }

  /// The word that declares it.
  package var word: String {
    if destination != nil { return "destination" }
    if rule != nil { return "rule" }
    if process != nil { return "process" }
    return aggregate == nil ? "consumer" : "aggregate"
  }

  /// Whether what it remembers of a key is an instance, which may wait for a time.
  package var keepsInstances: Bool { process != nil || rule?.keepsInstances ?? false }

  /// Whether it hears events: commands and messages are heard by those that they are for.
  package var hearsEvents: Bool { aggregate == nil && destination == nil }

  /// The one handler that runs for events of `type`: the exact type first, else the longest prefix; nil when the
  /// consumer does not hear it. The host's own types are heard only by patterns that begin so.
  package func handler(forType type: UnsafeRawBufferPointer) -> Int? { hearing.index(forType: type) }
}

/// One entry of a consumer's `on`.
package struct HandlerDeclaration: Sendable, Hashable {
  package let pattern: TypePattern
  package var isPrefix: Bool { pattern.isPrefix }
  /// Where its function begins.
  package let line: Int
}

/// Where a consumer that the log does not know yet begins to hear.
package enum Start: Sendable, Hashable, CustomStringConvertible {
  /// At the end of the deploy that created it.
  case now
  /// At the first event of the log.
  case start
  /// The first event heard is this one or a later one.
  case position(Position)
  /// What was committed up to this time (µs since 1970) is not heard.
  case time(Int64)

  package var description: String {
    switch self {
    case .now: "now"
    case .start: "start"
    case .position(let position): "position \(position)"
    case .time(let microseconds): "time \(microseconds)"
    }
  }
}

/// How often and when a failed unit is tried again. Times are microseconds.
package struct RetryPolicy: Sendable, Hashable {
  /// Calls in all, the first included; at least 1.
  package var attempts: Int
  /// The wait after the first failure. 0 tries at once, and the waits after the second failure and on are then those of
  /// the standard policy's first and on.
  package var first: Int64
  /// What each wait is multiplied with to give the next.
  package var factor: Double
  /// The longest wait.
  package var cap: Int64
  /// The share of a wait that is left to chance, 0…1.
  package var jitter: Double

  package static let standard = RetryPolicy(
    attempts: 8, first: 200_000, factor: 2, cap: 300_000_000, jitter: 0.2)

  /// Of a destination: a far side that refuses for more than an hour needs an operator.
  package static let delivery = RetryPolicy(
    attempts: 16, first: 500_000, factor: 2, cap: 900_000_000, jitter: 0.2)

  /// The wait (µs) after the call number `attempt`, from 1, has failed: exponential and capped, before jitter.
  package func pause(after attempt: Int) -> Int64 {
    var steps = attempt - 1
    var pause = Double(first)
    if first == 0 {
      if steps == 0 { return 0 }
      pause = Double(Self.standard.first)
      steps -= 1
    }
    while steps > 0, pause < Double(cap) {
      pause *= factor
      steps -= factor > 1 ? 1 : steps
    }
    return Int64(min(pause, Double(cap)))
  }

  /// `retry = false`: one call.
  package static let never = RetryPolicy(attempts: 1, first: 200_000, factor: 2, cap: 300_000_000, jitter: 0.2)
}

/// What becomes of the events behind one that failed finally.
package enum Exhausted: String, Sendable, CaseIterable {
  /// They wait for an operator.
  case block
  /// They go on by themselves.
  case skip
}

/// How an event is turned into keys. The unit of work is (position, key); order and blocking go by key.
package indirect enum KeyRule: Sendable, Hashable {
  /// The event's subject.
  case subject
  /// What stands at this path of the event: `["data", "order"]`.
  case path([String])
  case function
  /// A rule for each pattern, chosen like a handler; other types go by subject.
  case perType([Entry])

  package struct Entry: Sendable, Hashable {
    package let pattern: TypePattern
    package let rule: KeyRule
  }

  /// Whether the key is simply the subject, so that nobody has to ask a worker for it.
  package var isDefault: Bool { self == .subject }
}
