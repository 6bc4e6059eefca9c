package import Events
internal import LuaRuntime

extension ScriptWorker {
  /// Computes the keys of an event for a consumer whose key is not the default.
  package func keys(consumer: Int, event: EntryView, position: Position, recorded: Int64) -> KeysOutcome {
    let declaration = consumers[consumer].declaration
    return keys(
      by: consumers[consumer].key, of: (declaration.name, declaration.file, declaration.line), event, position, recorded
    )
  }

  /// Computes the keys of an event for a projection whose key is not the default.
  package func keys(projection: Int, event: EntryView, position: Position, recorded: Int64) -> KeysOutcome {
    let declaration = projections[projection].declaration
    return keys(
      by: projections[projection].key, of: (declaration.name, declaration.file, declaration.line), event, position,
      recorded)
  }

  private func keys(
    by functions: KeyFunctions, of owner: (name: String, file: String, line: Int), _ event: EntryView,
    _ position: Position, _ recorded: Int64
  ) -> KeysOutcome {
    keyBytes.truncate(to: 0)
    guard let function = functions.function(for: event.type) else {
      keyBytes.append(event.subject)
      return .keys(KeyList(bytes: keyBytes.bytes, ends: [event.subject.count]))
    }
    return keys(
      by: function, blame: "\(owner.file):\(owner.line): key of \"\(owner.name)\"", event, position, recorded)
  }

  /// - blame: what a message about a value that is no key begins with.
  func keys(
    by function: LuaRef, blame: String, _ event: EntryView, _ position: Position, _ recorded: Int64
  ) -> KeysOutcome {
    keyBytes.truncate(to: 0)
    let upcast = upcast(event, position, recorded: recorded)
    switch upcast.ended {
    case nil, .done?: break
    case .failed(let failure)?: return .failed(failure)
    case .hostFault(let message)?: return .hostFault(message)
    }
    let call = interpreter.call
    call.beginKeying(event, position, recorded: recorded)
    fields.set(event, position, recorded: recorded, key: event.subject)
    if upcast.isOlder { fields.setData(json: upcastBytes.bytes) }
    interpreter.state.seed(0, 0)
    var ends: [Int] = []
    var problem: String?
    let outcome = interpreter.state.call(function, .record(fields.shape)) { results in
      if results.count > 1 {
        problem = "it gave \(results.count) values; for several keys return a list: { \"a\", \"b\" }"
      } else if results.count == 1 {
        problem = add(results[0], &ends)
      }
    }
    call.end()
    if case .host(let error) = outcome { return .hostFault(error.message) }
    if let failure = failure(outcome) { return .failed(failure) }
    if let problem {
      return .failed(HandlerFailure(kind: .error, message: "\(blame): \(problem)", traceback: "", log: []))
    }
    return .keys(KeyList(bytes: keyBytes.bytes, ends: ends))
  }

  /// Adds what a key rule gave: nothing, one key, or a list of keys. Returns what is wrong with it.
  private func add(_ value: LuaSlot, _ ends: inout [Int]) -> String? {
    switch value.kind {
    case .none, .null: return nil
    case .table:
      guard value.length <= KeyList.maximumCount else { return "an event has at most \(KeyList.maximumCount) keys" }
      var entries = 0
      value.forEach { _, _ in
        entries += 1
        return entries <= KeyList.maximumCount
      }
      guard entries == value.length else { return "it gave a table that is no list of keys" }
      for element in 1..<(value.length + 1) {
        if let problem = value.withElement(element, { addOne($0, &ends) }) { return problem }
      }
      return nil
    case .boolean, .integer, .number, .string, .function, .other: return addOne(value, &ends)
    }
  }

  private func addOne(_ value: LuaSlot, _ ends: inout [Int]) -> String? {
    let start = keyBytes.count
    if let text = value.string {
      guard NameRule.subject.allows(text), text.isUTF8 else {
        return "a key is UTF-8 text without control characters, at most \(NameRule.maximumSubjectBytes) bytes"
      }
      keyBytes.append(text)
    } else if let number = value.integer {
      keyBytes.append(String(number))
    } else {
      return "it gave \(BodyReader.article(value)); text, a whole number, a list of them or nil is wanted"
    }
    let added = UnsafeRawBufferPointer(rebasing: keyBytes.bytes[start...])
    let list = KeyList(bytes: keyBytes.bytes, ends: ends)
    if list.contains(where: { $0.equals(added) }) { keyBytes.truncate(to: start) } else { ends.append(keyBytes.count) }
    return nil
  }
}
