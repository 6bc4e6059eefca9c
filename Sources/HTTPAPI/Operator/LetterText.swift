internal import Engine
internal import Events
internal import NIOCore

/// Dead letters as JSON: what the engine keeps of them in memory, and what the log tells.
struct LetterText {
  /// What letters are about, and who was to take it.
  enum Form {
    /// Events and commands, of consumers.
    case events(CloudEventEncoder)
    /// Messages, of destinations.
    case messages(MessageText)

    var owner: StaticString {
      switch self {
      case .events: "consumer"
      case .messages: "destination"
      }
    }
  }

  let reading: any EventReading
  let form: Form
  let limits: DoorLimits

  /// `{"deadLetters":[…],"next":id,"total":n}` with those letters of the page that the query's type and error let
  /// through. A page that would be too large, or takes too long, ends earlier and says where to go on. `opening`: members
  /// that come first, each with a comma behind it.
  func json(_ page: LetterPage, _ query: LetterListQuery, opening: [UInt8] = []) throws -> ByteBuffer {
    var letters = page.letters[...]
    var next = page.next
    var count = 0
    let deadline = ContinuousClock.now + limits.searchTime
    var writer = ByteWriter(capacity: 16 << 10)
    writer.append(UInt8(ascii: "{"))
    writer.append(opening)
    writer.append("\"deadLetters\":[" as StaticString)
    try reading.failures(of: page.letters.map(\.id)) { id, failure in
      while let first = letters.first, first.id < id { letters.removeFirst() }
      guard let letter = letters.popFirst() else { return false }
      let start = writer.count
      if count > 0 { writer.append(UInt8(ascii: ",")) }
      if try append(letter, failure, query, to: &writer) { count += 1 } else { writer.truncate(to: start) }
      guard !letters.isEmpty, writer.count >= limits.pageBytes || ContinuousClock.now >= deadline else { return true }
      next = id
      return false
    }
    writer.append("],\"next\":" as StaticString)
    writer.append(nullable: next?.description)
    writer.append(",\"total\":" as StaticString)
    writer.appendDecimal(UInt64(page.total))
    writer.append(UInt8(ascii: "}"))
    return ByteBuffer(bytes: writer.bytes)
  }

  /// False when the query does not want this one.
  private func append(
    _ letter: LetterSummary, _ failure: FailureHistory.Attempt, _ query: LetterListQuery, to writer: inout ByteWriter
  ) throws -> Bool {
    let unit = failure.unit
    if let error = query.error, Array(unit.message.utf8).firstRange(of: error) == nil { return false }
    writer.append("{\"id\":" as StaticString)
    writer.appendJSON(string: letter.id.description)
    writer.member(form.owner, letter.consumer)
    guard try appendSubject(key: letter.key, letter.position, type: query.type, to: &writer) else { return false }
    writer.appendFailure(failure)
    writer.member("attempts", UInt64(unit.attempt))
    writer.member("failedAt", time: unit.time)
    writer.member("state", letter.isBlocking ? "blocking" : "skipped")
    writer.member("waiting", UInt64(letter.waiting))
    writer.append(UInt8(ascii: "}"))
    return true
  }

  /// One letter with every attempt, the oldest first. `open`: nil when it is resolved.
  func json(
    _ id: LetterID, _ history: FailureHistory, owner: String?, open: LetterSummary?
  ) throws -> ByteBuffer {
    let last = history.attempts[0].unit
    var writer = ByteWriter(capacity: 4096)
    writer.append("{\"id\":" as StaticString)
    writer.appendJSON(string: id.description)
    writer.begin(form.owner)
    writer.append(nullable: owner)
    _ = try appendSubject(key: last.key, Position(last.position), type: nil, to: &writer)
    writer.member("failedAt", time: last.time)
    writer.member("state", open.map { $0.isBlocking ? "blocking" : "skipped" } ?? "resolved")
    writer.member("waiting", UInt64(open?.waiting ?? 0))
    writer.append(",\"attempts\":[" as StaticString)
    for (index, attempt) in history.attempts.reversed().enumerated() {
      if index > 0 { writer.append(UInt8(ascii: ",")) }
      writer.append("{\"attempt\":" as StaticString)
      writer.appendDecimal(UInt64(attempt.unit.attempt))
      writer.member("time", time: attempt.unit.time)
      writer.appendFailure(attempt)
      writer.append(UInt8(ascii: "}"))
    }
    writer.append("],\"omitted\":" as StaticString)
    writer.append(history.isComplete ? "false" as StaticString : "true")
    writer.append(UInt8(ascii: "}"))
    return ByteBuffer(bytes: writer.bytes)
  }

  /// Whether it is about a message, and so a destination's.
  func isAboutMessage(_ history: FailureHistory) throws -> Bool {
    var isMessage = false
    try reading.visit([Position(history.attempts[0].unit.position)]) { entry, _, _ in
      isMessage = entry.rawKind == RecordKind.message.rawValue
      return false
    }
    return isMessage
  }

  /// What the letter is about. False when it is of another type than is wanted.
  private func appendSubject(
    key: KeyBytes, _ position: Position, type: EventFilter.TypeFilter?, to writer: inout ByteWriter
  ) throws -> Bool {
    writer.member("key", key.description)
    writer.member("position", position.rawValue)
    switch form {
    case .events: writer.append(",\"event\":" as StaticString)
    case .messages: writer.append(",\"message\":" as StaticString)
    }
    let start = writer.count
    var isWanted = true
    try reading.visit([position]) { entry, position, committed in
      isWanted = type?.matches(entry.type) ?? true
      guard isWanted else { return false }
      switch form {
      case .events(let encoder): encoder.encode(entry, position: position, committed: committed, into: &writer)
      case .messages(let text): text.append(entry, position: position, committed: committed, to: &writer)
      }
      return false
    }
    if writer.count == start { writer.append("null" as StaticString) }
    return isWanted
  }
}

/// Members of an object that has begun.
extension ByteWriter {
  fileprivate mutating func appendFailure(_ failure: FailureHistory.Attempt) {
    let unit = failure.unit
    member("error", unit.message)
    member("kind", unit.kind.description)
    member("traceback", unit.traceback)
    append(",\"log\":[" as StaticString)
    for (index, line) in unit.log.enumerated() {
      if index > 0 { append(UInt8(ascii: ",")) }
      appendJSON(string: line)
    }
    append("],\"scriptHash\":" as StaticString)
    append(nullable: unit.scriptHash?.description)
    member("generation", UInt64(failure.generation))
  }

  fileprivate mutating func member(_ name: StaticString, _ text: String) {
    begin(name)
    appendJSON(string: text)
  }

  fileprivate mutating func member(_ name: StaticString, _ number: UInt64) {
    begin(name)
    appendDecimal(number)
  }

  fileprivate mutating func member(_ name: StaticString, time microseconds: Int64) {
    begin(name)
    append(UInt8(ascii: "\""))
    Timestamp.write(microseconds, into: &self)
    append(UInt8(ascii: "\""))
  }

  fileprivate mutating func begin(_ name: StaticString) {
    append(",\"" as StaticString)
    append(name)
    append("\":" as StaticString)
  }

  fileprivate mutating func append(nullable text: String?) {
    if let text { appendJSON(string: text) } else { append("null" as StaticString) }
  }
}
