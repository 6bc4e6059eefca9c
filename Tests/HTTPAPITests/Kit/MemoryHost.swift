import LogStorage
import Scripts
import Synchronization

@testable import Engine
@testable import Events
@testable import HTTPAPI

/// A host whose log is an array: enough of the engine's contract for the door to be tried against.
final class MemoryHost: EventHost, EventReading {
  struct Entry {
    var bytes: [UInt8]
    var committed: Int64
  }

  private struct State {
    var entries: [Entry] = []
    /// Position by source, NUL, id.
    var identities: [[UInt8]: Int] = [:]
    var isHolding = false
    var held: [@Sendable () -> Void] = []
    var waiting: [UInt64: (after: Position, continuation: CheckedContinuation<Position, any Error>)] = [:]
    var nextWaiter: UInt64 = 0
    /// Outcomes for the next appends, instead of appending.
    var scripted: [AppendOutcome?] = []
    var batchSizes: [Int] = []
    var isOverloaded = false
    var isOutOfSpace = false
    var readError: (any Error)?
    var reloads: [ReloadOutcome] = []
  }

  struct ReadError: Error {}

  let hash = StableHash(seed: 99)
  let logName = "moondance:test"
  let maximumGroupBytes = 16 << 20
  let contracts = ContractSet()
  private let state = Mutex(State())
  /// Pending timers, as the engine would list them.
  let pendingTimers = Mutex<[TimerPlace]>([])
  /// Consumers and dead letters.
  let operators = Mutex(MemoryOperators())

  var isOverloaded: Bool {
    get { state.withLock { $0.isOverloaded } }
    set { state.withLock { $0.isOverloaded = newValue } }
  }
  var isOutOfSpace: Bool {
    get { state.withLock { $0.isOutOfSpace } }
    set { state.withLock { $0.isOutOfSpace = newValue } }
  }
  var durable: Position { state.withLock { Position(UInt64($0.entries.count)) } }
  var reader: LogReader { preconditionFailure("the door reads through EventReading") }

  /// How many entries each append brought, in their order.
  var batchSizes: [Int] { state.withLock { $0.batchSizes } }

  // MARK: Commands

  struct Commands {
    var sent: [EntryBatch] = []
    var waits: [Duration] = []
    /// How the next ones end.
    var outcomes: [CommandOutcome] = []
    /// How earlier ones did, by position.
    var decided: [Position: CommandOutcome] = [:]
    /// What was asked of aggregates, and what they answer.
    var asked: [String] = []
    var states: [SubjectReading.Answer] = []
  }

  let commands = Mutex(Commands())

  func send(_ command: EntryBatch, wait: Duration) async -> CommandOutcome {
    commands.withLock { commands in
      commands.sent.append(command)
      commands.waits.append(wait)
      return commands.outcomes.isEmpty ? .unowned(near: nil) : commands.outcomes.removeFirst()
    }
  }

  // MARK: Processes

  let instances = Mutex(Processes())

  // MARK: Appending

  func append(
    _ batch: EntryBatch, expecting: Position?, stream: IngressStream?,
    answer: @escaping @Sendable (AppendOutcome) -> Void
  ) {
    let outcome = state.withLock { state -> AppendOutcome? in
      let outcome = take(batch, expecting, stream, &state)
      guard state.isHolding else { return outcome }
      state.held.append { [self] in
        wake()
        answer(outcome)
      }
      return nil
    }
    guard let outcome else { return }
    wake()
    answer(outcome)
  }

