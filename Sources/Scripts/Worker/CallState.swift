internal import Events
internal import LuaRuntime

/// What the call of a handler is about and what it has done so far. One call at a time.
final class CallState {
  var phase = Interpreter.Phase.loading
  var event: EntryView?
  var position: UInt64 = 0
  /// The event's commit time and the time of the call, µs.
  var recorded: Int64 = 0
  var now: Int64 = 0
  var effects: EntryBatch?
  private(set) var mark: (bytes: Int, entries: Int) = (0, 0)
  private(set) var lines: [LogLine] = []
  private var lineBytes = 0
  /// The data of the event that is being emitted.
  private var data = ByteWriter(capacity: 1024)
  /// Names the circle that a chain of causes goes round, given the type that is emitted.
  var circle: (_ heard: String, _ emitted: String) -> String = { "\($0) → \($1) → …" }

  static func onlyInHandlers(_ word: String) -> String {
    "\(word) works in a handler, not while the file loads\n  a script only declares; effects are made in a handler"
  }

  func begin(_ event: EntryView, _ position: Position, recorded: Int64, now: Int64, into effects: EntryBatch) {
    phase = .handling
    self.event = event
    self.position = position.rawValue
    self.recorded = recorded
    self.now = now
    self.effects = effects
    mark = effects.mark
    if !lines.isEmpty {
      lines = []
      lineBytes = 0
    }
  }

  func end() {
    phase = .loading
    event = nil
    effects = nil
  }

  // MARK: emit

  func emit(_ arguments: borrowing LuaCall) -> LuaReply {
    guard phase == .handling, let event, let effects else { return .error(Self.onlyInHandlers("emit")) }
    guard let type = arguments[0].string else {
      return .error("emit wants a type: emit(\"OrderPaid\", { … }); it was given a \(arguments[0].kind.name)")
    }
    guard NameRule.type.allows(type) else {
      return .error("\"\(type.text)\" is no event type: letters, digits, \".\", \"_\" and \"-\", 1 to 128 of them")
    }
    if Hearing.isHostType(type) { return .error("types that begin with \"\(NameRule.hostPrefix)\" are the host's") }
    if event.depth >= EntryView.maximumDepth {
      return .error(
        "\(EntryView.maximumDepth) causes deep: the scripts go round in a circle: \(circle(event.type.text, type.text))")
    }
    data.truncate(to: 0)
    if arguments.count < 2 || arguments[1].isNone {
      data.append("{}" as StaticString)
    } else {
      do {
        try arguments[1].encodeJSON(name: "data", into: &data)
      } catch {
        return .error("emit(\"\(type.text)\", …): \(error.message)")
      }
    }
    if arguments.count < 3 || arguments[2].isNone { return add(type, event.subject, event, effects) }
    return emit(type, arguments[2], event, effects)
  }

  private func emit(
    _ type: UnsafeRawBufferPointer, _ options: LuaSlot, _ event: EntryView, _ effects: EntryBatch
  ) -> LuaReply {
    guard options.kind == .table else {
      return .error("emit's third argument is a table: emit(type, data, { subject = … })")
    }
    var unknown: String?
    _ = options.forEach { key, _ in
      if key.text != "subject" { unknown = key.shown }
      return unknown == nil
    }
    if let unknown {
      let near = NearestName.of(unknown, among: ["subject"]).map { ": did you mean \($0)?" } ?? ""
      return .error("emit has no option \"\(unknown)\"\(near)")
    }
    return options.withField("subject") { subject in
      if subject.isNone { return add(type, event.subject, event, effects) }
      guard let bytes = subject.string else { return .error("subject is a \(subject.kind.name); text is wanted") }
      guard NameRule.subject.allows(bytes), isUTF8(bytes) else {
        return .error("a subject is UTF-8 text without control characters, at most \(NameRule.maximumSubjectBytes) bytes")
      }
      return add(type, bytes, event, effects)
    }
  }

  private func isUTF8(_ bytes: UnsafeRawBufferPointer) -> Bool {
    bytes.allSatisfy { $0 < 0x80 } || String(validating: bytes, as: UTF8.self) != nil
  }

  private func add(
    _ type: UnsafeRawBufferPointer, _ subject: UnsafeRawBufferPointer, _ event: EntryView, _ effects: EntryBatch
  ) -> LuaReply {
    let bytes = effects.bytes.count - mark.bytes + EntryView.headerSize + type.count + subject.count + data.count
    if bytes > CallLimits.maximumEffectBytes {
      return .abort(
        kind: Interpreter.Abort.limit, message: "the effects of a call are at most \(CallLimits.maximumEffectBytes / 1024) KiB")
    }
    if effects.count - mark.entries >= CallLimits.maximumEffects {
      return .abort(
        kind: Interpreter.Abort.limit, message: "a call emits at most \(CallLimits.maximumEffects) events")
    }
    effects.begin(
      kind: .event, type: type, subject: subject, data: data.bytes, encoding: .json, cause: position,
      root: event.root == 0 ? position : event.root, depth: event.depth + 1)
    for attribute in event.attributes {
      switch attribute.known {
      case .traceparent, .tracestate, .correlationid: effects.addAttribute(attribute.known!, attribute.value)
      default: break
      }
    }
    effects.end()
    return .done
  }

  // MARK: log

  func log(_ level: LogLine.Level, _ arguments: borrowing LuaCall, word: String) -> LuaReply {
    guard phase == .handling else { return .error(Self.onlyInHandlers(word)) }
    var text = ""
    for index in 0..<arguments.count { text += (index == 0 ? "" : " ") + arguments[index].shown }
    if text.utf8.count > CallLimits.maximumLineBytes {
      text = String(decoding: text.utf8.prefix(CallLimits.maximumLineBytes), as: UTF8.self) + "…"
    }
    lineBytes += text.utf8.count
    if lines.count >= CallLimits.maximumLogLines || lineBytes > CallLimits.maximumLogBytes {
      return .abort(
        kind: Interpreter.Abort.limit,
        message: "a call logs at most \(CallLimits.maximumLogLines) lines and \(CallLimits.maximumLogBytes / 1024) KiB")
    }
    lines.append(LogLine(level: level, text: text))
    return .done
  }
}
