internal import Events
internal import LuaRuntime

/// What the call of a handler is about and what it has done so far. One call at a time, on one thread.
final class CallState {
  var phase = Interpreter.Phase.idle
  private(set) var event: EntryView?
  private(set) var position: UInt64 = 0
  /// The event's commit time and the time of the call, µs.
  private(set) var recorded: Int64 = 0
  private(set) var now: Int64 = 0
  /// Who handles it, and for which of its keys. The caller of `call` keeps the key alive.
  private(set) var readerNumber: UInt32 = 0
  private(set) var key = UnsafeRawBufferPointer(start: nil, count: 0)
  /// Where the story that the effects belong to was at when it came here: the position, or where a process was started.
  private(set) var origin: UInt64 = 0
  /// The instance of a process whose step is under way, and which step that is.
  private(set) var run: ProcessRun?
  private(set) var step: UInt32 = 0
  /// By consumer: what is a process.
  var processes: [ProcessDeclaration?] = []
  /// What the last call wrote.
  private(set) var lines: [LogLine] = []
  /// Whether the fold under way has called `remove`.
  var hasRemoved = false
  private var lineBytes = 0
  /// The caller of `call` keeps it alive.
  var effects: Unmanaged<EntryBatch>?
  private(set) var mark: (bytes: Int, entries: Int) = (0, 0)
  /// The data of the event that is being emitted, and the line that is being written.
  var scratch = ByteWriter(capacity: 1024)
  private(set) var contractVersion: UInt16 = 0
  /// The consumer whose handler runs, what it may read, and who reads it.
  private(set) var consumer = 0
  var readable: [[Readable]] = []
  var past: (any PastReader)?
  var document = ByteWriter(capacity: 256)
  /// What emitted events must look like.
  var contracts = ContractSet()
  /// Who decides what is sent.
  var owners = CommandOwners()
  /// Where what is published goes.
  var destinations = DestinationSet()
  /// Names the circle that a chain of causes goes round, given the types of the cause and of what it led to.
  var circle: (_ heard: String, _ emitted: String) -> String = { "\($0) → \($1) → …" }

  /// Whether effects can be made: an event is handled, a command decided, or a process goes on.
  @inline(__always) var makesEffects: Bool { phase == .handling || phase == .deciding || phase == .running }

  func beginHandling(
    _ event: EntryView, _ position: Position, recorded: Int64, now: Int64, consumer: Int,
    key: UnsafeRawBufferPointer, readerNumber: UInt32, into effects: EntryBatch, phase: Interpreter.Phase = .handling
  ) {
    self.phase = phase
    self.consumer = consumer
    self.key = key
    self.readerNumber = readerNumber
    self.event = event
    self.position = position.rawValue
    origin = position.rawValue
    self.recorded = recorded
    self.now = now
    self.effects = .passUnretained(effects)
    mark = effects.mark
    forgetLines()
  }

  /// What is made from now on goes to `effects`.
  func begin(_ effects: EntryBatch, now: Int64) {
    self.now = now
    self.effects = .passUnretained(effects)
    mark = effects.mark
  }

  /// A process goes on: its effects are those of the event that started it, caused by the one that it goes on with.
  func beginStep(_ run: ProcessRun, _ context: StepContext, into effects: EntryBatch) {
    beginHandling(
      context.start, context.causePosition, recorded: context.recorded, now: context.now, consumer: run.consumer,
      key: context.key, readerNumber: context.readerNumber, into: effects, phase: .running)
    origin = context.startPosition.rawValue
    self.run = run
    step = context.step
  }

  func beginKeying(_ event: EntryView, _ position: Position, recorded: Int64) {
    phase = .keying
    self.event = event
    self.position = position.rawValue
    self.recorded = recorded
    forgetLines()
  }

  func beginFolding(_ event: EntryView, _ position: Position, recorded: Int64) {
    phase = .folding
    self.event = event
    self.position = position.rawValue
    self.recorded = recorded
    hasRemoved = false
    forgetLines()
  }

  /// An event changes the state of an aggregate.
  func beginApplying(_ event: EntryView, _ position: Position) {
    phase = .applying
    self.event = event
    self.position = position.rawValue
    forgetLines()
  }

  /// A source makes events of a request.
  func beginReceiving() {
    phase = .receiving
    event = nil
    forgetLines()
  }

  private func forgetLines() {
    if lineBytes == 0, lines.isEmpty { return }
    lines = []
    lineBytes = 0
  }

  func end() {
    phase = .idle
    event = nil
    effects = nil
    if run != nil { run = nil }
  }

  /// Takes back what the last call emitted.
  func rollBack(_ effects: EntryBatch) { effects.truncate(to: mark) }

