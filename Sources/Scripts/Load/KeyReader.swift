internal import LuaRuntime

/// Reads a consumer's `key`: a path, a function, or one of these for each type.
struct KeyReader {
  struct Problem {
    let path: [String]
    let what: String
    let hint: String?
  }

  let interpreter: Interpreter
  private(set) var problems: [Problem] = []

  init(interpreter: Interpreter) { self.interpreter = interpreter }

  mutating func read(_ value: LuaSlot, _ ref: LuaRef) -> (KeyRule, KeyFunctions)? {
    if value.kind == .table { return readTable(value) }
    guard let (rule, function) = readOne(value, ref, path: ["key"]) else { return nil }
    return (rule, function.map { .one($0) } ?? .none)
  }

  private mutating func readTable(_ value: LuaSlot) -> (KeyRule, KeyFunctions)? {
    var entries: [(String, LuaRef)] = []
    _ = value.forEach { key, entry in
      if let held = entry.hold() { entries.append((key.text ?? key.shown, held)) }
      return true
    }
    var rules: [KeyRule.Entry] = []
    var functions: [LuaRef?] = []
    for (type, ref) in entries {
      guard let pattern = TypePattern(type) else {
        problems.append(
          Problem(
            path: ["key", type], what: "\"\(type)\" in key is no event type",
            hint: "a type has letters, digits, \".\", \"_\" and \"-\"; a \"*\" may stand at the end only"))
        continue
      }
      let one = interpreter.state.with(ref) { readOne($0, ref, path: ["key", type]) }
      guard let one else { continue }
      rules.append(KeyRule.Entry(pattern: pattern, rule: one.0))
      functions.append(one.1)
    }
    guard problems.isEmpty else { return nil }
    return (.perType(rules), .perType(Hearing(rules.map(\.pattern)), functions))
  }

  private mutating func readOne(_ value: LuaSlot, _ ref: LuaRef, path: [String]) -> (KeyRule, LuaRef?)? {
    if value.kind == .function { return (.function, ref) }
    let name = path.joined(separator: ".")
    guard let text = value.text else {
      problems.append(
        Problem(
          path: path, what: "\(name) is \(BodyReader.article(value)); a path or a function is wanted",
          hint: "write key = \"data.order\""))
      return nil
    }
    let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    if parts == ["subject"] { return (.subject, nil) }
    let fields = Words.event.keys.map(\.name).filter { $0 != "key" }
    guard let first = parts.first, fields.contains(first), parts.allSatisfy({ !$0.isEmpty }) else {
      let near = parts.count > 1 ? NearestName.of(parts[0], among: fields).map { ([$0] + parts.dropFirst()).joined(separator: ".") } : nil
      problems.append(
        Problem(
          path: path, what: "\(name) is \"\(text)\", which is no field of an event",
          hint: "did you mean \"\(near ?? "data.\(text)")\"?"))
      return nil
    }
    return follow(parts).map { (.path(parts), $0) }
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
