import Scripts
import Synchronization

@testable import Engine
@testable import Events
@testable import HTTPAPI

/// Consumers and dead letters in memory: what operators' verbs do to them, without anybody who handles events.
struct MemoryOperators {
  struct Act: Equatable {
    var what: String
    var by: String
  }

  var readers = [
    HostStatus.Reader(
      name: "hello", kind: "consumer", script: "hello.lua", state: "running", cursor: 5, lag: 2, blockedKeys: 1,
      queued: 4, deadLetters: 3)
  ]
  var open: [LetterSummary] = []
  /// Of every letter that there ever was.
  var histories: [LetterID: FailureHistory] = [:]
  /// Letters that are not durable yet.
  var pending: Set<LetterID> = []
  var acts: [Act] = []
  /// Outcomes of the next verbs, instead of doing them.
  var readerOutcomes: [ReaderOutcome] = []
  var letterOutcomes: [LetterOutcome] = []
  /// The commit times of the log: position by time.
  var times: [(time: Int64, position: Position)] = []
  /// What was asked of the last preview.
  var previewed: (from: Position, cursor: Position)?

  func index(of name: String, in scope: ReaderScope = .all) -> Int? {
    readers.firstIndex { $0.name == name && scope.contains($0) }
  }

  /// Whether a letter is of the scope; one of nobody who is there is a consumer's.
  func isIn(_ scope: ReaderScope, _ letter: LetterSummary) -> Bool {
    guard let index = index(of: letter.consumer) else { return scope != .destinations }
    return scope.contains(readers[index])
  }
}

extension MemoryOperators {
  mutating func act(_ verb: ReaderVerb, on name: String, in scope: ReaderScope) -> ReaderOutcome {
    guard let index = index(of: name, in: scope) else { return .unknown }
    var receipt = ReaderReceipt(changed: true, state: "", cursor: readers[index].cursor)
    switch verb {
    case .pause, .resume:
      let state = verb == .pause ? "paused" : "running"
      receipt.changed = readers[index].state != state
      readers[index].state = state
    case .pauseTarget, .resumeTarget:
      if readers[index].kind != "destination" { return .refused("it has one target only") }
    case .forget:
      receipt.droppedUnits = readers[index].queued
      receipt.droppedLetters = drop(from: name, after: 0)
      receipt.changed = receipt.droppedUnits > 0 || receipt.droppedLetters > 0
      (readers[index].queued, readers[index].blockedKeys) = (0, 0)
    case .rewind(let position):
      if let why = RewindPreview.refusal(of: readers[index], to: position) { return .refused(why) }
      readers[index].cursor = position.rawValue - 1
      receipt.cursor = position.rawValue - 1
      receipt.droppedLetters = drop(from: name, after: position.rawValue - 1)
    }
    receipt.state = readers[index].state
    return .done(receipt)
  }

  private mutating func drop(from name: String, after cursor: UInt64) -> Int {
    let before = open.count
    open.removeAll { $0.consumer == name && $0.position.rawValue > cursor }
    return before - open.count
  }

  mutating func resolve(_ verb: LetterVerb, _ selection: LetterSelection, in scope: ReaderScope) -> LetterOutcome {
    var receipt = LetterReceipt()
    let chosen: [LetterID]
    switch selection {
    case .ids(let ids): chosen = ids
    case .all(let name, let key):
      if let name, index(of: name, in: scope) == nil { return .unknownConsumer }
      chosen = open.filter {
        isIn(scope, $0) && (name == nil || $0.consumer == name) && (key == nil || $0.key == key)
      }.map(\.id)
    }
    for id in Set(chosen).sorted() {
      guard let index = open.firstIndex(where: { $0.id == id && isIn(scope, $0) }) else {
        receipt.notOpen.append(id)
        continue
      }
      if verb != .skip {
        open.remove(at: index)
      } else if open[index].isBlocking {
        (open[index].isBlocking, open[index].waiting) = (false, 0)
      } else {
        receipt.unchanged += 1
        continue
      }
      receipt.resolved += 1
    }
    return .done(receipt)
  }

  func page(_ query: LetterQuery) -> LetterPage? {
    if let name = query.consumer, index(of: name, in: query.scope) == nil { return nil }
    let ofConsumer = open.filter {
      isIn(query.scope, $0) && (query.consumer == nil || $0.consumer == query.consumer)
    }
    let found = ofConsumer.filter { letter in
      !pending.contains(letter.id) && (query.key == nil || letter.key == query.key)
        && query.after.map { letter.id > $0 } ?? true
    }.sorted { $0.id < $1.id }
    let letters = Array(found.prefix(query.limit))
    return LetterPage(
      letters: letters, next: found.count > query.limit ? letters.last?.id : nil, total: ofConsumer.count)
  }
}

extension ReaderScope {
  fileprivate func contains(_ reader: HostStatus.Reader) -> Bool {
    contains(reader.isDestination ? .destination : .consumer)
  }
}

extension MemoryHost {
  func act(_ verb: ReaderVerb, on name: String, in scope: ReaderScope, by: String) async -> ReaderOutcome {
    operators.withLock { state in
      state.acts.append(.init(what: "\(verb) \(name)", by: by))
      return state.readerOutcomes.isEmpty ? state.act(verb, on: name, in: scope) : state.readerOutcomes.removeFirst()
    }
  }

