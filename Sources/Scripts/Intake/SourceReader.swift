internal import Events
internal import LuaRuntime

/// A source with its function.
struct LoadedSource {
  let declaration: SourceDeclaration
  /// What makes events of requests; nil: rows are events already.
  let event: LuaRef?
}

/// Turns the body of a `source` into a declaration, or says what is wrong with it and where.
struct SourceReader: DeclarationReader {
  let declared: LoadRun.Declared
  let interpreter: Interpreter
  let outline: SourceOutline?
  var errors: [LoadError] = []

  init(declared: LoadRun.Declared, interpreter: Interpreter, outline: SourceOutline?) {
    (self.declared, self.interpreter, self.outline) = (declared, interpreter, outline)
  }

  private struct Parts {
    var path: String?
    /// Whether `verify` was there, good or not.
    var hasVerify = false
    var verification: Verification?
    var event: LuaRef?
    var eventLine: Int?
    var connection: Template?
    var table: String?
    var every: Int64 = 1_000_000
    var batch = 500
    var removal = SourceDeclaration.TablePlace.Removal.delete
    var columns: [String: String] = [:]
    /// The keys that it has: what does not go with its place is an error.
    var keys: [String] = []
  }

  private static let placeHint = "write http = \"psp\" (requests to /in/psp) or postgres = env \"SHOP_DB\""
  private static let verifyHint =
    "write verify = { scheme = \"standard-webhooks\", secret = env \"PSP_HOOK\" }; verify = false takes whatever comes"
  private static let eventHint =
    "write event = function(request) return { type = …, subject = …, id = …, data = … } end"

  /// Nil when there are errors.
  mutating func read() -> LoadedSource? {
    var parts = Parts()
    guard readBody(entryHint: Self.placeHint, { $0.read($1, $2, &parts) }) else { return nil }
    guard let place = finish(parts), errors.isEmpty else { return nil }
    return LoadedSource(
      declaration: SourceDeclaration(name: declared.name, file: declared.file, line: declared.line, place: place),
      event: parts.event)
  }

  private mutating func read(_ name: String, _ value: LuaSlot, _ parts: inout Parts) {
    if Words.source[name] != nil { parts.keys.append(name) }
    switch name {
    case "http":
      guard let path = value.text, NameRule.type.allows(path) else {
        return fail(
          [name], "http is \(Self.quoted(value)); the last part of an address is wanted",
          "write http = \"psp\": requests come to /in/psp")
      }
      parts.path = path
    case "verify": readVerify(value, &parts)
    case "event":
      guard value.kind == .function, let event = value.hold() else {
        return fail([name], "event is \(BodyReader.article(value)); a function is wanted", Self.eventHint)
      }
      (parts.event, parts.eventLine) = (event, value.source?.line)
    case "postgres": parts.connection = readConnection(value)
    case "table":
      guard let table = value.text, TableName.isGood(table) else {
        return fail([name], "table is \(value.shown); a table's name is wanted", TableName.hint)
      }
      parts.table = table
    case "every":
      guard let span = value.text.flatMap({ Span.microseconds($0) }), (10_000...3_600_000_000).contains(span) else {
        return fail([name], "every is \(value.shown); a span from \"10ms\" to \"1h\" is wanted", "write every = \"1s\"")
      }
      parts.every = span
    case "batch":
      guard let count = value.integer, (1...10_000).contains(count) else {
        return fail([name], "batch is \(value.shown); a whole number from 1 to 10000 is wanted")
      }
      parts.batch = Int(count)
    case "done":
      guard let removal = value.text.flatMap(SourceDeclaration.TablePlace.Removal.init(rawValue:)) else {
        return fail([name], "done is \(Self.quoted(value))", "write done = \"delete\" or done = \"mark\"")
      }
      parts.removal = removal
    case "columns": readColumns(value, &parts)
    default: failUnknown(name)
    }
  }

  private mutating func failUnknown(_ name: String) {
    let hint: String? =
      switch name {
      case "url", "path", "webhook": "write http = \"psp\": requests come to /in/psp"
      case "secret", "sign", "token": Self.verifyHint
      case "on", "handler", "body": Self.eventHint
      case "query", "sql": "write table = \"outbox\": its rows are events"
      default: NearestName.of(name, among: Words.source.keys.map(\.name)).map { "did you mean \($0)?" }
      }
    fail([name], "\(title) has no key \"\(name)\"", hint)
  }

