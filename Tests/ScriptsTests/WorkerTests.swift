import Events
import Testing

@testable import Scripts

@Suite struct WorkerTests {
  private func stage(_ handler: String) throws -> Stage { try Stage("consumer \"x\" { on = { A = \(handler) } }") }

  // MARK: the event

  @Test func `an event from outside is what its producer said`() throws {
    let stage = try stage(
      """
      function(event)
        emit("Seen", { event.id, event.source, event.time, event.recorded, event.position, event.cause or "none",
          event.correlation, event.key, event.subject, event.type })
        emit("Ext", event.ext)
      end
      """)
    let event = TestEvent(
      "A", "s", data: "1",
      attributes: [
        (.id, "e1"), (.source, "/shop"), (.time, "2019-05-20T07:07:47.0009Z"), (.datacontenttype, "application/json"),
        (.correlationid, "c-7"), (.traceparent, "00-1"),
      ],
      extensions: [("tenant", "blue \"1\"", .string)], cause: 3, root: 2
    ) { batch in
      Array("flag".utf8).withUnsafeBytes { batch.addAttribute(named: $0, boolean: true) }
      Array("count".utf8).withUnsafeBytes { batch.addAttribute(named: $0, integer: -5) }
    }
    #expect(
      stage.handle(event, at: 9).emits == [
        "Seen s [\"e1\",\"/shop\",1558336067000,1767225600000,9,3,\"c-7\",\"s\",\"s\",\"A\"]",
        "Ext s {\"count\":-5,\"datacontenttype\":\"application/json\",\"flag\":true,\"tenant\":\"blue \\\"1\\\"\",\"traceparent\":\"00-1\"}",
      ])
  }

  @Test func `an event made here has its position as id and the log as source`() throws {
    let stage = try stage(
      "function(event) emit(\"B\", { event.id, event.source, event.time, event.correlation, event.subject == nil }) end"
    )
    #expect(
      stage.handle(TestEvent("A", cause: 3, root: 2), at: 9).emits
        == ["B  [\"9\",\"moondance:example\",1767225600000,\"2\",true]"])
  }

  @Test func `a cause in another log is no position here`() throws {
    let stage = try stage("function(event) emit(\"B\", { event.cause == nil, event.correlation }) end")
    let event = TestEvent("A", "s", attributes: [(.causelog, "other")], cause: 3, root: 2)
    #expect(stage.handle(event, at: 9).emits == ["B s [true,\"9\"]"])
    #expect(stage.lastEffects.entry(0).root == 9 && stage.lastEffects.entry(0).cause == 9)
  }

  @Test func `data of another content type is text, and no data is nil`() throws {
    let stage = try stage("function(event) emit(\"B\", { event.data == nil, event.data or \"\" }) end")
    #expect(stage.handle(TestEvent("A", "s", data: "a,b", encoding: .binary)).emits == ["B s [false,\"a,b\"]"])
    #expect(stage.handle(TestEvent("A", "s")).emits == ["B s [true,\"\"]"])
    #expect(stage.handle(TestEvent("A", "s", data: "null")).emits == ["B s [true,\"\"]"])
  }

  // MARK: effects

  @Test func `an effect has its cause, root, depth and the inherited attributes`() throws {
    let stage = try stage(
      "function() emit(\"B\") emit(\"C\", nil, { subject = \"other\" }) emit(\"D\", nil, { subject = \"\" }) end")
    let event = TestEvent(
      "A", "s",
      attributes: [
        (.id, "1"), (.source, "x"), (.traceparent, "t"), (.tracestate, "u"), (.correlationid, "c"), (.reply, "R"),
      ],
      cause: 4, root: 2, depth: 7)
    #expect(stage.handle(event, at: 9).emits == ["B s {}", "C other {}", "D  {}"])
    for index in 0..<3 {
      let effect = stage.lastEffects.entry(index)
      #expect(EntryView.isValid(effect.whole))
      #expect(effect.cause == 9 && effect.root == 2 && effect.depth == 8 && effect.dataEncoding == .json)
      #expect(effect.attributes.map(\.known) == [.traceparent, .tracestate, .correlationid])
    }
    stage.handle(TestEvent("A", "s"), at: 12)
    #expect(stage.lastEffects.entry(0).root == 12 && stage.lastEffects.entry(0).depth == 1)
    #expect(stage.lastEffects.entry(0).attributes.bytes.isEmpty)
  }

  @Test(arguments: [
    ("emit()", "emit wants a type first: emit(\"OrderPaid\", { … }); this is nil"),
    ("emit({}, \"B\")", "emit wants a type first: emit(\"OrderPaid\", { … }); this is a table"),
    (
      "emit(\"Order Paid\")",
      "\"Order Paid\" is no event type: letters, digits, \".\", \"_\" and \"-\", 1 to 128 of them"
    ),
    ("emit(\"\")", "\"\" is no event type: letters, digits, \".\", \"_\" and \"-\", 1 to 128 of them"),
    ("emit(\"moondance.x\")", "types that begin with \"moondance.\" are the host's"),
    ("emit(\"B\", {}, \"s\")", "emit's third argument is a table: emit(type, data, { subject = … })"),
    ("emit(\"B\", {}, { subjct = \"s\" })", "emit has no option \"subjct\": did you mean subject?"),
    ("emit(\"B\", {}, { subject = 7 })", "emit(\"B\"): the subject is a number; text is wanted"),
    (
      "emit(\"B\", {}, { subject = \"a\\nb\" })",
      "emit(\"B\"): a subject is UTF-8 text without control characters, at most 256 bytes"
    ),
    (
      "emit(\"B\", {}, { subject = \"\\xC3\" })",
      "emit(\"B\"): a subject is UTF-8 text without control characters, at most 256 bytes"
    ),
    ("emit(\"B\", { print })", "emit(\"B\"): data[1] is a function: it cannot be kept as JSON"),
    ("emit(\"B\", { a = { 1 / 0 } })", "emit(\"B\"): data.a[1] is infinite"),
    ("random(2, 1)", "random: 2 is more than 1"), ("random(1.5)", "random takes nothing, or one or two whole numbers"),
  ])
  func `a word that is misused says how to use it`(code: String, says: String) throws {
    let stage = try stage("function(event)\n emit(\"Before\")\n \(code)\nend")
    let reaction = stage.handle(TestEvent("A", "s"))
    #expect(reaction.failures == ["script.lua:3: " + says])
    #expect(reaction.emits.isEmpty)
    let caught = try self.stage("function(event) pcall(function() \(code) end) emit(\"After\") end")
    #expect(caught.handle(TestEvent("A", "s")).emits == ["After s {}"])
  }

  @Test func `a chain of a thousand causes ends with the name of its circle`() throws {
    let stage = try Stage(
      """
      consumer "ping" { on = { Ping = function() emit("Pong") end, Other = function() emit("Pang") end } }
      consumer "pong" { on = { Pong = function() emit("Ping") end } }
      """)
    #expect(stage.handle(TestEvent("Ping", "s", depth: 999)).emits == ["Pong s {}"])
    #expect(
      stage.handle(TestEvent("Ping", "s", depth: 1000)).failures == [
        "script.lua:1: this would be the cause number 1000 in a row: the scripts go round in a circle: Ping → Pong → Ping"
      ])
  }

  // MARK: failures

  @Test func `a failed call leaves the effects as they were`() throws {
    let stage = try stage("function(event) emit(\"B\") log.info(\"x\") local a = event.data.a.b end")
    let effects = EntryBatch(hash: StableHash(seed: 7))
    effects.begin(
      kind: .event, type: .init(start: nil, count: 0), subject: .init(start: nil, count: 0),
      data: .init(start: nil, count: 0), encoding: .none)
    effects.end()
    let (bytes, event) = (effects.bytes.count, TestEvent("A", "s", data: "{}"))
    let outcome = Array("s".utf8).withUnsafeBytes {
      stage.worker.call(
        consumer: 0, handler: 0, event: event.view, position: Position(1), recorded: 0, now: 0, key: $0,
        readerNumber: 1,
        into: effects)
    }
    guard case .failed(let failure) = outcome else {
      Issue.record("\(outcome)")
      return
    }
    #expect(failure.kind == .error && failure.log == [LogLine(level: .info, text: "x")])
    #expect(failure.message == "script.lua:1: attempt to index a nil value (field 'a')")
    #expect(failure.traceback.contains("script.lua:1:"))
    #expect(effects.count == 1 && effects.bytes.count == bytes)
  }

  @Test(arguments: ["fail(\"no\")", "pcall(fail, \"no\")", "pcall(function() pcall(fail, \"no\") end) emit(\"B\")"])
  func `fail passes through pcall`(code: String) throws {
    let stage = try stage("function(event)\n \(code)\nend")
    let reaction = stage.handle(TestEvent("A", "s"))
    #expect(reaction.emits.isEmpty && stage.lastFailure?.kind == .fail)
    #expect(reaction.failures.first?.hasSuffix("no") == true)
    #expect(stage.handle(TestEvent("A", "s")).failures.count == 1)
  }

  @Test(arguments: [
    ("return 1", true), ("return {}", true), ("return false", true), ("return", false), ("return nil", false),
    ("return emit(\"B\")", false),
  ])
  func `a handler returns nothing`(code: String, isError: Bool) throws {
    let reaction = try stage("function(event)\n \(code)\nend").handle(TestEvent("A", "s"))
    #expect(
      reaction.failures
        == (isError ? ["script.lua:1: a handler returns nothing: effects are calls, such as emit(…)"] : []))
  }

  @Test(arguments: [
    ("for i = 1, 10001 do emit(\"B\") end", HandlerFailure.Kind.limit, "emits at most 10000 events"),
    ("for i = 1, 10 do emit(\"B\", string.rep(\"x\", 60000)) end", .limit, "at most 512 KiB"),
    ("while true do pcall(emit, \"B\") end", .limit, "emits at most 10000 events"),
    ("while true do print(string.rep(\"x\", 100)) end", .limit, "writes at most 1000 lines and 64 KiB"),
    ("while true do end", .time, "than"), ("while true do pcall(error) end", .time, "than"),
    ("local t = {} while true do t[#t + 1] = string.rep(\"x\", 100000) .. #t end", .memory, "more memory"),
    ("local function f() return 1 + f() end f()", .error, "stack overflow"),
  ])
  func `a call that does too much is ended, and the next one is fine`(
    code: String, kind: HandlerFailure.Kind, says: String
  ) throws {
    let stage = try Stage("consumer \"x\" { on = { A = function() \(code) end, B = function() emit(\"Fine\") end } }")
    let reaction = stage.handle(TestEvent("A", "s"))
    #expect(stage.lastFailure?.kind == kind)
    #expect(reaction.failures.first?.contains(says) == true, "\(reaction.failures)")
    #expect(reaction.emits.isEmpty)
    #expect(stage.worker.isDead == (kind == .time || kind == .memory))
    #expect(stage.handle(TestEvent("B", "s")).emits == ["Fine s {}"])
  }

  @Test func `a dead worker refuses without blaming the script`() throws {
    let stage = try stage("function() while true do end end")
    stage.handle(TestEvent("A", "s"))
    let event = TestEvent("A")
    let outcome = withExtendedLifetime(event) {
      stage.worker.call(
        consumer: 0, handler: 0, event: event.view, position: Position(1), recorded: 0, now: 0,
        key: .init(start: nil, count: 0), readerNumber: 1, into: EntryBatch(hash: StableHash(seed: 7)))
    }
    guard case .hostFault = outcome else {
      Issue.record("\(outcome)")
      return
    }
  }

  @Test func `nothing survives a call`() throws {
    let stage = try stage(
      """
      function(event)
        local before = event.data.n
        event.data.n = 99
        event.type = "changed"
        emit("B", { before })
      end
      """)
    for _ in 0..<3 { #expect(stage.handle(TestEvent("A", "s", data: "{\"n\":1}")).emits == ["B s [1]"]) }
  }

  // MARK: the log

  @Test func `lines are what was given, joined with spaces`() throws {
    let stage = try stage(
      """
      function(event)
        log.debug("a", 1, 1.5, true, nil, null, { 1, { b = "c" } }, array {}, print, 0 / 0, -1 / 0)
        log.info() log.warn(event.data) log.error(string.rep("é", 3000))
      end
      """)
    let logs = stage.handle(TestEvent("A", "s", data: "{\"x\":[1]}")).logs
    #expect(logs[0] == "debug a 1 1.5 true nil null [1,{\"b\":\"c\"}] [] function nan -inf")
    #expect(logs[1] == "info " && logs[2] == "warn {\"x\":[1]}")
    #expect(logs[3] == "error " + String(repeating: "é", count: 2048) + "…")
  }

  // MARK: chance

  @Test func `chance follows from the log, the event, the key and the reader, and from nothing else`() throws {
    let source = "function() emit(\"B\", { random(), random(6), random(-3, 3), uuid(), math.random(100) }) end"
    func emits(at position: UInt64 = 5, subject: String = "s", reader: UInt32 = 1) throws -> [String] {
      try self.stage(source).handle(TestEvent("A", subject), at: position, reader: reader).emits
    }
    let first = try emits()
    let stage = try self.stage(source)
    stage.handle(TestEvent("A", "other"), at: 77)
    #expect(stage.handle(TestEvent("A", "s"), at: 5).emits == first)
    #expect(try emits(at: 6) != first && emits(reader: 2) != first)
    #expect(try emits(subject: "t")[0].dropFirst(4) != first[0].dropFirst(4))
    // Frozen: a new version of the host must give the same numbers.
    #expect(first == ["B s [0.14933813423357478,2,-1,\"2339eb1f-41db-47e6-b911-fb7cd86f1cde\",46]"])
  }

  @Test func `random numbers lie in their range and reach all of it`() throws {
    let stage = try stage(
      """
      function()
        local seen = {}
        for _ = 1, 2000 do
          local n, f = random(-2, 3), random()
          assert(math.type(n) == "integer" and n >= -2 and n <= 3 and f >= 0 and f < 1)
          seen[n + 3] = true
        end
        assert(#seen == 6)
        local big = random(math.mininteger, math.maxinteger)
        assert(random(7, 7) == 7 and math.type(big) == "integer")
        assert(uuid():match("^%x+%-%x%x%x%x%-4%x%x%x%-[89ab]%x%x%x%-%x+$") and #uuid() == 36 and uuid() ~= uuid())
      end
      """)
    #expect(stage.handle(TestEvent("A", "s")).failures == [])
  }

  // MARK: keys

  @Test(arguments: [
    ("\"data.k\"", "{\"k\":\"x\"}", ["x"]), ("\"data.k\"", "{\"k\":[\"x\",7,\"x\"]}", ["x", "7"]),
    ("\"data.k\"", "{\"k\":[]}", []),
    ("\"data.k\"", "{\"k\":null}", []), ("\"data.k\"", "{}", []), ("\"data.k\"", "7", []),
    ("\"data.k.l\"", "{\"k\":\"x\"}", []),
    ("\"type\"", "{}", ["A"]), ("\"data\"", "\"x\"", ["x"]), ("\"data.k\"", "{\"k\":\"\"}", [""]),
    ("\"data.k\"", "{\"k\":2.0}", ["2"]),
    ("{ A = \"data.k\" }", "{\"k\":1}", ["1"]), ("{ [\"*\"] = \"data.k\" }", "{\"k\":1}", ["1"]),
    ("{ [\"*\"] = \"data.k\", A = \"subject\" }", "{\"k\":1}", ["s"]), ("{ B = \"data.k\" }", "{\"k\":1}", ["s"]),
    ("function(event) return { event.subject, \"b\" } end", "{}", ["s", "b"]), ("function() end", "{}", []),
  ])
  func `an event has the keys its rule gives`(rule: String, data: String, keys: [String]) throws {
    let stage = try Stage(
      "consumer \"x\" { key = \(rule), on = { A = function(event) emit(\"B\", { event.key }) end, B = function() end, [\"C*\"] = print } }"
    )
    let reaction = stage.handle(TestEvent("A", "s", data: data))
    #expect(reaction.failures == [] && reaction.keys == keys)
    #expect(reaction.emits == keys.map { $0.isEmpty ? "B s {}" : "B s [\"\($0)\"]" })
  }

  @Test(arguments: [
    ("return 1.5", "it gave a number; text, a whole number, a list of them or nil is wanted"),
    ("return true", "it gave a boolean; text, a whole number, a list of them or nil is wanted"),
    ("return { a = 1 }", "it gave a table that is no list of keys"),
    ("return { { 1 } }", "it gave a table; text, a whole number, a list of them or nil is wanted"),
    ("return 1, 2", "it gave 2 values; for several keys return a list: { \"a\", \"b\" }"),
    ("return \"a\\n\"", "a key is UTF-8 text without control characters, at most 256 bytes"),
    ("return string.rep(\"x\", 257)", "a key is UTF-8 text without control characters, at most 256 bytes"),
    ("local t = {} for i = 1, 1001 do t[i] = i end return t", "an event has at most 1000 keys"),
  ])
  func `what is no key fails the unit`(code: String, says: String) throws {
    let stage = try Stage("consumer \"x\" { key = function() \(code) end, on = { A = function() end } }")
    #expect(stage.handle(TestEvent("A", "s")).failures == ["script.lua:1: key of \"x\": " + says])
  }

  @Test func `an error in a key is a failure, and a key that never ends is ended`() throws {
    let stage = try Stage(
      "consumer \"x\" { key = function(event)\n if event.data then return event.data.a.b end while true do end end, on = { A = function() end } }"
    )
    #expect(
      stage.handle(TestEvent("A", "s", data: "{}")).failures == [
        "script.lua:2: attempt to index a nil value (field 'a')"
      ])
    stage.handle(TestEvent("A", "s"))
    #expect(stage.lastFailure?.kind == .time)
    #expect(stage.handle(TestEvent("A", "s", data: "{\"a\":{\"b\":1}}")).keys == ["1"])
  }
}
