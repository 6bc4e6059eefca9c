import Events
import Testing

@testable import Scripts

/// What `after`, `at` and `cancel` leave, and what they say when they are used wrongly.
@Suite struct TimerWordTests {
  private struct Timer: Equatable {
    var type: String
    var subject: String
    var data: String
    /// From the time of the call, µs; nil: it ends another.
    var wait: Int64?
    var reader: UInt32
    var key: String
    var id: String?
  }

  private func timers(_ body: String, key: String = "") throws -> [Timer] {
    let stage = try Stage(
      """
      consumer "c" { \(key)on = { Go = function(event)
        \(body)
      end } }
      """)
    let reaction = stage.handle(TestEvent("Go", "s-1", data: #"{"k":"other"}"#), reader: 7)
    #expect(reaction.failures == [])
    return (0..<stage.lastEffects.count).map { stage.lastEffects.entry($0) }.map { entry in
      #expect(entry.rawKind == RecordKind.timer.rawValue && EntryView.isValid(entry.whole))
      let scope = entry.timerScope
      return Timer(
        type: entry.type.text, subject: entry.subject.text, data: entry.data.text,
        wait: entry.due.map { $0 - Stage.time }, reader: scope.reader, key: scope.key.text, id: scope.id.map(\.text))
    }
  }

  @Test func `after and at say when, what, and for whom`() throws {
    let found = try timers(
      """
        after("15m", "Due", { n = 1 })
        after("0s", "Due", nil, { id = "name", subject = "s-2" })
        at("2026-01-01T01:00:00+01:00", "Due")
        at(now() + 5, "Due", {}, { id = 12 })
        at(now() + 0.5, "Due")
        at(0, "Due")
        cancel("name")
        cancel(12)
      """, key: "key = \"data.k\", ")
    let (due, key) = ("Due", "other")
    #expect(
      found == [
        Timer(type: due, subject: "s-1", data: #"{"n":1}"#, wait: 900_000_000, reader: 7, key: key, id: nil),
        Timer(type: due, subject: "s-2", data: "{}", wait: 0, reader: 7, key: key, id: "name"),
        Timer(type: due, subject: "s-1", data: "{}", wait: 0, reader: 7, key: key, id: nil),
        Timer(type: due, subject: "s-1", data: "{}", wait: 5000, reader: 7, key: key, id: "12"),
        Timer(type: due, subject: "s-1", data: "{}", wait: 500, reader: 7, key: key, id: nil),
        Timer(type: due, subject: "s-1", data: "{}", wait: -Stage.time, reader: 7, key: key, id: nil),
        Timer(type: "moondance.timer.cancelled", subject: "s-1", data: "", wait: nil, reader: 7, key: key, id: "name"),
        Timer(type: "moondance.timer.cancelled", subject: "s-1", data: "", wait: nil, reader: 7, key: key, id: "12"),
      ])
  }

  @Test func `a timer has what its event needs of contracts, and its chain of causes`() throws {
    let stage = try Stage(
      """
      contract "Due" { schema = { list = "array" } }
      consumer "c" { on = { Go = function(event)
        after("1ms", "Due", { list = {} })
        after("1s", "Due", { list = {} })
      end } }
      """)
    let event = TestEvent("Go", "s-1", attributes: [(.correlationid, "story")], cause: 3, root: 2, depth: 5)
    #expect(stage.handle(event, at: 9).failures == [])
    let (soon, later) = (stage.lastEffects.entry(0), stage.lastEffects.entry(1))
    #expect(soon.contractVersion == 1 && soon.data.text == #"{"list":[]}"#)
    #expect(soon.cause == 9 && soon.root == 2 && soon.depth == 6 && later.depth == 0)
    #expect(soon.attributes[.correlationid]?.text == "story")
    #expect(stage.handle(TestEvent("Go", "s-1", depth: 1000), at: 10).failures.first?.contains("circle") == true)
  }

  @Test(arguments: [
    (#"after(60, "Due")"#, #"a span is text with a unit: after("60s", …)"#),
    (#"after("60", "Due")"#, #""60" is no span: digits and one of ms, s, m, h, d, w, ten years at most"#),
    (#"after("99999d", "Due")"#, #""99999d" is no span"#),
    (#"after(nil, "Due")"#, "after wants a span first"),
    (#"after("1m")"#, "after wants an event type second; this is nil"),
    (#"after("1m", "no type")"#, #""no type" is no event type"#),
    (#"after("1m", "moondance.x")"#, #"types that begin with "moondance." are the host's"#),
    (#"after("1m", "Due", { f = print })"#, #"after(…, "Due"): data.f"#),
    (#"after("1m", "Due", {}, { ids = 1 })"#, #"after has no option "ids": did you mean id?"#),
    (#"after("1m", "Due", {}, { id = "" })"#, "after: id is text, 1 to"),
    (#"after("1m", "Due", {}, { subject = 1 })"#, "after: a subject is UTF-8 text"),
    (#"after("1m", "Due", {}, "id")"#, "after's options are text; a table is wanted"),
    (#"at("tomorrow", "Due")"#, "at wants a time first: milliseconds since 1970 UTC, or text like"),
    (#"at(1e300, "Due")"#, "at wants a time first"),
    (#"cancel()"#, "cancel: id is text, 1 to"),
    (#"cancel({})"#, "cancel: id is text, 1 to"),
  ])
  func `a mistake says what is wanted`(call: String, says: String) throws {
    let stage = try Stage("consumer \"c\" { on = { Go = function(event) \(call) end } }")
    let failure = try #require(stage.handle(TestEvent("Go", "s")).failures.first)
    #expect(failure.contains(says), "\(failure)")
    #expect(stage.lastEffects.count == 0)
  }

  @Test func `a timer is made in a handler only, and its type is one that the scripts make`() throws {
    let loaded = Generation.load([SourceFile(path: "a.lua", text: #"after("1m", "Due")"#)])
    guard case .failure(let errors) = loaded else { return #expect(Bool(false)) }
    #expect("\(errors)".contains("after works in a handler, not while the file loads"))
    let generation = try Generation.load([
      SourceFile(
        path: "a.lua",
        text: """
          consumer "a" { on = { Go = function(event) after(event.data.wait or "1m", "OrderOverdue", { x = 1 }) end } }
          consumer "b" { on = { OrderOverdu = function(event) end } }
          """)
    ]).get()
    #expect(generation.warnings.contains { $0.contains("did you mean OrderOverdue?") })
  }
}