  private mutating func finish(_ parts: Parts) -> SourceDeclaration.Place? {
    let own: [String: [String]] = [
      "http": ["verify", "event"], "postgres": ["table", "every", "batch", "done", "columns"],
    ]
    let places = ["http", "postgres"].filter(parts.keys.contains)
    guard let kind = places.first else {
      if errors.isEmpty { fail([], "\(title) says no place", Self.placeHint) }
      return nil
    }
    if places.count > 1 {
      fail([places[1]], "\(title) has two places: http and postgres", "events come in one way; declare two sources")
      return nil
    }
    for key in parts.keys where key != kind && !own[kind]!.contains(key) {
      fail([key], "\(key) does not go with \(kind)", "\(kind) takes \(own[kind]!.joined(separator: ", "))")
    }
    return kind == "http" ? finishCallback(parts) : finishTable(parts)
  }

  private mutating func finishCallback(_ parts: Parts) -> SourceDeclaration.Place? {
    if !parts.hasVerify {
      fail(["http"], "\(title) does not say how requests are verified", Self.verifyHint)
    }
    if parts.event == nil, !parts.keys.contains("event") {
      fail(["http"], "\(title) does not say which events requests are", Self.eventHint)
    }
    return parts.path.map {
      .http(.init(path: $0, verification: parts.verification, line: parts.eventLine ?? declared.line))
    }
  }

  private mutating func finishTable(_ parts: Parts) -> SourceDeclaration.Place? {
    if parts.table == nil, !parts.keys.contains("table") {
      fail(["postgres"], "\(title) has no table", "write table = \"outbox\"")
    }
    guard let connection = parts.connection, let table = parts.table else { return nil }
    return .postgres(
      .init(
        connection: connection, table: table, every: parts.every, batch: parts.batch, removal: parts.removal,
        columns: parts.columns))
  }

  // MARK: verify

  private mutating func readVerify(_ value: LuaSlot, _ parts: inout Parts) {
    parts.hasVerify = true
    if value.boolean == false { return }
    guard value.kind == .table else {
      return fail(["verify"], "verify is \(BodyReader.article(value)); a table or false is wanted", Self.verifyHint)
    }
    var fields: [String: String] = [:]
    var secrets: [Template] = []
    value.forEach { key, value in
      let name = key.shown
      guard Words.verify[name] != nil else {
        let near = NearestName.of(name, among: Words.verify.keys.map(\.name)).map { "did you mean \($0)?" }
        fail(["verify", name], "verify has no key \"\(name)\"", near)
        return true
      }
      if name == "secret" {
        secrets = readSecrets(value)
      } else if let text = value.text {
        fields[name] = text
      } else {
        fail(["verify", name], "verify.\(name) is \(BodyReader.article(value)); text is wanted")
      }
      return true
    }
    guard errors.isEmpty else { return }
    if secrets.isEmpty { return fail(["verify"], "verify has no secret", "write secret = env \"PSP_HOOK\"") }
    parts.verification = verification(fields, secrets)
  }

  /// One, or a list of several of which each is enough.
  private mutating func readSecrets(_ value: LuaSlot) -> [Template] {
    var secrets: [Template] = []
    func read(_ value: LuaSlot) -> Bool {
      guard let text = value.text, let template = try? Template(parsing: text), template.isEnvironment else {
        return false
      }
      secrets.append(template)
      return true
    }
    var isGood = true
    if value.kind == .table {
      value.forEach { key, value in
        isGood = key.integer != nil && read(value)
        return isGood
      }
    } else {
      isGood = read(value)
    }
    if !isGood {
      let what =
        value.kind == .string || value.kind == .table
        ? "a secret that is written out" : BodyReader.article(value)
      fail(
        ["verify", "secret"], "verify.secret is \(what)",
        "secrets come from the daemon's environment: write secret = env \"PSP_HOOK\"")
    }
    return isGood ? secrets : []
  }

  private static let schemes = ["standard-webhooks", "hmac", "token"]

