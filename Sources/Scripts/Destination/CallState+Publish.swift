internal import Events
internal import LuaRuntime

/// `publish` and `request`: messages on their way out.
extension CallState {
  func publish(_ arguments: borrowing LuaCall) -> LuaReply {
    guard makesEffects, let event else { return misplaced("publish") }
    let (name, destination): (UnsafeRawBufferPointer, DestinationDeclaration)
    switch self.destination(arguments[0], word: "publish") {
    case .found(let foundName, let found): (name, destination) = (foundName, found)
    case .refused(let reply): return reply
    }
    if let reply = encode(arguments[1], "body", of: "publish(\"\(name.text)\")") { return reply }
    var message = MessageOptions()
    if let reply = read(arguments[2], "publish", Words.publishOptions, { self.set($0, $1, &message) }) { return reply }
    return add(message, to: name, destination, event)
  }

  func request(_ arguments: borrowing LuaCall) -> LuaReply {
    guard makesEffects, let event else { return misplaced("request") }
    let (name, destination): (UnsafeRawBufferPointer, DestinationDeclaration)
    switch self.destination(arguments[0], word: "request") {
    case .found(let foundName, let found): (name, destination) = (foundName, found)
    case .refused(let reply): return reply
    }
    guard case .http = destination.place else {
      return .error(
        "request(\"\(name.text)\"): only a destination with http answers\n  write publish(\"\(name.text)\", …)")
    }
    var message = MessageOptions()
    message.request = RequestOptions()
    let what = arguments[1]
    if !what.isNone, let reply = read(what, "request", Words.request, { self.set($0, $1, request: &message) }) {
      return reply
    }
    if let reply = encodeBody(of: what, &message, name) { return reply }
    if let reply = read(arguments[2], "request", Words.requestOptions, { self.set($0, $1, &message) }) { return reply }
    if message.reply == nil, phase == .running {
      if let reply = refuseWait("request", arguments) { return reply }
      message.reply = replyAddress
      let reply = add(message, to: name, destination, event)
      guard case .done = reply else { return reply }
      return wait(for: .answer)
    }
    guard message.reply != nil else {
      return .error(
        "a consumer cannot wait for an answer\n"
          + "  write request(\"\(name.text)\", { … }, { reply = \"PaymentAnswered\" }): the answer is an event of that type"
      )
    }
    return add(message, to: name, destination, event)
  }

  private enum Found {
    case found(UnsafeRawBufferPointer, DestinationDeclaration)
    case refused(LuaReply)
  }

  private func destination(_ value: LuaSlot, word: String) -> Found {
    guard let name = value.string else {
      return .refused(
        .error("\(word) wants a destination first: \(word)(\"warehouse\", { … }); this is \(BodyReader.article(value))")
      )
    }
    if let found = destinations[name] { return .found(name, found) }
    let hint = destinations.near(name.text).map { "did you mean \"\($0)\"?" }
    return .refused(
      .error(
        "there is no destination \"\(name.text)\"\n  "
          + (hint ?? "write destination \"\(name.text)\" { http = env \"…\" } in a file")))
  }

  // MARK: options

  /// What a script says of one message.
  struct MessageOptions {
    var key: [UInt8]?
    var target: [UInt8]?
    /// A JSON object.
    var headers: [UInt8]?
    var reply: [UInt8]?
    var request: RequestOptions?
  }

  struct RequestOptions {
    var method: String?
    var path: String?
    /// A JSON object.
    var query: [UInt8]?
    var isForm = false
    var idempotencyKey: String?
    /// µs.
    var within: Int64?
  }

