internal import Events
internal import LuaRuntime

/// Reads the body of a `contract`.
struct ContractReader: DeclarationReader {
  let declared: LoadRun.Declared
  let interpreter: Interpreter
  let outline: SourceOutline?
  var errors: [LoadError] = []

  /// How deep a schema may nest: as deep as data may.
  private static let deepest = 64

  init(declared: LoadRun.Declared, interpreter: Interpreter, outline: SourceOutline?) {
    (self.declared, self.interpreter, self.outline) = (declared, interpreter, outline)
  }

  mutating func read() -> LoadedContract? {
    guard NameRule.type.allows(declared.name) else {
      fail([], "\"\(declared.name)\" is no event type", "a contract is named after the events it is for")
      return nil
    }
    guard !declared.name.hasPrefix(NameRule.hostPrefix) else {
      fail([], "events of \"\(declared.name)\" are the host's", "leave this contract out")
      return nil
    }
    guard let body = declared.body else {
      fail([], "\(title) has no body", "write \(title) { schema = { price = \"number\" } }")
      return nil
    }
    var version: Int64 = 1
    var schema: Schema?
    var upcasts: [Int64: LuaRef] = [:]
    interpreter.state.with(body) { body in
      _ = body.forEach { key, value in
        switch key.text {
        case "version": version = readVersion(value)
        case "schema": schema = read(value, ["schema"])
        case "upcast": upcasts = readUpcasts(value)
        case "personal"?, "person"?, "erase"?:
          fail([key.shown], "\(key.shown) is not there yet", "the word is kept for a later version: leave it out")
        default:
          let near = NearestName.of(key.shown, among: Words.contract.keys.map(\.name)).map { "did you mean \($0)?" }
          fail([key.shown], "\(title) has no key \"\(key.shown)\"", near ?? "a contract has schema, version and upcast")
        }
        return true
      }
    }
    interpreter.state.release(body)
    checkUpcasts(upcasts, version)
    guard errors.isEmpty else { return nil }
    return LoadedContract(
      declaration: ContractDeclaration(
        type: declared.name, file: declared.file, line: declared.line, version: UInt16(version), schema: schema),
      upcasts: Dictionary(uniqueKeysWithValues: upcasts.map { (UInt16($0.key), $0.value) }))
  }

  private mutating func readVersion(_ value: LuaSlot) -> Int64 {
    guard let number = value.integer, (1...65_535).contains(number) else {
      fail(["version"], "version is \(value.shown); a whole number from 1 to 65535 is wanted", nil)
      return 1
    }
    return number
  }

  private mutating func readUpcasts(_ value: LuaSlot) -> [Int64: LuaRef] {
    let hint = "write upcast = { [1] = function(data) … return data end }"
    guard value.kind == .table else {
      fail(["upcast"], "upcast is \(BodyReader.article(value)); a table is wanted", hint)
      return [:]
    }
    var upcasts: [Int64: LuaRef] = [:]
    value.forEach { key, function in
      guard let from = key.integer, (1...65_534).contains(from), function.kind == .function, let held = function.hold()
      else {
        fail(
          ["upcast"], "upcast[\(key.shown)] is \(BodyReader.article(function)); a function by version is wanted", hint)
        return true
      }
      upcasts[from] = held
      return true
    }
    return upcasts
  }

  private mutating func checkUpcasts(_ upcasts: [Int64: LuaRef], _ version: Int64) {
    for from in 1..<version where upcasts[from] == nil {
      fail(
        ["upcast"], "version is \(version), but upcast has no [\(from)]",
        "write upcast = { [\(from)] = function(data) … return data end }: events of version \(from) may be in the log")
      break
    }
    for from in upcasts.keys.sorted() where from >= version {
      fail(["upcast"], "upcast has [\(from)], and version is \(version)", "write version = \(from + 1)")
    }
  }

  // MARK: schema

  private mutating func read(_ value: LuaSlot, _ path: [String]) -> Schema? {
    let name = path.joined(separator: ".")
    if let text = value.text {
      if let schema = Schema(type: text) { return schema }
      let near = NearestName.of(text, among: Schema.typeNames).map { "did you mean \($0)?" }
      fail(
        path, "\(name) is \"\(text)\", which is no type",
        near ?? "the types are \(Schema.typeNames.joined(separator: ", ")), and \"a|b\" for a choice")
      return nil
    }
    guard value.kind == .table, path.count <= Self.deepest else {
      fail(
        path, "\(name) is \(BodyReader.article(value)); a type or a table is wanted",
        "write \(path.last ?? "price") = \"number\"")
      return nil
    }
    if value.length > 0 { return readList(value, path) }
    return readMembers(value, path)
  }

  private mutating func readList(_ value: LuaSlot, _ path: [String]) -> Schema? {
    var entries = 0
    value.forEach { _, _ in
      entries += 1
      return entries <= 2
    }
    guard value.length == 1, entries == 1 else {
      fail(
        path, "\(path.joined(separator: ".")) is a list of several types",
        "a list has one type for all its elements: { \"string\" } or { { sku = \"string\" } }")
      return nil
    }
    return value.withElement(1) { read($0, path) }.map { .list(of: $0) }
  }

  private mutating func readMembers(_ value: LuaSlot, _ path: [String]) -> Schema? {
    var members: [Schema.Member] = []
    value.forEach { key, value in
      guard let written = key.text, !written.isEmpty, written != "?" else {
        fail(path, "\(path.joined(separator: ".")) has an entry without a name", "write price = \"number\"")
        return true
      }
      let isOptional = written.hasSuffix("?")
      let name = isOptional ? String(written.dropLast()) : written
      if members.contains(where: { $0.name == name }) {
        fail(
          path + [written], "\(name) is there twice, with and without \"?\"",
          "an optional member is written \"\(name)?\" only")
      }
      if let schema = read(value, path + [written]) {
        members.append(Schema.Member(name, schema, isOptional: isOptional))
      }
      return true
    }
    return .members(members)
  }
}

/// A contract with its functions, by the version that they upcast from.
struct LoadedContract {
  let declaration: ContractDeclaration
  let upcasts: [UInt16: LuaRef]

  var functions: [LuaRef] { upcasts.sorted { $0.key < $1.key }.map(\.value) }
}
