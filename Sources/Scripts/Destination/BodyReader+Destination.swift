internal import Events
internal import LuaRuntime

/// The body of a `destination`: where its messages go, how they look there, and how attempts that fail are made again.
extension BodyReader {
  static let placeHint = "write http = env \"WAREHOUSE_URL\", nats = …, postgres = … or file = \"name.ndjson\""

  /// What was read of it so far.
  struct DestinationParts {
    var place: (key: String, text: Template)?
    var file: String?
    var subject: Template?
    var table: String?
    var isStream = false
    var method = "POST"
    var headers: [DestinationDeclaration.Header] = []
    var sign: Template?
    var body = DestinationDeclaration.Body.own
    var timeout: Int64 = 10_000_000
    var concurrency: Int?
    var each: String?
    /// The keys that it has: what does not go with its place is an error.
    var keys: [String] = []
  }

  mutating func readDestination(_ name: String, _ value: LuaSlot, _ parts: inout Parts) {
    if Words.destination[name] != nil { parts.destination.keys.append(name) }
    switch name {
    case "http", "nats", "postgres", "file": readPlace(name, value, &parts.destination)
    case "subject": parts.destination.subject = readTemplate(name, value)
    case "table": readTable(value, &parts.destination)
    case "stream":
      guard let isStream = value.boolean else {
        return fail([name], "stream is \(Self.article(value)); true or false is wanted", "write stream = true")
      }
      parts.destination.isStream = isStream
    case "method": readMethod(value, &parts.destination)
    case "headers": readHeaders(value, &parts.destination)
    case "sign":
      guard let secret = readTemplate(name, value) else { return }
      guard secret.isEnvironment else { return failLiteralSecret([name], "sign = env \"WAREHOUSE_SECRET\"") }
      parts.destination.sign = secret
    case "body":
      guard let body = value.text.flatMap(DestinationDeclaration.Body.init(rawValue:)) else {
        return fail(
          [name], "body is \(value.kind == .string ? "\"\(value.shown)\"" : Self.article(value))",
          "write body = \"json\" (what the script gives) or body = \"cloudevent\"")
      }
      parts.destination.body = body
    case "timeout":
      guard let span = value.text.flatMap({ Span.microseconds($0) }), (1000...3_600_000_000).contains(span) else {
        return fail([name], "timeout is \(value.shown); a span up to \"1h\" is wanted", "write timeout = \"10s\"")
      }
      parts.destination.timeout = span
    case "concurrency":
      guard let count = value.integer, (1...1000).contains(count) else {
        return fail([name], "concurrency is \(value.shown); a whole number from 1 to 1000 is wanted")
      }
      parts.destination.concurrency = Int(count)
    case "each":
      guard let projection = value.text else {
        return fail([name], "each is \(Self.article(value)); the name of a projection is wanted")
      }
      parts.destination.each = projection
    case "retry": readRetry(value, &parts)
    case "exhausted": readExhausted(value, &parts)
    default: failUnknownOfDestination(name)
    }
  }

  private mutating func failUnknownOfDestination(_ name: String) {
    let hint: String? =
      switch name {
      case "url", "https", "webhook": "write http = env \"WAREHOUSE_URL\""
      case "secret": "write sign = env \"WAREHOUSE_SECRET\""
      case "on", "key", "from", "state":
        "a destination hears what scripts publish to it: publish(\"\(declared.name)\", …) in a handler"
      default: NearestName.of(name, among: Words.destination.keys.map(\.name)).map { "did you mean \($0)?" }
      }
    fail([name], "\(title) has no key \"\(name)\"", hint)
  }

  /// The whole of it; nil when there are errors.
  mutating func finishDestination(_ parts: DestinationParts) -> DestinationDeclaration? {
    guard let (kind, text) = parts.place ?? parts.file.map({ ("file", Template([.text($0)])) }) else {
      if errors.isEmpty { fail([], "\(title) says no place", Self.placeHint) }
      return nil
    }
    let own: [String: [String]] = [
      "http": ["http", "method", "headers", "sign", "each"], "nats": ["nats", "subject", "stream"],
      "postgres": ["postgres", "table"], "file": ["file"],
    ]
    let shared = ["body", "timeout", "concurrency", "retry", "exhausted"]
    for key in parts.keys where !(own[kind]! + shared).contains(key) {
      fail([key], "\(key) does not go with \(kind)", "\(kind) takes \(own[kind]!.dropFirst().joined(separator: ", "))")
    }
    let place: DestinationDeclaration.Place
    switch kind {
    case "http":
      checkAddress(text, parts)
      place = .http(.init(url: text, method: parts.method, headers: parts.headers, sign: parts.sign))
    case "nats":
      guard let subject = parts.subject else {
        fail([kind], "\(title) has no subject", "write subject = \"orders.{type}\"")
        return nil
      }
      checkAddress(text, parts)
      place = .nats(.init(url: text, subject: subject, isStream: parts.isStream))
    case "postgres":
      guard let table = parts.table else {
        fail([kind], "\(title) has no table", "write table = \"inbox\"")
        return nil
      }
      checkAddress(text, parts)
      place = .postgres(.init(connection: text, table: table))
    default: place = .file(parts.file ?? "")
    }
    let usual = ["http": 16, "nats": 128, "postgres": 128, "file": 256]
    return errors.isEmpty
      ? DestinationDeclaration(
        place: place, body: parts.body, timeout: parts.timeout, concurrency: parts.concurrency ?? usual[kind]!,
        each: parts.each) : nil
  }

  // MARK: places

  private mutating func readPlace(_ name: String, _ value: LuaSlot, _ parts: inout DestinationParts) {
    if let other = parts.place?.key ?? parts.file.map({ _ in "file" }) {
      return fail([name], "\(title) has two places: \(other) and \(name)", "a message goes to one place; declare two")
    }
    guard name == "file" else {
      parts.place = readTemplate(name, value).map { (name, $0) }
      return
    }
    guard let file = value.text, !file.isEmpty, file.utf8.count <= 128, !file.hasPrefix("."),
      NameRule.declaration.allows(file), !file.contains("/"), !file.contains("\\")
    else {
      return fail(
        [name], "file is \(value.shown); the name of a file without a folder is wanted",
        "write file = \"orders.ndjson\": it is made in the data folder, in outbox/")
    }
    parts.file = file
  }

  /// A secret that is written out, and an address that only a document could give.
  private mutating func checkAddress(_ text: Template, _ parts: DestinationParts) {
    let key = parts.place?.key ?? "http"
    if text.hasLiteralPassword { failLiteralSecret([key], "\(key) = env \"\(key.uppercased())_URL\"") }
    if key == "http", parts.each == nil, let field = text.documentFields.first {
      fail(
        [key], "\"{\(field.joined(separator: "."))}\" is no field of a message",
        "a message has {\(Template.messageFields.joined(separator: "}, {"))} and {body.…}; other fields are those of a "
          + "document: write each = \"projection\"")
    }
    if key == "http", case .text(let start)? = text.parts.first, !start.hasPrefix("http://"),
      !start.hasPrefix("https://")
    {
      fail([key], "http is \"\(text)\"; a URL is wanted", "write http = \"https://…\" or http = env \"WAREHOUSE_URL\"")
    }
  }

  private mutating func readTable(_ value: LuaSlot, _ parts: inout DestinationParts) {
    guard let table = value.text, TableName.isGood(table) else {
      return fail(["table"], "table is \(value.shown); a table's name is wanted", TableName.hint)
    }
    parts.table = table
  }

  private mutating func readMethod(_ value: LuaSlot, _ parts: inout DestinationParts) {
    guard let method = value.text, ["POST", "PUT", "PATCH", "DELETE"].contains(method) else {
      return fail(["method"], "method is \(value.shown)", "write method = \"POST\", \"PUT\", \"PATCH\" or \"DELETE\"")
    }
    parts.method = method
  }

  // MARK: headers and templates

  private mutating func readHeaders(_ value: LuaSlot, _ parts: inout DestinationParts) {
    guard value.kind == .table else {
      return fail(
        ["headers"], "headers is \(Self.article(value)); a table is wanted",
        "write headers = { authorization = \"Bearer {env:TOKEN}\" }")
    }
    value.forEach { key, value in
      guard let name = key.text, HeaderRule.isName(name) else {
        fail(["headers"], "\"\(key.shown)\" is no name of a header")
        return true
      }
      if HeaderRule.isReserved(name) {
        fail(["headers", name], "\(name) is set by the host")
        return true
      }
      guard let template = readTemplate("headers.\(name)", value, path: ["headers", name]) else { return true }
      let hasSecret = template.parts.contains { if case .environment = $0 { true } else { false } }
      if HeaderRule.isSecret(name), !hasSecret {
        failLiteralSecret(["headers", name], "\(name) = \"Bearer {env:TOKEN}\"")
      }
      parts.headers.append(.init(name: name, value: template))
      return true
    }
  }

  private mutating func readTemplate(_ name: String, _ value: LuaSlot, path: [String]? = nil) -> Template? {
    guard let text = value.text, !text.isEmpty else {
      fail(path ?? [name], "\(name) is \(Self.article(value)); text is wanted")
      return nil
    }
    do throws(Template.Mistake) {
      return try Template(parsing: text)
    } catch {
      fail(path ?? [name], "\(name): \(error)", "a brace that stands for itself is written twice: {{")
      return nil
    }
  }

  private mutating func failLiteralSecret(_ path: [String], _ example: String) {
    fail(
      path, "\(path.joined(separator: ".")) is a secret that is written out",
      "secrets come from the daemon's environment: write \(example)")
  }
}

/// What is known of headers by their names.
package enum HeaderRule {
  /// A token of RFC 9110, at most 128 bytes.
  package static func isName(_ name: String) -> Bool {
    (1...128).contains(name.utf8.count)
      && name.utf8.allSatisfy { byte in
        NameRule.isTypeByte(byte) || "!#$%&'*+^`|~".utf8.contains(byte)
      }
  }

  /// Headers that say how the message is sent or which it is: the host sets them, scripts do not.
  package static func isReserved(_ name: String) -> Bool {
    let name = name.lowercased()
    return [
      "host", "content-length", "transfer-encoding", "connection", "idempotency-key", "expect", "te", "trailer",
      "upgrade", "nats-msg-id",
    ].contains(name) || name.hasPrefix("webhook-")
  }

  /// Headers that usually carry a secret.
  static func isSecret(_ name: String) -> Bool {
    let name = name.lowercased()
    return ["authorization", "cookie", "token", "secret", "password", "api-key", "apikey"].contains {
      name.contains($0)
    }
  }
}