  /// Reads a table of options; nil when all is well. `set` gives what is wrong with a value.
  private func read(
    _ options: LuaSlot, _ word: String, _ shape: Shape, _ set: (_ name: String, _ value: LuaSlot) -> String?
  ) -> LuaReply? {
    if options.isNone { return nil }
    guard options.kind == .table else {
      return .error("\(word)'s options are \(BodyReader.article(options)); a table is wanted")
    }
    var problem: String?
    options.forEach { key, value in
      let name = key.shown
      if key.kind == .string, shape[name] != nil {
        problem = set(name, value).map { "\(word): \(name) is \(value.shown); \($0)" }
      } else {
        let near = NearestName.of(name, among: shape.keys.map(\.name)).map { ": did you mean \($0)?" } ?? ""
        problem = "\(word) has no option \"\(name)\"\(near)"
      }
      return problem == nil
    }
    return problem.map { .error($0) }
  }

  private func set(_ name: String, _ value: LuaSlot, _ message: inout MessageOptions) -> String? {
    switch name {
    case "key", "to":
      let text = value.integer.map { Array(String($0).utf8) } ?? value.string.map { Array($0) }
      guard let text, !text.isEmpty, text.withUnsafeBytes({ NameRule.subject.allows($0) && $0.isUTF8 }) else {
        return "1 to \(NameRule.maximumSubjectBytes) bytes of UTF-8 text without control characters are wanted"
      }
      if name == "key" { message.key = text } else { message.target = text }
    case "headers":
      let headers = texts(value, checked: { HeaderRule.isName($0) && !HeaderRule.isReserved($0) })
      return object(of: headers, &message.headers)
    case "reply":
      guard let type = value.string, NameRule.type.allows(type), !NameRule.isHostType(type) else {
        return "an event type is wanted: letters, digits, \".\", \"_\" and \"-\""
      }
      message.reply = Array(type)
    default: break
    }
    return nil
  }