  private func take(
    _ batch: EntryBatch, _ expecting: Position?, _ stream: IngressStream?, _ state: inout State
  ) -> AppendOutcome {
    state.batchSizes.append(batch.count)
    if stream?.hasFailed == true { return .streamFailed }
    let outcome = state.scripted.isEmpty ? nil : state.scripted.removeFirst()
    if let outcome {
      // An engine whose inbox is full turns a chunk away before it looks at the stream.
      if case .overloaded = outcome {} else { stream?.hasFailed = true }
      return outcome
    }
    if let expecting {
      let actual = state.entries.lastIndex { $0.bytes.subject == batch.copy(0).subject }.map { UInt64($0 + 1) } ?? 0
      if expecting.rawValue != actual { return .expectationFailed(actual: Position(actual)) }
    }
    var added: [Entry] = []
    var identities = state.identities
    var positions: [Int] = []
    for index in 0..<batch.count {
      let bytes = batch.copy(index)
      if let identity = bytes.identity {
        if let position = identities[identity] {
          let earlier =
            position <= state.entries.count ? state.entries[position - 1] : added[position - state.entries.count - 1]
          guard earlier.bytes.isSame(as: bytes) else {
            stream?.hasFailed = true
            return .conflict(index: index, position: Position(UInt64(position)))
          }
          positions.append(position)
          continue
        }
        identities[identity] = state.entries.count + added.count + 1
      }
      added.append(Entry(bytes: bytes, committed: 1_782_898_200_000_000 + Int64(state.entries.count + added.count)))
      positions.append(state.entries.count + added.count)
    }
    state.entries += added
    state.identities = identities
    return .appended(
      first: Position(UInt64(positions.first ?? 0)), last: Position(UInt64(positions.last ?? 0)), count: batch.count,
      duplicates: batch.count - added.count)
  }

  /// Appends entries as the engine makes them: with a cause and a root, of any kind.
  func append(
    _ type: String, subject: String = "", data: String = "{}", kind: RecordKind = .event, cause: UInt64 = 0,
    root: UInt64 = 0, correlation: String? = nil
  ) {
    let batch = EntryBatch(hash: hash)
    type.bytes { type in
      subject.bytes { subject in
        data.bytes { data in
          batch.begin(kind: kind, type: type, subject: subject, data: data, encoding: .json, cause: cause, root: root)
        }
      }
    }
    correlation?.bytes { batch.addAttribute(.correlationid, $0) }
    batch.end()
    state.withLock { $0.entries.append(Entry(bytes: batch.copy(0), committed: 1_782_898_200_000_000)) }
    wake()
  }

  /// Appends a message as a script's `publish` makes it.
  func append(message destination: String, key: String, body: String?, headers: String? = nil, for type: String?) {
    let batch = EntryBatch(hash: hash)
    destination.bytes { destination in
      key.bytes { key in
        (body ?? "").bytes { body in
          batch.begin(
            kind: .message, type: destination, subject: key, data: body, encoding: body.isEmpty ? .none : .json,
            cause: 1,
            root: 1, depth: 1)
        }
      }
    }
    type?.bytes { batch.addAttribute(.about, $0) }
    headers?.bytes { batch.addAttribute(.headers, $0) }
    batch.end()
    state.withLock { $0.entries.append(Entry(bytes: batch.copy(0), committed: 1_782_898_200_000_000)) }
    wake()
  }

  /// The next appends end so, instead of appending; nil appends.
  func script(_ outcomes: [AppendOutcome?]) { state.withLock { $0.scripted = outcomes } }

  /// From now on appends take place, but are not answered until `release`.
  func hold() { state.withLock { $0.isHolding = true } }

  func release() {
    let held = state.withLock { state in
      state.isHolding = false
      defer { state.held = [] }
      return state.held
    }
    for give in held { give() }
  }

  // MARK: Following

