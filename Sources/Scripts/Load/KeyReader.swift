internal import LuaRuntime

/// Reads a `key`: a path, a function, or one of these for each type.
struct KeyReader {
  struct Problem {
    let path: [String]
    let what: String
    let hint: String?
  }

  let interpreter: Interpreter
  private(set) var problems: [Problem] = []

  init(interpreter: Interpreter) { self.interpreter = interpreter }

  mutating func read(_ value: LuaSlot) -> (KeyRule, KeyFunctions)? {
    if value.kind == .table { return readTable(value) }
    guard let (rule, function) = readOne(value, path: ["key"]) else { return nil }
    return (rule, function.map { .one($0) } ?? .none)
  }

  /// Entries of a key by type for types that are not in `on`.
  static func unheard(_ rule: KeyRule, heard: [TypePattern], by name: String) -> [Problem] {
    guard case .perType(let entries) = rule else { return [] }
    return entries.compactMap { entry in
      let isHeard = heard.contains { pattern in
        pattern.matches(entry.pattern.text) || entry.pattern.isPrefix && entry.pattern.matches(pattern.text)
          || entry.pattern == pattern
      }
      if isHeard { return nil }
      let near = NearestName.of(entry.pattern.description, among: heard.map(\.description))
      return Problem(
        path: ["key", entry.pattern.description], what: "key has \"\(entry.pattern)\", which \(name) does not hear",
        hint: near.map { "did you mean \($0)?" } ?? "name it in on, or leave it out")
    }
  }

  private mutating func readTable(_ value: LuaSlot) -> (KeyRule, KeyFunctions)? {
    var rules: [KeyRule.Entry] = []
    var functions: [LuaRef?] = []
    value.forEach { key, entry in
      guard let type = key.text, let pattern = TypePattern(type) else {
        problems.append(
          Problem(
            path: ["key", key.shown], what: "\"\(key.shown)\" in key is no event type", hint: BodyReader.typeHint))
        return true
      }
      guard let (rule, function) = readOne(entry, path: ["key", type]) else { return true }
      rules.append(KeyRule.Entry(pattern: pattern, rule: rule))
      functions.append(function)
      return true
    }
    if rules.isEmpty, problems.isEmpty {
      problems.append(
        Problem(path: ["key"], what: "key is an empty table", hint: "write key = { OrderPlaced = \"data.order\" }"))
    }
    guard problems.isEmpty else { return nil }
    if rules.allSatisfy({ $0.rule == .subject }) { return (.subject, .none) }
    return (.perType(rules), .perType(Hearing(rules.map(\.pattern)), functions))
  }

  private mutating func readOne(_ value: LuaSlot, path: [String]) -> (KeyRule, LuaRef?)? {
    if value.kind == .function { return value.hold().map { (.function, $0) } }
    guard let (parts, follow) = readPath(value, path: path, wanted: "a path or a function is") else { return nil }
    return (follow == nil ? .subject : .path(parts), follow)
  }

  /// A path into an event: a field, and of its data or attributes what lies below them. With what follows it; nil for the
  /// subject.
  /// - wanted: what may stand here.
  mutating func readPath(
    _ value: LuaSlot, path: [String], wanted: String = "a path is"
  ) -> (path: [String], follow: LuaRef?)? {
    let name = path.joined(separator: ".")
    guard let text = value.text else {
      problems.append(
        Problem(
          path: path, what: "\(name) is \(BodyReader.article(value)); \(wanted) wanted",
          hint: "write \(path[path.count - 1]) = \"data.order\""))
      return nil
    }
    let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    if parts == ["subject"] { return (parts, nil) }
    guard Self.fields.contains(parts[0]), parts.count == 1 || Self.deepFields.contains(parts[0]), !parts.contains("")
    else {
      problems.append(
        Problem(
          path: path, what: "\(name) is \"\(text)\", which is no field of an event",
          hint: "did you mean \"\(Self.meant(by: parts))\"? a path is a field, or begins with \"data.\" or \"ext.\""))
      return nil
    }
    return follow(parts).map { (parts, $0) }
  }

  /// What a path may begin with.
  private static let fields = Words.event.keys.map(\.name).filter { $0 != "key" }
  /// What has further fields below it.
  private static let deepFields = ["data", "ext"]

  /// The path that was probably meant by one that leads nowhere.
  private static func meant(by written: [String]) -> String {
    let parts = written.filter { !$0.isEmpty }
    guard let first = parts.first else { return "subject" }
    let near = fields.contains(first) ? first : parts.count > 1 ? NearestName.of(first, among: fields) : nil
    guard let near else { return "data.\(parts.joined(separator: "."))" }
    return deepFields.contains(near) ? ([near] + parts.dropFirst()).joined(separator: ".") : near
  }

  /// The prelude's function that follows a path into an event.
  private mutating func follow(_ parts: [String]) -> LuaRef? {
    var maker: LuaRef?
    interpreter.state.with(interpreter.prelude) { prelude in
      prelude.withField("follow") { maker = $0.hold() }
    }
    guard let maker else { return nil }
    let texts = parts.map { Array($0.utf8) }
    var function: LuaRef?
    func call(_ index: Int, _ arguments: [LuaArgument]) {
      if index == texts.count {
        interpreter.state.call(maker, arguments) { function = $0.count > 0 ? $0[0].hold() : nil }
        return
      }
      texts[index].withUnsafeBytes { call(index + 1, arguments + [.string($0)]) }
    }
    call(0, [])
    return function
  }
}
