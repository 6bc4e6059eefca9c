internal import Events
internal import LuaRuntime

/// Turns the body of a `projection` into a declaration, or says what is wrong with it and where.
struct ProjectionReader: DeclarationReader {
  let declared: LoadRun.Declared
  let interpreter: Interpreter
  let outline: SourceOutline?
  var errors: [LoadError] = []

  init(declared: LoadRun.Declared, interpreter: Interpreter, outline: SourceOutline?) {
    self.declared = declared
    self.interpreter = interpreter
    self.outline = outline
  }

  private struct Parts {
    var handlers: [(declaration: HandlerDeclaration, function: LuaRef)] = []
    var rule = KeyRule.subject
    var key = KeyFunctions.none
    var initial = Array("{}".utf8)
    var index: [DocumentField] = []
  }

  private static let onHint = "write on = { OrderPlaced = function(document, event) … end }"

  /// Nil when there are errors.
  /// - files: those that `scriptHash` is of, the declaring one first.
  mutating func read(scriptHash: ContentHash, files: [String]) -> LoadedProjection? {
    var parts = Parts()
    guard readBody(entryHint: Self.onHint, { $0.read($1, $2, &parts) }) else { return nil }
    if parts.handlers.isEmpty, errors.isEmpty { fail([], "\(title) hears nothing", Self.onHint) }
    let heard = parts.handlers.map(\.declaration.pattern)
    for problem in KeyReader.unheard(parts.rule, heard: heard, by: declared.name) { fail(problem) }
    guard errors.isEmpty else { return nil }
    let declaration = ProjectionDeclaration(
      name: declared.name, file: declared.file, line: declared.line, scriptHash: scriptHash, files: files,
      key: parts.rule, handlers: parts.handlers.map(\.declaration), initial: parts.initial, index: parts.index)
    return LoadedProjection(declaration: declaration, handlers: parts.handlers.map(\.function), key: parts.key)
  }

  private mutating func read(_ name: String, _ value: LuaSlot, _ parts: inout Parts) {
    switch name {
    case "on":
      let (outline, declared) = (outline, declared)
      var reader = HandlersReader(parameters: "document, event") { type in
        outline?.line(of: ["on", type], in: declared.name, near: declared.line) ?? declared.line
      }
      parts.handlers = reader.read(value)
      for problem in reader.problems { fail(problem) }
    case "key":
      var reader = KeyReader(interpreter: interpreter)
      if let key = reader.read(value) { (parts.rule, parts.key) = key }
      for problem in reader.problems { fail(problem) }
    case "initial": readInitial(value, &parts)
    case "index": readIndex(value, &parts)
    default: failUnknown(name, value)
    }
  }

  private mutating func failUnknown(_ name: String, _ value: LuaSlot) {
    let hint: String? =
      switch name {
      case "from": "a projection is folded from the start of the log: leave from out"
      case "retry", "exhausted", "retries":
        "a fold that fails keeps its key as it was until the next deploy: leave \(name) out"
      case "state": "a projection keeps its document: write initial = { … }"
      case _ where value.kind == .function: "event types go into on = { \(name) = function(document, event) … end }"
      default: NearestName.of(name, among: Words.projection.keys.map(\.name)).map { "did you mean \($0)?" }
      }
    fail([name], "\(title) has no key \"\(name)\"", hint)
  }

  private mutating func readInitial(_ value: LuaSlot, _ parts: inout Parts) {
    guard value.kind == .table else {
      return fail(
        ["initial"], "initial is \(BodyReader.article(value)); a table is wanted", "write initial = { count = 0 }")
    }
    var writer = ByteWriter(capacity: 128)
    do throws(LuaError) {
      try value.encodeJSON(name: "initial", into: &writer)
      parts.initial = Array(writer.bytes)
    } catch {
      fail(["initial"], error.message, "a document is JSON: tables, text, numbers, true and false")
    }
  }

  // MARK: index

  private static let indexHint = "write index = { \"status\", \"address.city\" }"
  /// Each costs work at every change of a document.
  static let maximumIndexes = 16

  private mutating func readIndex(_ value: LuaSlot, _ parts: inout Parts) {
    guard value.kind == .table else {
      return fail(["index"], "index is \(BodyReader.article(value)); a list of fields is wanted", Self.indexHint)
    }
    value.forEach { key, value in
      if key.kind == .string {
        fail(["index", key.shown], "index is a list; \"\(key.shown)\" is a name in it", Self.indexHint)
      } else if let field = readField(value, among: parts.index) {
        parts.index.append(field)
      }
      return true
    }
    if parts.index.count > Self.maximumIndexes {
      fail(["index"], "index has \(parts.index.count) fields; \(Self.maximumIndexes) are the most")
    }
  }

  private mutating func readField(_ value: LuaSlot, among others: [DocumentField]) -> DocumentField? {
    guard let text = value.text else {
      fail(["index"], "index has \(BodyReader.article(value)) in it; the name of a field is wanted", Self.indexHint)
      return nil
    }
    guard let field = DocumentField(text) else {
      fail(["index"], "index has \"\(text)\", which is no field of a document", Self.indexHint)
      return nil
    }
    // SQLite does not tell the case of columns.
    let column = text.lowercased()
    if DocumentField.reserved.contains(column) {
      fail(
        ["index"], "index has \"\(text)\", which every document has beside its fields", "give the field another name")
      return nil
    }
    if let other = others.first(where: { $0.description.lowercased() == column }) {
      fail(["index"], "index has \"\(other)\" and \"\(text)\"", "name each field once; case does not tell them apart")
      return nil
    }
    return field
  }
}
