internal import LuaRuntime

/// Turns the body of one declaration into what it says, or tells what is wrong with it and where.
protocol DeclarationReader {
  var declared: LoadRun.Declared { get }
  var interpreter: Interpreter { get }
  /// Of the source, for the lines of keys; without it errors have the line of the declaration.
  var outline: SourceOutline? { get }
  var errors: [LoadError] { get set }
}

extension DeclarationReader {
  /// `consumer "loyalty"`
  var title: String { "\(declared.word) \"\(declared.name)\"" }

  /// Text with its quotes, and what anything else is.
  static func quoted(_ value: LuaSlot) -> String {
    value.kind == .string ? "\"\(value.shown)\"" : BodyReader.article(value)
  }

  func line(of path: [String]) -> Int? { outline?.line(of: path, in: declared.name, near: declared.line) }

  /// - path: the keys that lead to what is wrong; empty: the declaration itself.
  mutating func fail(_ path: [String], _ what: String, _ hint: String? = nil) {
    let line = path.isEmpty ? nil : line(of: path)
    errors.append(LoadError(file: declared.file, line: line ?? declared.line, what: what, hint: hint))
  }

  mutating func fail(_ problem: KeyReader.Problem) { fail(problem.path, problem.what, problem.hint) }

  /// Gives `read` every entry of the body. False when there is no body.
  /// - entryHint: what to write in place of an entry without a name.
  mutating func readBody(entryHint: String, _ read: (inout Self, _ name: String, _ value: LuaSlot) -> Void) -> Bool {
    guard let body = declared.body else {
      fail([], "\(title) has no body", "write \(title) \(LoadRun.bodyHint(declared.word))")
      return false
    }
    interpreter.state.with(body) { body in
      _ = body.forEach { key, value in
        if let name = key.text {
          read(&self, name, value)
        } else {
          fail([], "\(title) has an entry without a name", entryHint)
        }
        return true
      }
    }
    interpreter.state.release(body)
    return true
  }
}
