internal import LuaRuntime

/// Reads an `on`: a function for each event type.
struct HandlersReader {
  private let parameters: String
  private let line: (_ type: String) -> Int
  private(set) var problems: [KeyReader.Problem] = []

  /// - parameters: of such a function, for hints: `event`.
  /// - line: where the entry of a type stands, for functions that do not say it themselves.
  init(parameters: String, line: @escaping (_ type: String) -> Int) {
    self.parameters = parameters
    self.line = line
  }

  /// What is good of it, in the order of the types' bytes; the rest is among `problems`.
  mutating func read(_ value: LuaSlot) -> [(declaration: HandlerDeclaration, function: LuaRef)] {
    let hint = "write on = { OrderPlaced = function(\(parameters)) … end }"
    guard value.kind == .table else {
      fail(["on"], "on is \(BodyReader.article(value)); a table is wanted", hint)
      return []
    }
    var handlers: [(declaration: HandlerDeclaration, function: LuaRef)] = []
    value.forEach { key, function in
      guard let type = key.text else {
        fail(["on"], "on has an entry without an event type", hint)
        return true
      }
      guard let pattern = TypePattern(type) else {
        fail(["on", type], "\"\(type)\" is no event type", BodyReader.typeHint)
        return true
      }
      guard function.kind == .function, let held = function.hold() else {
        fail(
          ["on", type], "on.\(type) is \(BodyReader.article(function)); a function is wanted",
          "write \(pattern.key) = function(\(parameters)) … end")
        return true
      }
      let declaration = HandlerDeclaration(pattern: pattern, line: function.source?.line ?? line(type))
      handlers.append((declaration, held))
      return true
    }
    return handlers
  }

  private mutating func fail(_ path: [String], _ what: String, _ hint: String) {
    problems.append(KeyReader.Problem(path: path, what: what, hint: hint))
  }
}
