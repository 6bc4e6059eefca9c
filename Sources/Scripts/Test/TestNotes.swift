internal import Events
internal import LuaRuntime

/// The host's side of `test` and of what a test says on its stage `t`.
final class TestNotes {
  struct Declared {
    let name: String
    let file: String
    let line: Int
    let body: LuaRef
  }

  var declared: [Declared] = []
  var steps: [ScriptTest.Step] = []
  /// The table that tests are given.
  var stage: LuaRef?
  /// Whether a test's function is running.
  var isNoting = false

  private static let words = [
    "given", "when", "send", "expect", "never", "rejects", "fails", "view", "published", "answer", "advance", "at",
  ]

  /// `declare(where, name, body)`
  func declare(_ arguments: borrowing LuaCall) -> LuaReply {
    let place = arguments[0].text ?? ""
    if isNoting { return .bareError("\(place)a test stands in the file, not in another test") }
    guard let name = arguments[1].text, !name.isEmpty else {
      return .bareError("\(place)a test has a name\n  write test(\"what is promised\", function(t) … end)")
    }
    guard arguments[2].kind == .function, let body = arguments[2].hold() else {
      return .bareError("\(place)a test is a function\n  write test(\"\(name)\", function(t) … end)")
    }
    let at = LuaError(.script, place).position
    declared.append(Declared(name: name, file: at?.file ?? "", line: at?.line ?? 1, body: body))
    return .done
  }

  /// `unknown(where, name)`: `t` has no such word.
  func unknown(_ arguments: borrowing LuaCall) -> LuaReply {
    let (place, name) = (arguments[0].text ?? "", arguments[1].text ?? "")
    let near = NearestName.of(name, among: Self.words).map { "did you mean t:\($0)?" }
    return .bareError(
      "\(place)a test has no word \"\(name)\"\n  \(near ?? "it has " + Self.words.joined(separator: ", "))")
  }

  /// `note(where, word, isMethod, …)`: the next step.
  func note(_ arguments: borrowing LuaCall) -> LuaReply {
    let (place, word) = (arguments[0].text ?? "", arguments[1].text ?? "")
    guard isNoting else { return .bareError("\(place)t:\(word) belongs into the function of its test") }
    guard arguments[2].boolean == true else {
      return .bareError("\(place)write t:\(word)(…), with a colon")
    }
    let action: ScriptTest.Action
    do throws(Refusal) {
      action = try self.action(word, arguments)
    } catch {
      return .bareError("\(place)\(error.what)\n  \(error.hint)")
    }
    let at = LuaError(.script, place).position
    steps.append(ScriptTest.Step(action: action, file: at?.file ?? "", line: at?.line ?? 1))
    return .done
  }

  private struct Refusal: Error {
    var what: String
    var hint: String
  }