  func waitForDurable(after position: Position) async throws -> Position {
    let key = state.withLock { state in
      state.nextWaiter += 1
      return state.nextWaiter
    }
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        state.withLock { $0.waiting[key] = (position, continuation) }
        if Task.isCancelled { cancel(key) }
        wake()
      }
    } onCancel: {
      cancel(key)
    }
  }

  /// How many wait for something to become durable.
  var waiters: Int { state.withLock { $0.waiting.count } }

  private func cancel(_ key: UInt64) {
    state.withLock { $0.waiting.removeValue(forKey: key) }?.continuation.resume(throwing: CancellationError())
  }

  private func wake() {
    let (durable, ready) = state.withLock { state in
      let durable = Position(UInt64(state.entries.count))
      let ready = state.waiting.filter { $0.value.after < durable }
      for key in ready.keys { state.waiting[key] = nil }
      return (durable, ready)
    }
    for waiter in ready.values { waiter.continuation.resume(returning: durable) }
  }

  // MARK: Reading

  func failReads(with error: (any Error)?) { state.withLock { $0.readError = error } }

  func throwIfUnreadable() throws {
    if let error = state.withLock({ $0.readError }) { throw error }
  }

  func visit(from: Position, through: Position, _ body: (EntryView, Position, Int64) -> Bool) throws {
    guard from <= through else { return }
    let entries = try state.withLock { state in
      if let error = state.readError { throw error }
      return Array(state.entries[Int(from.rawValue - 1)..<Int(through.rawValue)])
    }
    for (offset, entry) in entries.enumerated() {
      let goesOn = entry.bytes.withUnsafeBytes {
        body(EntryView($0.baseAddress!), from + UInt64(offset), entry.committed)
      }
      if !goesOn { return }
    }
  }

  func visit(_ positions: [Position], _ body: (EntryView, Position, Int64) -> Bool) throws {
    for position in positions {
      var goesOn = true
      try visit(from: position, through: position) { entry, position, committed in
        goesOn = body(entry, position, committed)
        return goesOn
      }
      if !goesOn { return }
    }
  }

  func positions(_ index: EventIndex, from: Position, through: Position, limit: Int) throws -> [Position] {
    var found: [Position] = []
    try visit(from: from, through: through) { entry, position, _ in
      let isFound =
        switch index {
        case .subject(let subject): Array(entry.subject) == subject
        case .type(let type): Array(entry.type) == type
        case .root(let root): entry.root == root.rawValue
        }
      if isFound { found.append(position) }
      return found.count < limit
    }
    return found
  }

  // MARK: Operating

  func reloads(_ outcomes: [ReloadOutcome]) { state.withLock { $0.reloads = outcomes } }

  func reload() async -> ReloadOutcome {
    state.withLock {
      $0.reloads.isEmpty ? .loaded(generation: 1, isNew: false, warnings: []) : $0.reloads.removeFirst()
    }
  }

  func status() async -> HostStatus {
    let head = durable.rawValue
    var status = HostStatus(
      version: "9.9", generation: 3, scripts: [.init(path: "hello.lua", hash: "ab12")],
      loadErrors: ["a.lua:1: no", "b.lua:2: no"],
      head: head, durable: head, logBytes: 4096, logID: "00ff", readers: operators.withLock { $0.readers })
    status.schedules = schedules
    status.processes = instances.withLock { $0.control.processCounts }
    status.timers.pending = pendingTimers.withLock { $0.count }
    status.timers.next = pendingTimers.withLock { $0.first?.due }
    return status
  }

  private var schedules: [HostStatus.Schedule] {
    let hourly = ScheduleDeclaration(
      name: "hourly", file: "a.lua", line: 3, recurrence: .every(3_600_000_000),
      effect: .init(type: "Ticked", subject: "hourly", data: []))
    let fee = ScheduleDeclaration(
      name: "fee", file: "b.lua", line: 1, recurrence: .every(86_400_000_000),
      effect: .init(isCommand: true, type: "Charge", subject: "account-1", data: []), missed: .all)
    return [.init(fee, next: nil), .init(hourly, next: 1_767_229_200_000_000, last: (1_767_225_600_000_000, 7))]
  }

  func timers(_ query: TimerQuery) async -> [TimerPlace] {
    pendingTimers.withLock { places in
      Array(places.filter { place in query.after.map { $0 < place } ?? true }.prefix(query.limit))
    }
  }
}

extension String {
  func bytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    Array(utf8).withUnsafeBytes(body)
  }
}

extension EntryBatch {
  func copy(_ index: Int) -> [UInt8] {
    defer { withExtendedLifetime(self) {} }
    return Array(entry(index).whole)
  }
}

/// An entry's bytes, taken apart.
extension [UInt8] {
  private func view<Result>(_ body: (EntryView) -> Result) -> Result {
    withUnsafeBytes { body(EntryView($0.baseAddress!)) }
  }

  var subject: [UInt8] { view { Array($0.subject) } }
  var identity: [UInt8]? {
    view { entry in
      guard let id = entry.attributes[.id], let source = entry.attributes[.source] else { return nil }
      return Array(source) + [0] + Array(id)
    }
  }
  func isSame(as other: [UInt8]) -> Bool { view { left in other.view { left.isSameEvent(as: $0) } } }
}
