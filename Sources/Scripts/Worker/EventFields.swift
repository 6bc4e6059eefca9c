internal import Events
internal import LuaRuntime

/// The event as handlers see it: a record whose fields are computed when they are first touched.
struct EventFields {
  private enum Place {
    static let type = 1, subject = 2, recorded = 5, position = 6, data = 7, cause = 9, key = 11
  }

  private static let names: [StaticString] = [
    "id", "type", "subject", "source", "time", "recorded", "position", "data", "ext", "cause", "correlation", "key",
  ]

  let shape: LuaShape
  private let fields: LuaFields
  /// Says that an event that is folded has no position yet.
  private let unplaced: LuaHosted

  /// What is seldom asked for is computed by functions that look at the call's event.
  init(_ state: borrowing LuaState, _ call: CallState, logName: [UInt8]) throws(LuaError) {
    shape = try state.registerShape(Self.names)
    fields = state.fields(of: shape)
    unplaced = try state.makeField { _ in Self.withoutPlace("position and recorded") }
    let id = try state.makeField { reply in
      if call.phase == .applying, call.event?.attributes[.id] == nil { return Self.withoutPlace("id") }
      if let id = call.event?.attributes[.id] { reply.add(.string(id)) } else { reply.add(String(call.position)) }
      return .done
    }
    let source = try state.makeField { reply in
      if let source = call.event?.attributes[.source] {
        reply.add(.string(source))
      } else {
        logName.withUnsafeBytes { reply.add(.string($0)) }
      }
      return .done
    }
    let time = try state.makeField { reply in
      let claimed = call.event?.attributes[.time].flatMap { Timestamp.microseconds($0) }
      if call.phase == .applying, claimed == nil { return Self.withoutPlace("time") }
      reply.add(.integer((claimed ?? call.recorded).milliseconds))
      return .done
    }
    let correlation = try state.makeField { reply in
      if let given = call.event?.attributes[.correlationid] {
        reply.add(.string(given))
      } else {
        let root = call.event.map { $0.rootHere(at: call.position) } ?? call.position
        reply.add(String(root))
      }
      return .done
    }
    let extensions = try state.makeField { reply in
      var writer = ByteWriter(capacity: 128)
      if let event = call.event { Self.writeExtensions(of: event, into: &writer) }
      reply.add(.json(writer.bytes))
      return .done
    }
    for (place, field) in [(0, id), (3, source), (4, time), (8, extensions), (10, correlation)] {
      fields.set(place, .hosted(field))
    }
  }

  /// For the call that follows. The bytes must live until it has ended.
  @inline(__always)
  func set(_ event: EntryView, _ position: Position, recorded: Int64, key: UnsafeRawBufferPointer) {
    fields.set(Place.type, .string(event.type))
    fields.set(Place.subject, text: event.subject)
    fields.set(Place.recorded, .integer(recorded.milliseconds))
    fields.set(Place.position, .integer(Int64(bitPattern: position.rawValue)))
    switch event.dataEncoding {
    case .json: fields.set(Place.data, .json(event.data))
    case .binary: fields.set(Place.data, .string(event.data))
    case .none: fields.set(Place.data, .none)
    }
    let hasCause = event.cause != 0 && !event.isForeign
    fields.set(Place.cause, hasCause ? .integer(Int64(bitPattern: event.cause)) : .none)
    fields.set(Place.key, text: key)
  }

  /// An aggregate folds what it emits before that has a place in the log; so it never sees one, to be the same later.
  func hidePlace() {
    fields.set(Place.recorded, .hosted(unplaced))
    fields.set(Place.position, .hosted(unplaced))
  }

  private static func withoutPlace(_ what: String) -> LuaReply {
    .error(
      "an aggregate changes its state before the event has \(what)\n"
        + "  put what is needed into the data: emit(\"Withdrawn\", { amount = 1, at = now() })")
  }

  /// Other data than the event's own, for the call that follows `set`. The bytes must live until it has ended.
  func setData(json: UnsafeRawBufferPointer) { fields.set(Place.data, .json(json)) }

  /// An event as JSON, with the fields that scripts see. `data`: other data than its own.
  static func writeJSON(
    of heard: HeardEvent, key: UnsafeRawBufferPointer, logName: [UInt8], data: UnsafeRawBufferPointer?,
    into writer: inout ByteWriter
  ) {
    let event = heard.event
    func text(_ name: StaticString, _ text: UnsafeRawBufferPointer) {
      writer.append(name)
      writer.appendJSON(string: text)
    }
    text("{\"type\":", event.type)
    if !event.subject.isEmpty { text(",\"subject\":", event.subject) }
    if let id = event.attributes[.id] {
      text(",\"id\":", id)
    } else {
      writer.append(",\"id\":\"\(heard.position.rawValue)\"")
    }
    if let source = event.attributes[.source] {
      text(",\"source\":", source)
    } else {
      logName.withUnsafeBytes { text(",\"source\":", $0) }
    }
    let time = event.attributes[.time].flatMap { Timestamp.microseconds($0) } ?? heard.recorded
    writer.append(
      ",\"time\":\(time.milliseconds),\"recorded\":\(heard.recorded.milliseconds),\"position\":\(heard.position.rawValue)"
    )
    if event.cause != 0, !event.isForeign { writer.append(",\"cause\":\(event.cause)") }
    if let correlation = event.attributes[.correlationid] {
      text(",\"correlation\":", correlation)
    } else {
      writer.append(",\"correlation\":\"\(event.rootHere(at: heard.position.rawValue))\"")
    }
    if !key.isEmpty { text(",\"key\":", key) }
    writer.append(",\"ext\":")
    writeExtensions(of: event, into: &writer)
    writer.append(",\"data\":")
    writeData(of: event, data, into: &writer)
    writer.append("}")
  }

  /// The data of an event as JSON, or `other` in their place: bytes of another content type as a text, nothing as null.
  static func writeData(of event: EntryView, _ other: UnsafeRawBufferPointer?, into writer: inout ByteWriter) {
    if let other { return writer.append(other) }
    switch event.dataEncoding {
    case .json: writer.append(event.data)
    case .binary: writer.appendJSON(string: event.data)
    case .none: writer.append("null")
    }
  }

  /// Every attribute that has no field of its own and is not the host's, as a JSON object.
  static func writeExtensions(of event: EntryView, into writer: inout ByteWriter) {
    writer.append(UInt8(ascii: "{"))
    var isFirst = true
    for attribute in event.attributes {
      switch attribute.known {
      case .id?, .source?, .time?, .correlationid?, .causelog?, .keyid?: continue
      case .due?, .timerreader?, .timerkey?, .timerid?, .sender?, .about?, .headers?, .request?: continue
      case .datacontenttype?, .dataschema?, .traceparent?, .tracestate?, .reply?, nil: break
      }
      if !isFirst { writer.append(UInt8(ascii: ",")) }
      isFirst = false
      writer.appendJSON(string: attribute.name)
      writer.append(UInt8(ascii: ":"))
      switch attribute.valueType {
      case .boolean: writer.append(attribute.boolean == true ? "true" : "false")
      case .integer: writer.append(String(attribute.integer ?? 0))
      case .string, .bytes: writer.appendJSON(string: attribute.value)
      }
    }
    writer.append(UInt8(ascii: "}"))
  }
}