  private func action(_ word: String, _ arguments: borrowing LuaCall) throws(Refusal) -> ScriptTest.Action {
    switch word {
    case "given": return .given(try fact(word, arguments))
    case "when": return .when(try fact(word, arguments))
    case "send": return .send(try fact(word, arguments))
    case "rejects": return .rejects(arguments[3].text ?? "")
    case "expect": return .expect(try pattern(word, arguments))
    case "never": return .never(try pattern(word, arguments))
    case "fails": return .fails(arguments[3].text ?? "")
    case "view": return try view(arguments)
    case "published": return try published(arguments)
    case "answer": return try answer(arguments)
    case "advance":
      guard let text = arguments[3].text, let span = Span.microseconds(text) else {
        throw Refusal(what: "t:advance wants a span of time", hint: #"write t:advance("15m")"#)
      }
      return .advance(span)
    default:
      guard let text = arguments[3].text, let time = Array(text.utf8).withUnsafeBytes({ Timestamp.microseconds($0) })
      else {
        throw Refusal(what: "t:at wants a time", hint: #"write t:at("2026-07-01T09:30:00Z")"#)
      }
      return .at(time)
    }
  }

  private func fact(_ word: String, _ arguments: borrowing LuaCall) throws(Refusal) -> ScriptTest.Fact {
    let hint = "write t:\(word)(\"OrderPlaced\", \"order-1\", { … })"
    let type = try self.type(word, arguments[3], hint)
    guard let subject = arguments[4].string, let text = String(validating: subject, as: UTF8.self),
      text.isEmpty || NameRule.subject.allows(subject)
    else {
      throw Refusal(what: "t:\(word) wants the subject of the event as its second argument", hint: hint)
    }
    return ScriptTest.Fact(type: type, subject: text, data: try json(word, arguments[5]) ?? Array("{}".utf8))
  }

  private func pattern(_ word: String, _ arguments: borrowing LuaCall) throws(Refusal) -> ScriptTest.Pattern {
    let hint = "write t:\(word)(\"OrderPaid\", \"order-1\", { … }); subject and data may be left out"
    let type = try self.type(word, arguments[3], hint)
    let subject = arguments[4]
    guard subject.isNone || subject.kind == .string else {
      throw Refusal(what: "t:\(word) wants a subject, or nil for any, before the data", hint: hint)
    }
    return ScriptTest.Pattern(type: type, subject: subject.text, data: try json(word, arguments[5]))
  }

  private func view(_ arguments: borrowing LuaCall) throws(Refusal) -> ScriptTest.Action {
    let hint = #"write t:view("orders", "order-1", { status = "paid" }), or nil for no document"#
    guard let name = arguments[3].text, let key = arguments[4].text else {
      throw Refusal(what: "t:view wants the name of a projection and a key", hint: hint)
    }
    return .view(name: name, key: key, document: try json("view", arguments[5]))
  }

  private func published(_ arguments: borrowing LuaCall) throws(Refusal) -> ScriptTest.Action {
    let hint = #"write t:published("warehouse", "order-1", { … }); key and body may be left out"#
    guard let name = arguments[3].text, arguments[4].isNone || arguments[4].kind == .string else {
      throw Refusal(what: "t:published wants a destination, then a key or nil for any", hint: hint)
    }
    return .published(
      ScriptTest.Pattern(type: name, subject: arguments[4].text, data: try json("published", arguments[5])))
  }

  private func answer(_ arguments: borrowing LuaCall) throws(Refusal) -> ScriptTest.Action {
    let hint = #"write t:answer("payments", { status = 503 }, { status = 201, body = { … } })"#
    guard let name = arguments[3].text, arguments.count > 4 else {
      throw Refusal(what: "t:answer wants a destination and what it answers", hint: hint)
    }
    var answers: [ScriptTest.Answer] = []
    for index in 4..<arguments.count {
      var answer = ScriptTest.Answer(status: nil)
      let slot = arguments[index]
      answer.status = slot.kind == .table ? slot.withField("status") { $0.integer.map { Int($0) } } : nil
      if slot.kind == .table { answer.error = slot.withField("error") { $0.text } ?? "" }
      guard answer.status.map({ (100...599).contains($0) }) ?? !answer.error.isEmpty else {
        throw Refusal(what: "t:answer wants tables with a status, or with an error", hint: hint)
      }
      let body = slot.withField("body") { body -> Result<[UInt8]?, Refusal> in
        Result { () throws(Refusal) in try json("answer", body) }
      }
      answer.body = try body.get() ?? []
      slot.withField("headers") { headers in
        if headers.kind != .table { return }
        headers.forEach { name, value in
          answer.headers[name.shown.lowercased()] = value.shown
          return true
        }
      }
      answers.append(answer)
    }
    return .answer(destination: name, answers)
  }

  private func type(_ word: String, _ slot: LuaSlot, _ hint: String) throws(Refusal) -> String {
    guard let type = slot.string, NameRule.type.allows(type) else {
      throw Refusal(what: "t:\(word) wants the type of an event first", hint: hint)
    }
    return type.text
  }

  private func json(_ word: String, _ slot: LuaSlot) throws(Refusal) -> [UInt8]? {
    if slot.isNone { return nil }
    var writer = ByteWriter(capacity: 256)
    do throws(LuaError) {
      try slot.encodeJSON(name: "data", into: &writer)
    } catch {
      throw Refusal(what: "t:\(word): \(error.message)", hint: "data is what JSON can say")
    }
    return Array(writer.bytes)
  }
}