  private func set(_ name: String, _ value: LuaSlot, request message: inout MessageOptions) -> String? {
    var request = message.request ?? RequestOptions()
    defer { message.request = request }
    switch name {
    case "method":
      guard let method = value.text, ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"].contains(method) else {
        return "\"GET\", \"POST\", \"PUT\", \"PATCH\", \"DELETE\" or \"HEAD\" is wanted"
      }
      request.method = method
    case "path":
      guard let path = value.text, path.hasPrefix("/"), path.utf8.count <= 2048,
        path.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F })
      else { return "a path that begins with \"/\" is wanted" }
      request.path = path
    case "query": return object(of: texts(value, checked: { !$0.isEmpty }), &request.query)
    case "key":
      guard let key = value.text, HeaderRule.isValue(key) else { return "text is wanted, at most 256 bytes" }
      request.idempotencyKey = key
    case "within":
      guard let span = value.text.flatMap({ Span.microseconds($0) }) else { return "a span is wanted: \"30s\"" }
      request.within = span
    case "to": return set(name, value, &message)
    case "headers": return set(name, value, &message)
    default: break
    }
    return nil
  }

  /// A table of texts and numbers as a JSON object, in the fixed order; nil when it is something else.
  private func texts(_ value: LuaSlot, checked isName: (String) -> Bool) -> [UInt8]? {
    guard value.kind == .table else { return nil }
    var isGood = true
    var writer = ByteWriter(capacity: 128)
    writer.append(UInt8(ascii: "{"))
    value.forEach { key, value in
      guard let name = key.text, key.kind == .string, isName(name),
        [.string, .integer, .number, .boolean].contains(value.kind)
      else {
        isGood = false
        return false
      }
      let text = value.text ?? value.shown
      guard HeaderRule.isValue(text) else {
        isGood = false
        return false
      }
      if writer.count > 1 { writer.append(UInt8(ascii: ",")) }
      writer.appendJSON(string: name)
      writer.append(UInt8(ascii: ":"))
      writer.appendJSON(string: text)
      return true
    }
    writer.append(UInt8(ascii: "}"))
    return isGood ? Array(writer.bytes) : nil
  }

  private func object(of bytes: [UInt8]?, _ place: inout [UInt8]?) -> String? {
    guard let bytes else { return "a table of names and texts without line ends is wanted" }
    place = bytes
    return nil
  }

  // MARK: bodies

  private func encodeBody(
    of what: LuaSlot, _ message: inout MessageOptions, _ name: UnsafeRawBufferPointer
  ) -> LuaReply? {
    scratch.truncate(to: 0)
    if what.isNone { return nil }
    let call = "request(\"\(name.text)\")"
    let hasForm = what.withField("form") { !$0.isNone }
    let hasBody = what.withField("body") { !$0.isNone }
    if hasForm, hasBody { return .error("\(call): it has a body and a form; one of them is wanted") }
    if hasBody { return what.withField("body") { encode($0, "body", of: call) } }
    guard hasForm else { return nil }
    message.request?.isForm = true
    var form: [UInt8]?
    if what.withField("form", { object(of: texts($0, checked: { !$0.isEmpty }), &form) }) != nil {
      return .error("\(call): form is a table of names and texts")
    }
    form?.withUnsafeBytes { scratch.append($0) }
    return nil
  }

  // MARK: the effect

  private func add(
    _ message: MessageOptions, to name: UnsafeRawBufferPointer, _ destination: DestinationDeclaration,
    _ event: EntryView
  ) -> LuaReply {
    let call = "\(message.request == nil ? "publish" : "request")(\"\(name.text)\")"
    if let projection = destination.each, message.target == nil {
      return .error(
        "\(call): it has a target for each document of \"\(projection)\"\n  write { to = key } to say which")
    }
    if destination.each == nil, message.target != nil {
      return .error("\(call): it has one target only: leave to out\n  key = … says what is kept in order")
    }
    if event.depth >= EntryView.maximumDepth { return tooDeep(name, event) }
    guard let effects else { return misplaced("publish") }
    return effects._withUnsafeGuaranteedRef { effects in
      if effects.count - mark.entries >= CallLimits.maximumEffects {
        return limit("a call makes at most \(CallLimits.maximumEffects) events, commands and messages")
      }
      let key = message.target ?? message.key ?? Array(event.subject)
      key.withUnsafeBytes { key in
        effects.begin(
          kind: .message, type: name, subject: key, data: scratch.bytes, encoding: scratch.count == 0 ? .none : .json,
          cause: position, root: event.rootHere(at: origin), depth: event.depth + 1)
      }
      effects.inheritAttributes(of: event)
      if !event.subject.isEmpty { effects.addAttribute(.sender, event.subject) }
      effects.addAttribute(.about, event.type)
      message.headers?.withUnsafeBytes { effects.addAttribute(.headers, $0) }
      message.reply?.withUnsafeBytes { effects.addAttribute(.reply, $0) }
      if let request = message.request { add(request, to: effects) }
      effects.end()
      return checkSize(of: effects)
    }
  }

  private func add(_ request: RequestOptions, to effects: EntryBatch) {
    var writer = ByteWriter(capacity: 128)
    func member(_ name: StaticString) {
      writer.append(UInt8(ascii: writer.count == 0 ? "{" : ","))
      writer.append(UInt8(ascii: "\""))
      writer.append(name)
      writer.append("\":" as StaticString)
    }
    func member(_ name: StaticString, _ text: String?) {
      guard let text else { return }
      member(name)
      writer.appendJSON(string: text)
    }
    member("method", request.method)
    member("path", request.path)
    if let query = request.query {
      member("query")
      writer.append(query)
    }
    if request.isForm {
      member("form")
      writer.append("true" as StaticString)
    }
    member("key", request.idempotencyKey)
    if writer.count == 0 { writer.append(UInt8(ascii: "{")) }
    writer.append(UInt8(ascii: "}"))
    effects.addAttribute(.request, writer.bytes)
    if let within = request.within {
      withUnsafeBytes(of: (now + within).littleEndian) { effects.addAttribute(.due, $0, as: .integer) }
    }
  }
}

extension HeaderRule {
  /// Text without control characters, at most 256 bytes long where it is a key, 8 KiB otherwise.
  static func isValue(_ text: String) -> Bool {
    text.utf8.count <= 8192 && text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
  }
}
