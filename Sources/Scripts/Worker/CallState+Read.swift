internal import Events
internal import LuaRuntime

extension CallState {
  /// `read(name, key)`.
  func read(_ arguments: borrowing LuaCall) -> LuaReply {
    guard phase == .handling || phase == .running else { return misplaced("read") }
    guard let name = arguments[0].string else {
      return .error(
        "read wants a name first: read(\"recent orders\", event.subject); this is \(BodyReader.article(arguments[0]))")
    }
    guard let source = readable[consumer].first(where: { name.elementsEqual($0.name.utf8) })?.source else {
      return unreadable(name.text)
    }
    if let key = arguments[1].string {
      // No event has such a key.
      guard !key.isEmpty, NameRule.subject.allows(key) else { return none(arguments) }
      return read(source, name.text, key, arguments)
    }
    guard let number = arguments[1].integer else {
      return .error(
        "read wants a key second: read(\"\(name.text)\", event.subject); this is \(BodyReader.article(arguments[1]))")
    }
    return Array(String(number).utf8).withUnsafeBytes { read(source, name.text, $0, arguments) }
  }

  /// The script's clock does not count what is folded for it: how long that may take is for the reader to say.
  private func read(
    _ source: ReadSource, _ name: @autoclosure () -> String, _ key: UnsafeRawBufferPointer,
    _ arguments: borrowing LuaCall
  ) -> LuaReply {
    guard let past else {
      return .abort(kind: Interpreter.Abort.unreadable, message: "\"\(name())\" cannot be read here")
    }
    document.truncate(to: 0)
    let outcome = arguments.withoutClock {
      past.read(source, key: key, at: Position(position), into: &document)
    }
    switch outcome {
    case .document:
      arguments.add(.json(document.bytes))
      return .done
    case .none: return none(arguments)
    case .failed(let message): return .error("read(\"\(name())\"): \(message)")
    case .hostFault(let message):
      return .abort(kind: Interpreter.Abort.unreadable, message: "read(\"\(name())\"): \(message)")
    }
  }

  private func none(_ arguments: borrowing LuaCall) -> LuaReply {
    arguments.add(.none)
    return .done
  }

  private var reader: String { phase == .running ? "process" : "consumer" }

  private func unreadable(_ name: String) -> LuaReply {
    let own = readable[consumer].map(\.name)
    if let near = NearestName.of(name, among: own) {
      return .error("\"\(name)\" is not among the reads of this \(reader)\n  did you mean \"\(near)\"?")
    }
    let all = (own + [name]).map { "\"\($0)\"" }.joined(separator: ", ")
    return .error("\"\(name)\" is not among the reads of this \(reader)\n  write reads = { \(all) }")
  }
}