  func resolve(
    _ verb: LetterVerb, _ selection: LetterSelection, in scope: ReaderScope, by: String
  ) async -> LetterOutcome {
    operators.withLock { state in
      state.acts.append(.init(what: "\(verb)", by: by))
      return state.letterOutcomes.isEmpty
        ? state.resolve(verb, selection, in: scope) : state.letterOutcomes.removeFirst()
    }
  }

  func letters(_ query: LetterQuery) async -> LetterPage? { operators.withLock { $0.page(query) } }

  func failures(of ids: [LetterID], _ body: (LetterID, FailureHistory.Attempt) throws -> Bool) throws {
    try throwIfUnreadable()
    for id in ids {
      guard let history = try history(of: id) else { continue }
      if try !body(id, history.attempts[0]) { return }
    }
  }

  func history(of id: LetterID) throws -> FailureHistory? {
    try throwIfUnreadable()
    return operators.withLock { $0.pending.contains(id) ? nil : $0.histories[id] }
  }

  func outcome(of command: Position) throws -> CommandOutcome? {
    try throwIfUnreadable()
    return commands.withLock { $0.decided[command] }
  }

  func state(of subject: [UInt8], aggregate: String, at: Position, isHead: Bool) -> SubjectReading.Answer {
    commands.withLock { commands in
      commands.asked.append("\(aggregate) \(String(decoding: subject, as: UTF8.self)) \(at)")
      return commands.states.isEmpty ? .unknown(aggregates: ["account"]) : commands.states.removeFirst()
    }
  }

  /// Events of the type `Old` have grown, those of the type `Broken` cannot.
  func newestData(of event: EntryView, at position: Position, committed: Int64) -> NewestData {
    switch event.type.text {
    case "Old": .upcast(Array(#"{"new":\#(position)}"#.utf8))
    case "Broken": .failed("a.lua:1: no")
    default: .same
    }
  }

  func position(until time: Int64) throws -> Position {
    try throwIfUnreadable()
    return operators.withLock { $0.times.last { $0.time <= time }?.position ?? .start }
  }

  func preview(
    ofRewinding reader: HostStatus.Reader, to first: Position, durable: Position
  ) throws -> RewindPreview {
    try throwIfUnreadable()
    operators.withLock { $0.previewed = (first, Position(reader.cursor)) }
    var preview = RewindPreview()
    preview.events = Int(reader.cursor - first.rawValue + 1)
    preview.effects = 1
    return preview
  }

  // MARK: What a test sets up

  func setUp(_ change: (inout MemoryOperators) -> Void) { operators.withLock { change(&$0) } }

  func consumers(_ readers: [HostStatus.Reader]) { operators.withLock { $0.readers = readers } }

  /// An event that `consumer` was given up to handle.
  @discardableResult
  func giveUp(
    _ id: String, _ type: String = "Work", on subject: String = "a", of consumer: String = "hello",
    error: String = "work.lua:3: no", attempts: Int = 1, data: String = "{}", log: [String] = [], waiting: Int = 0,
    isBlocking: Bool = true, kind: RecordKind = .event
  ) -> Position {
    append(type, subject: subject, data: data, kind: kind)
    return note(id, on: subject, of: consumer, error, attempts, log, waiting, isBlocking)
  }

  /// A message that `destination` did not take.
  @discardableResult
  func giveUp(
    message id: String, to destination: String = "warehouse", key: String = "a", body: String? = "{}",
    headers: String? = nil, for type: String? = "Work", error: String = "500", attempts: Int = 1, waiting: Int = 0,
    isBlocking: Bool = true
  ) -> Position {
    append(message: destination, key: key, body: body, headers: headers, for: type)
    return note(id, on: key, of: destination, error, attempts, [], waiting, isBlocking)
  }

  /// The last entry is a letter now.
  private func note(
    _ id: String, on subject: String, of consumer: String, _ error: String, _ attempts: Int, _ log: [String],
    _ waiting: Int, _ isBlocking: Bool
  ) -> Position {
    let position = durable
    let id = LetterID(id)!
    let failures = (1...attempts).map { attempt in
      FailureHistory.Attempt(
        unit: ProgressRecord.FailedUnit(
          position: position.rawValue, key: KeyBytes(subject), attempt: UInt32(attempt), kind: .error, message: error,
          traceback: "stack traceback:\n\twork.lua:3: in function", log: log,
          scriptHash: ContentHash(of: Array("script".utf8)), time: 1_782_898_200_000_000 + Int64(attempt) * 1_000_000,
          disposition: attempt < attempts ? .retry : isBlocking ? .deadAndBlocking : .deadAndSkipped, nextTry: 0),
        generation: UInt32(attempt))
    }
    operators.withLock { state in
      state.open.append(
        LetterSummary(
          id: id, consumer: consumer, key: KeyBytes(subject), position: position, isBlocking: isBlocking,
          waiting: waiting))
      state.histories[id] = FailureHistory(
        reader: state.index(of: consumer).map { state.readers[$0].number } ?? 99, attempts: failures.reversed())
    }
    return position
  }

  var previewed: (from: Position, cursor: Position)? { operators.withLock { $0.previewed } }
  var acts: [MemoryOperators.Act] { operators.withLock { $0.acts } }
  var openLetters: [String] { operators.withLock { $0.open.map(\.id.description) } }
}
