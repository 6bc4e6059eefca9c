package import Events
internal import LuaRuntime

extension ScriptWorker {
  /// Makes events of a request with the `event` function of a source. They have the source's name as `source` and the id
  /// that the function gives, so the same request again is the same events.
  package func receive(source: Int, _ request: IncomingRequest, into batch: EntryBatch) -> ReceiveOutcome {
    let (declaration, function) = (sources[source].declaration, sources[source].event)
    guard let function else { return .hostFault("source \"\(declaration.name)\" takes no requests") }
    if request.isJSON, let error = request.body.withUnsafeBytes({ JSONCheck.problem(of: $0) }) {
      return .malformed(error)
    }
    var head = ByteWriter(capacity: 1024)
    request.encode(into: &head)
    interpreter.call.beginReceiving()
    // Lua's own generator is there in a source too, and must not remember what came before.
    interpreter.state.seed(0, request.body.withUnsafeBytes { hash($0) })
    let mark = batch.mark
    var result: Result<Int, Mistake> = .success(0)
    let outcome = request.body.withUnsafeBytes { raw in
      let body: LuaArgument = raw.isEmpty ? .none : request.isJSON ? .json(raw) : .string(raw)
      return interpreter.state.call(receiving, [.ref(function), .json(head.bytes), body, .string(raw)]) { results in
        result = Result { () throws(Mistake) in
          try SourceEvents(source: declaration.name, decoder: decoder).add(results[0], to: batch)
        }
      }
    }
    interpreter.call.end()
    if case .host(let error) = outcome { return .hostFault(error.message) }
    if let failure = failure(outcome) { return .failed(failure.withoutPrelude) }
    switch result {
    case .success(let count): return .events(count)
    case .failure(let mistake):
      batch.truncate(to: mark)
      guard case .http(let place) = declaration.place else { return .hostFault(mistake.what) }
      return .failed(
        HandlerFailure(
          kind: .error, message: "\(declaration.file):\(place.line): \(mistake.what)", traceback: "", log: []))
    }
  }

  typealias Mistake = SourceEvents.Mistake
}

/// What an `event` function returned, on its way into a batch.
struct SourceEvents {
  /// Why it is no event, with the hint in a second line.
  struct Mistake: Error {
    let what: String
  }

  let source: String
  let decoder: CloudEventDecoder

  /// What the events of one request may have together.
  static let maximumBytes = 8 << 20

  /// How many events it is.
  func add(_ value: LuaSlot, to batch: EntryBatch) throws(Mistake) -> Int {
    if value.isNone || value.kind == .null { return 0 }
    guard value.kind == .table else {
      throw Mistake(what: "event returns nothing, an event or a list of events; this is \(BodyReader.article(value))")
    }
    guard value.isArray || value.length > 0 else {
      try add(event: value, "the event", to: batch)
      return 1
    }
    let start = batch.mark.bytes
    guard value.length <= CallLimits.maximumEffects else {
      throw Mistake(what: "event returns at most \(CallLimits.maximumEffects) events")
    }
    for index in 0..<value.length {
      let name = "event \(index + 1) of the list"
      let result = value.withElement(index + 1) { element in
        Result { () throws(Mistake) in try add(event: element, name, to: batch) }
      }
      try result.get()
      if batch.mark.bytes - start > Self.maximumBytes {
        throw Mistake(what: "the events of one request have at most \(Self.maximumBytes >> 20) MiB")
      }
    }
    return value.length
  }

  private func add(event: LuaSlot, _ name: String, to batch: EntryBatch) throws(Mistake) {
    guard event.kind == .table else {
      throw Mistake(what: "\(name) is \(BodyReader.article(event)); a table is wanted")
    }
    var document = ByteWriter(capacity: 512)
    document.append("{\"specversion\":\"1.0\",\"source\":" as StaticString)
    document.appendJSON(string: source)
    var mistake: Mistake?
    var hasID = false
    event.forEach { key, value in
      let result = Result { () throws(Mistake) in try add(key.shown, value, of: name, to: &document) }
      if case .failure(let error) = result { mistake = error }
      if key.shown == "id" { hasID = true }
      return mistake == nil
    }
    if let mistake { throw mistake }
    guard hasID else {
      throw Mistake(
        what: "\(name) has no id\n  write id = request.body.id: by it a request that comes again is known again")
    }
    if event.withField("data", { $0.isNone }) { document.append(",\"data\":{}" as StaticString) }
    document.append("}" as StaticString)
    do throws(CloudEventError) {
      try decoder.decode(document.bytes, into: batch)
    } catch {
      throw Mistake(what: "\(name): \(error.message)")
    }
  }

  private func add(
    _ key: String, _ value: LuaSlot, of name: String, to document: inout ByteWriter
  ) throws(Mistake) {
    func member(_ text: String) {
      document.append(",\"" as StaticString)
      document.append(key)
      document.append("\":" as StaticString)
      document.appendJSON(string: text)
    }
    switch key {
    case "type", "subject", "id": member(try text(value, key, of: name))
    case "time":
      guard let milliseconds = value.integer else { return member(try text(value, key, of: name)) }
      let (time, isTooLarge) = milliseconds.multipliedReportingOverflow(by: 1000)
      guard !isTooLarge, time >= 0, time < 253_402_300_800_000_000 else {
        throw Mistake(what: "\(name): time is \(milliseconds); milliseconds since 1970 are wanted")
      }
      document.append(",\"time\":\"" as StaticString)
      Timestamp.write(time, into: &document)
      document.append("\"" as StaticString)
    case "data":
      document.append(",\"data\":" as StaticString)
      do throws(LuaError) {
        try value.encodeJSON(name: "data", into: &document)
      } catch {
        throw Mistake(what: "\(name): \(error.message)")
      }
    default:
      let near = NearestName.of(key, among: Words.sourceEvent.keys.map(\.name)).map { "\n  did you mean \($0)?" }
      throw Mistake(
        what: "\(name) has no field \"\(key)\"" + (near ?? "\n  an event has type, subject, id, time and data"))
    }
  }

  private func text(_ value: LuaSlot, _ key: String, of name: String) throws(Mistake) -> String {
    if let integer = value.integer { return String(integer) }
    guard let bytes = value.string, bytes.isUTF8 else {
      throw Mistake(what: "\(name): \(key) is \(BodyReader.article(value)); text is wanted")
    }
    return bytes.text
  }
}