  private mutating func verification(_ fields: [String: String], _ secrets: [Template]) -> Verification? {
    let scheme = fields["scheme"] ?? ""
    guard Self.schemes.contains(scheme) else {
      let near = NearestName.of(scheme, among: Self.schemes).map { "did you mean \"\($0)\"?" }
      let what = fields["scheme"].map { "verify.scheme is \"\($0)\", which is none" } ?? "verify has no scheme"
      fail(
        fields["scheme"] == nil ? ["verify"] : ["verify", "scheme"], what,
        near ?? "the schemes are \(Self.schemes.map { "\"\($0)\"" }.joined(separator: ", "))")
      return nil
    }
    let taken: Set = scheme == "hmac" ? ["header", "algorithm", "prefix", "encoding"] : ["header", "prefix"]
    for name in fields.keys.sorted() where name != "scheme" {
      if scheme == "standard-webhooks" || !taken.contains(name) {
        fail(["verify", name], "verify.\(name) does not go with \"\(scheme)\"", "leave \(name) out")
      }
    }
    if scheme == "standard-webhooks" { return .standardWebhooks(secrets: secrets) }
    guard let header = fields["header"], HeaderRule.isName(header) else {
      fail(
        fields["header"] == nil ? ["verify"] : ["verify", "header"],
        fields["header"].map { "verify.header is \"\($0)\", which is no name of a header" } ?? "verify has no header",
        "write header = \"\(scheme == "hmac" ? "x-hub-signature-256" : "x-gitlab-token")\"")
      return nil
    }
    let prefix = fields["prefix"] ?? ""
    if scheme == "token" { return .token(header: header.lowercased(), prefix: prefix, secrets: secrets) }
    guard let algorithm = choice("algorithm", fields, Verification.MAC.Algorithm.sha256),
      let encoding = choice("encoding", fields, Verification.MAC.Encoding.hex)
    else { return nil }
    return .mac(
      .init(header: header.lowercased(), algorithm: algorithm, prefix: prefix, encoding: encoding), secrets: secrets)
  }

  /// One of an enumeration's names; `usual` when nothing is said.
  private mutating func choice<Choice: RawRepresentable<String> & CaseIterable>(
    _ name: String, _ fields: [String: String], _ usual: Choice
  ) -> Choice? {
    guard let text = fields[name] else { return usual }
    if let choice = Choice(rawValue: text) { return choice }
    let names = Choice.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: " or ")
    fail(["verify", name], "verify.\(name) is \"\(text)\"", "write \(name) = \(names)")
    return nil
  }

  // MARK: tables

  private mutating func readConnection(_ value: LuaSlot) -> Template? {
    guard let text = value.text, !text.isEmpty, let template = try? Template(parsing: text),
      !template.parts.contains(where: { if case .field = $0 { true } else { false } })
    else {
      fail(
        ["postgres"], "postgres is \(Self.quoted(value)); a connection string is wanted",
        "write postgres = env \"SHOP_DB\"")
      return nil
    }
    if template.hasLiteralPassword {
      fail(
        ["postgres"], "postgres is a secret that is written out",
        "secrets come from the daemon's environment: write postgres = env \"SHOP_DB\"")
    }
    return template
  }

  private mutating func readColumns(_ value: LuaSlot, _ parts: inout Parts) {
    let names = SourceDeclaration.TablePlace.columnNames.map(\.0)
    guard value.kind == .table else {
      return fail(
        ["columns"], "columns is \(BodyReader.article(value)); a table is wanted",
        "write columns = { type = \"event_type\", subject = \"aggregate_id\" }")
    }
    value.forEach { key, value in
      guard let name = key.text, names.contains(name) else {
        let near = NearestName.of(key.shown, among: names).map { "did you mean \($0)?" }
        fail(
          ["columns", key.shown], "columns has no key \"\(key.shown)\"",
          near ?? "a row has \(names.joined(separator: ", "))")
        return true
      }
      guard let column = value.text, TableName.isGood(column), !column.contains(".") else {
        fail(["columns", name], "columns.\(name) is \(value.shown); a column's name is wanted")
        return true
      }
      parts.columns[name] = column
      return true
    }
  }
}