  /// What a word says that was used where it does not work.
  func misplaced(_ word: String) -> LuaReply {
    switch phase {
    case .keying: .error("\(word) works in a handler, not in a key\n  a key only looks at the event")
    case .folding:
      .error("\(word) works in a handler, not in a projection\n  a projection only changes its document")
    case .applying:
      .error(
        "\(word) works in a command, not in events\n"
          + "  events only change the state; what a decision needs is in the event")
    case .ruling:
      .error("\(word) works in a handler, not in a rule\n  where, data and to only look at what was heard")
    case .receiving:
      .error("\(word) works in a handler, not in a source\n  event only says which events a request is")
    case .loading, .idle, .handling, .deciding, .running:
      .error(
        "\(word) works in a handler, not while the file loads\n"
          + "  a script only declares; effects are made in a handler")
    }
  }

  // MARK: emit

  func emit(_ arguments: borrowing LuaCall) -> LuaReply {
    guard makesEffects, let event else { return misplaced("emit") }
    guard let type = arguments[0].string else {
      return .error("emit wants a type first: emit(\"OrderPaid\", { … }); this is \(BodyReader.article(arguments[0]))")
    }
    if let problem = problem(withType: type) { return .error(problem) }
    if event.depth >= EntryView.maximumDepth { return tooDeep(type, event) }
    if let reply = encode(arguments[1], "data", of: "emit(\"\(type.text)\")") { return reply }
    if let reply = checkContract(of: type, "emit(\"\(type.text)\")") { return reply }
    let options = arguments[2]
    if options.isNone { return add(type, event.subject, event, contractVersion: contractVersion) }
    return emit(type, options, event)
  }

  /// What keeps scripts from making events of a type.
  func problem(withType type: UnsafeRawBufferPointer) -> String? {
    guard NameRule.type.allows(type) else {
      return "\"\(type.text)\" is no event type: letters, digits, \".\", \"_\" and \"-\", 1 to 128 of them"
    }
    return NameRule.isHostType(type) ? "types that begin with \"\(NameRule.hostPrefix)\" are the host's" : nil
  }

  /// Leaves the JSON of a value in `scratch`; of none, an empty object.
  @inline(__always)
  func encode(_ value: LuaSlot, _ name: StaticString, of call: @autoclosure () -> String) -> LuaReply? {
    scratch.truncate(to: 0)
    if value.isNone {
      scratch.append("{}" as StaticString)
      return nil
    }
    do throws(LuaError) {
      try value.encodeJSON(name: name, into: &scratch)
      return nil
    } catch {
      return .error("\(call()): \(error.message)")
    }
  }

  /// Checks the data in `scratch` against the contract of an event type, and notes its version in `contractVersion`.
  @inline(__always)
  func checkContract(of type: UnsafeRawBufferPointer, _ call: @autoclosure () -> String) -> LuaReply? {
    contractVersion = 0
    guard !contracts.isEmpty, let contract = contracts[type] else { return nil }
    if let reply = check(contract, call()) { return reply }
    contractVersion = contract.version
    return nil
  }

  /// Checks the data in `scratch`, of an event that is made by `call`; an empty table where the contract wants an array
  /// becomes one.
  private func check(_ contract: ContractDeclaration, _ call: @autoclosure () -> String) -> LuaReply? {
    guard let schema = contract.schema else { return nil }
    do throws(SchemaViolation) {
      for offset in try SchemaCheck.checkMade(scratch.bytes, schema) {
        scratch.patch(UInt8(ascii: "["), at: offset)
        scratch.patch(UInt8(ascii: "]"), at: offset + 1)
      }
      return nil
    } catch {
      return .error("\(call()): \(error)\n  the contract is in \(contract.file):\(contract.line)")
    }
  }

  func tooDeep(_ type: UnsafeRawBufferPointer, _ event: EntryView) -> LuaReply {
    .error(
      "this would be the cause number \(EntryView.maximumDepth) in a row: the scripts go round in a circle: "
        + circle(event.type.text, type.text))
  }

  private func emit(_ type: UnsafeRawBufferPointer, _ options: LuaSlot, _ event: EntryView) -> LuaReply {
    guard options.kind == .table else {
      return .error("emit's third argument is a table: emit(type, data, { subject = … })")
    }
    var unknown: String?
    options.forEach { key, _ in
      if key.string?.elementsEqual("subject".utf8) != true { unknown = key.shown }
      return unknown == nil
    }
    if let unknown {
      let near = NearestName.of(unknown, among: Words.emitOptions.keys.map(\.name)).map { ": did you mean \($0)?" }
      return .error("emit has no option \"\(unknown)\"" + (near ?? ""))
    }
    return options.withField("subject") { subject in
      if subject.isNone { return add(type, event.subject, event, contractVersion: contractVersion) }
      guard let bytes = subject.string else {
        return .error("emit(\"\(type.text)\"): the subject is \(BodyReader.article(subject)); text is wanted")
      }
      guard NameRule.subject.allows(bytes), bytes.isUTF8 else {
        return .error(
          "emit(\"\(type.text)\"): a subject is UTF-8 text without control characters, at most "
            + "\(NameRule.maximumSubjectBytes) bytes")
      }
      return add(type, bytes, event, contractVersion: contractVersion)
    }
  }

  @inline(__always)
  func add(
    _ type: UnsafeRawBufferPointer, _ subject: UnsafeRawBufferPointer, _ event: EntryView, contractVersion: UInt16
  ) -> LuaReply {
    guard let effects else { return misplaced("emit") }
    return effects._withUnsafeGuaranteedRef { add(type, subject, event, contractVersion, $0) }
  }

  @inline(__always)
  private func add(
    _ type: UnsafeRawBufferPointer, _ subject: UnsafeRawBufferPointer, _ event: EntryView, _ contractVersion: UInt16,
    _ effects: EntryBatch
  ) -> LuaReply {
    if effects.count - mark.entries >= CallLimits.maximumEffects {
      return limit("a call emits at most \(CallLimits.maximumEffects) events")
    }
    effects.begin(
      kind: .event, type: type, subject: subject, data: scratch.bytes, encoding: .json, cause: position,
      root: event.rootHere(at: origin), depth: event.depth + 1, contractVersion: contractVersion)
    effects.inheritAttributes(of: event)
    // Whoever waits for what a command leads to hears of what its decision emits, and of nothing that comes of that.
    if phase == .deciding, let reply = event.attributes[.reply] { effects.addAttribute(.reply, reply) }
    effects.end()
    return checkSize(of: effects)
  }

  @inline(__always)
  func checkSize(of effects: EntryBatch) -> LuaReply {
    if effects.mark.bytes - mark.bytes > CallLimits.maximumEffectBytes {
      return limit("the effects of a call are at most \(CallLimits.maximumEffectBytes / 1024) KiB")
    }
    return .done
  }

  func limit(_ message: String) -> LuaReply { .abort(kind: Interpreter.Abort.limit, message: message) }

  // MARK: log

  func log(_ level: LogLine.Level, _ arguments: borrowing LuaCall, word: String) -> LuaReply {
    guard makesEffects else { return misplaced(word) }
    let text = line(arguments)
    lineBytes += text.utf8.count
    if lines.count >= CallLimits.maximumLogLines || lineBytes > CallLimits.maximumLogBytes {
      return limit(
        "a call writes at most \(CallLimits.maximumLogLines) lines and \(CallLimits.maximumLogBytes / 1024) KiB")
    }
    lines.append(LogLine(level: level, text: text))
    return .done
  }

  /// The arguments joined with spaces, cut at the longest line.
  private func line(_ arguments: borrowing LuaCall) -> String {
    let longest = CallLimits.maximumLineBytes
    scratch.truncate(to: 0)
    var index = 0
    while index < arguments.count, scratch.count <= longest {
      if index > 0 { scratch.append(UInt8(ascii: " ")) }
      arguments[index].show(atMost: longest + 1, in: &scratch)
      index += 1
    }
    let isCut = scratch.count > longest
    return scratch.bytes.prefixOfText(longest) + (isCut ? "…" : "")
  }
}

extension LuaSlot {
  /// For log lines and messages: text as it is, other values as JSON.
  var shown: String {
    var writer = ByteWriter(capacity: 64)
    show(atMost: CallLimits.maximumLineBytes, in: &writer)
    return writer.bytes.prefixOfText(CallLimits.maximumLineBytes)
  }

  /// Appends the value as text; of a long string only the first bytes.
  func show(atMost limit: Int, in writer: inout ByteWriter) {
    switch kind {
    case .string:
      let text = string ?? UnsafeRawBufferPointer(start: nil, count: 0)
      writer.append(UnsafeRawBufferPointer(rebasing: text.prefix(limit)))
    case .none: writer.append("nil" as StaticString)
    case .function, .other: writer.append(kind.name)
    case .number where number?.isFinite == false: writer.append(number!.isNaN ? "nan" : number! > 0 ? "inf" : "-inf")
    case .boolean, .integer, .number, .null, .table:
      do throws(LuaError) {
        try encodeJSON(name: "value", into: &writer)
      } catch {
        writer.append(kind.name)
      }
    }
  }
}

extension UnsafeRawBufferPointer {
  /// Whether these bytes are valid UTF-8.
  var isUTF8: Bool { allSatisfy { $0 < 0x80 } || String(validating: self, as: UTF8.self) != nil }

  /// The text of at most `limit` bytes, cut between two characters.
  func prefixOfText(_ limit: Int) -> String {
    var end = Swift.min(limit, count)
    if end < count { while end > 0, self[end] & 0xC0 == 0x80 { end -= 1 } }
    return UnsafeRawBufferPointer(rebasing: self[..<end]).text
  }
}
