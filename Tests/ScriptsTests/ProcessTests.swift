import Events
import LuaRuntime
import TestKit
import Testing

@testable import Scripts

@Suite("Processes: what is done step by step, and taken back")
struct ProcessTests {
  static let stock = (
    "stock.lua", "aggregate \"stock\" { commands = { ReserveStock = function() end, ReleaseStock = function() end } }"
  )
  static let payments = ("payments.lua", "destination \"payments\" { http = env \"PSP\" }")

  static let checkout = """
    process "checkout" {
      starts = "OrderPlaced",
      aborts = { "OrderCancelled" },
      run = function(order)
        local reserved, why = ask("ReserveStock", { items = order.data.items }, { to = "stock" })
        if not reserved then rollback(why, "OrderFailed") end
        compensate(function() ask("ReleaseStock", { items = order.data.items }, { to = "stock" }) end)

        local reply, why = request("payments", { path = "/charges", body = { order = order.subject } })
        if not reply or reply.status ~= 201 then rollback(why or "payment declined", "OrderFailed") end
        emit("OrderConfirmed", {})
      end,
    }
    """

  private static func shop() throws -> ProcessStage {
    try ProcessStage([("checkout.lua", checkout), stock, payments])
  }

  static func process(_ run: String, _ more: String = "", hears: String = "\"A\", \"B\", \"C\"") throws
    -> ProcessStage
  {
    try ProcessStage([
      (
        "p.lua",
        "process \"p\" { starts = \"OrderPlaced\", hears = { \(hears) }, aborts = \"Stop\", \(more) run = function(e)\n\(run) end }"
      ), stock, payments,
    ])
  }

  /// Repeats the history in a fresh worker: every step does what it did.
  private static func check(_ stage: ProcessStage, sourceLocation: SourceLocation = #_sourceLocation) throws {
    let turns = stage.turns
    #expect(try stage.replay() == turns, sourceLocation: sourceLocation)
  }

  // MARK: the checkout of the design

  @Test func `an order is reserved, paid and confirmed`() throws {
    let stage = try Self.shop()
    let placed = stage.start("OrderPlaced", "order-1", #"{"items":["a"]}"#)
    #expect(placed.effects == [#"sends ReserveStock stock {"items":["a"]}"#] && placed.wait == .outcome)
    let reserved = stage.give(.accepted([TestEvent("StockReserved", "stock", data: "{}")]))
    #expect(reserved.effects == [#"publishes payments order-1 {"order":"order-1"}"#] && reserved.wait == .answer)
    #expect(reserved.compensations == [7])
    let paid = stage.answer(#"{"status":201,"headers":{},"body":{}}"#)
    #expect(paid.effects == ["emits OrderConfirmed order-1 {}"] && paid.wait == .ended(.done))
    #expect(paid.compensations == [])
    try Self.check(stage)
  }

  @Test func `a refusal before anything was done has nothing to take back`() throws {
    let stage = try Self.shop()
    stage.start("OrderPlaced", "order-1", #"{"items":[]}"#)
    let turn = stage.give(.rejected("only 1 left"))
    #expect(turn.effects == [#"emits OrderFailed order-1 {"reason":"only 1 left"}"#])
    #expect(turn.wait == .ended(.rolledBack(reason: "only 1 left")))
    try Self.check(stage)
  }

  @Test(arguments: [
    (#"{"status":402,"headers":{}}"#, "payment declined"), (#"{"error":"no connection"}"#, "no connection"),
  ])
  func `what was done is taken back when the payment fails`(answer: String, reason: String) throws {
    let stage = try Self.shop()
    stage.start("OrderPlaced", "order-1", #"{"items":["a"]}"#)
    stage.give(.accepted([]))
    let declined = stage.answer(answer)
    #expect(declined.effects == [#"sends ReleaseStock stock {"items":["a"]}"#] && declined.wait == .outcome)
    #expect(declined.compensations == [])
    let released = stage.give(.accepted([]))
    #expect(released.effects == [#"emits OrderFailed order-1 {"reason":"\#(reason)"}"#])
    #expect(released.wait == .ended(.rolledBack(reason: reason)))
    try Self.check(stage)
  }

  @Test func `an abort waits for the answer, and asks for nothing more`() throws {
    let stage = try Self.shop()
    stage.start("OrderPlaced", "order-1", #"{"items":["a"]}"#)
    let aborted = stage.give(.abort("OrderCancelled"))
    #expect(aborted.effects == [] && aborted.wait == .outcome)
    let reserved = stage.give(.accepted([]))
    #expect(reserved.effects == [#"sends ReleaseStock stock {"items":["a"]}"#] && reserved.wait == .outcome)
    let released = stage.give(.rejected("gone"))
    #expect(released.effects == [] && released.wait == .ended(.rolledBack(reason: "OrderCancelled")))
    try Self.check(stage)
  }

  // MARK: effects

  @Test func `effects are on the subject of the start, caused by what the step began with`() throws {
    let stage = try Self.process(
      "await 'A' emit('Done') send('ReserveStock', {}, { to = 'stock' }) ask('ReserveStock')")
    let start = TestEvent(
      "OrderPlaced", "order-1", data: "{}", attributes: [(.correlationid, "c-1")], cause: 0, root: 0, depth: 4)
    stage.give(.start(start))
    stage.event("A", "elsewhere")
    let effects = stage.lastEffects
    #expect(effects.count == 3)
    for index in 0..<effects.count {
      let effect = effects.entry(index)
      #expect(effect.cause == 2 && effect.root == 1 && effect.depth == 5)
      #expect(effect.attributes[.correlationid]?.text == "c-1")
    }
    #expect(effects.entry(0).subject.text == "order-1")
    let (sent, asked) = (effects.entry(1), effects.entry(2))
    #expect(sent.attributes[.sender]?.text == "order-1" && sent.attributes[.request] == nil)
    #expect(asked.subject.text == "order-1" && asked.attributes[.request]?.text == "1")
    let address = ReplyAddress(reader: 3, start: 1, step: 1, key: Array("order-1".utf8))
    #expect(sent.replyAddress == address && asked.replyAddress == address)
    try Self.check(stage)
  }

  @Test func `a timeout is caused by the last event before it`() throws {
    let stage = try Self.process("await 'A' sleep('1s') emit('Done')")
    stage.start()
    stage.event("A")
    stage.give(.timeout)
    #expect(stage.lastEffects.entry(0).cause == 2)
  }

  @Test func `a decision's events are for whoever asked, and for nobody further`() throws {
    let stage = try Stage(
      "aggregate \"a\" { commands = { C = function(a, c) emit('E') end } }\nconsumer \"x\" { on = { E = function() emit('F') end } }"
    )
    let command = TestEvent("C", "s", attributes: [(.reply, "3:1.0:k"), (.request, "1")], kind: .command)
    let effects = EntryBatch(hash: StableHash(seed: 7))
    var state = stage.worker.initialState(of: 0)
    _ = stage.worker.decide(
      aggregate: 0, handler: 0, command: command.view, position: Position(2), recorded: Stage.time, now: Stage.time,
      readerNumber: 1, state: &state, into: effects)
    #expect(effects.entry(0).attributes[.reply]?.text == "3:1.0:k" && effects.entry(0).attributes[.request] == nil)
    stage.handle(TestEvent("E", "s", attributes: [(.reply, "3:1.0:k")]))
    #expect(stage.lastEffects.entry(0).attributes[.reply] == nil)
  }

  @Test func `random numbers follow from the instance and the step`() throws {
    let source = "log.info(uuid(), random(1000000)) await 'A' log.info(uuid(), random(1000000), now())"
    let stage = try Self.process(source)
    let first = stage.start()
    let second = stage.event("A")
    #expect(first.logs != second.logs && first.logs[0].count > 36)
    try Self.check(stage)
    let other = try Self.process(source)
    other.start("Skipped")
    #expect(other.turns[0].logs == first.logs)
  }

  @Test func `timers and messages are effects of a process`() throws {
    let stage = try Self.process(
      "after('1h', 'Late', {}, { id = 'x' }) cancel('x') publish('payments', { n = 1 }) request('payments', {}, { reply = 'R' })"
    )
    let turn = stage.start()
    #expect(turn.failure == nil && turn.effects.count == 4 && turn.wait == .ended(.done), "\(turn)")
    #expect(stage.lastEffects.entry(3).attributes[.reply]?.text == "R")
  }

  // MARK: waits

  @Test func `await gives the event, with all its fields`() throws {
    let stage = try Self.process("local a = await { 'A', 'B', within = '1h' }\nlog.info(json.encode(a), a.key)")
    let started = stage.start()
    #expect(started.wait == .events(types: ["A", "B"], all: false, within: 3_600_000_000))
    let event = TestEvent(
      "B", "s-1", data: #"{"n":[1,{}],"none":null}"#,
      attributes: [(.id, "7"), (.source, "shop"), (.time, "2026-01-01T00:00:00Z")],
      extensions: [("region", "eu", .string)], cause: 1, root: 1)
    let turn = stage.give(.event(event))
    #expect(
      turn.logs == [
        #"{"cause":1,"correlation":"1","data":{"n":[1,{}]},"ext":{"region":"eu"},"id":"7","key":"order-1","position":2,"recorded":1767225602000,"source":"shop","subject":"s-1","time":1767225600000,"type":"B"} order-1"#
      ])
    try Self.check(stage)
  }

  @Test func `data that are no JSON come as text`() throws {
    let stage = try Self.process("local a = await 'A'\nlog.info(a.data, #a.data)")
    stage.start()
    #expect(stage.give(.event(TestEvent("A", "s", data: "raw", encoding: .binary))).logs == ["raw 3"])
  }

  @Test func `await all waits for one of each and gives them by type`() throws {
    let stage = try Self.process(
      "local got = await { all = { 'A', 'B' }, within = '1h' }\nlog.info(got.A.subject, got.B.data.n)\nawait 'C'")
    #expect(stage.start().wait == .events(types: ["A", "B"], all: true, within: 3_600_000_000))
    let first = stage.event("B", "b", #"{"n":5}"#)
    #expect(first.wait == .events(types: ["A"], all: true, within: 3_600_000_000) && first.effects == [])
    let second = stage.event("A", "a")
    #expect(second.logs == ["a 5"] && second.wait == .events(types: ["C"], all: false, within: nil))
    try Self.check(stage)
  }

  @Test func `the time of a wait ends it with a reason`() throws {
    let stage = try Self.process(
      "log.info(await { 'A', within = '0s' })\nlog.info(sleep('5m'))\nlog.info(await { all = { 'A', 'B' } })")
    #expect(stage.start().wait == .events(types: ["A"], all: false, within: 0))
    let slept = stage.give(.timeout)
    #expect(slept.logs == ["nil timeout"] && slept.wait == .sleep(300_000_000))
    #expect(stage.give(.timeout).logs == ["true"])
    #expect(stage.event("A").wait == .events(types: ["B"], all: true, within: nil))
    let ended = stage.give(.timeout)
    #expect(ended.logs == ["nil timeout"] && ended.wait == .ended(.done))
    try Self.check(stage)
  }

  @Test func `ask gives the events of the decision, or why there are none`() throws {
    let stage = try Self.process(
      """
      local got = ask("ReserveStock")
      log.info(#got, got[1].type, got[2].data.n, json.encode(ask("ReserveStock")))
      log.info(ask("ReserveStock"))
      """)
    stage.start()
    let accepted = stage.give(
      .accepted([TestEvent("X", "s", data: "{}"), TestEvent("Y", "s", data: #"{"n":2}"#)]))
    #expect(accepted.wait == .outcome)
    #expect(stage.give(.accepted([])).logs == ["2 X 2 []"])
    #expect(stage.give(.rejected("discarded")).logs == ["nil discarded"])
    try Self.check(stage)
  }

  @Test func `pcall waits, and what it catches is the script's`() throws {
    let stage = try Self.process(
      "local ok, why = pcall(function() local a = await 'A' error('no ' .. a.type, 0) end)\nlog.info(ok, why) await 'B'"
    )
    stage.start()
    #expect(stage.event("A").logs == ["false no A"])
    #expect(stage.event("B").wait == .ended(.done))
    try Self.check(stage)
  }

  @Test func `the start event is there as it was, many steps later`() throws {
    let stage = try Self.process("for i = 1, 50 do await 'A' end\nlog.info(e.data.items[2], e.subject, e.type)")
    stage.start("OrderPlaced", "order-1", #"{"items":["a","b"]}"#)
    for _ in 1...50 { stage.event("A") }
    #expect(stage.turns.last?.logs == ["b order-1 OrderPlaced"])
    try Self.check(stage)
  }

  // MARK: taking back

  @Test func `compensations run the last first, and may wait`() throws {
    let stage = try Self.process(
      """
      compensate(function() emit("First") end)
      compensate(function() log.info(request("payments", {}).status) emit("Second") end)
      compensate(function() local ok, why = ask("ReleaseStock") emit("Third", { why = why }) await "A" end)
      rollback("enough", "Failed", { n = 1 })
      """)
    let third = stage.start()
    #expect(third.effects == ["sends ReleaseStock order-1 {}"] && third.wait == .outcome)
    #expect(third.compensations == [3, 2])
    let more = stage.give(.rejected("no"))
    #expect(more.effects == [#"emits Third order-1 {"why":"no"}"#])
    #expect(more.wait == .events(types: ["A"], all: false, within: nil))
    #expect(stage.give(.abort("again")).wait == more.wait, "it rolls back already")
    let second = stage.event("A")
    #expect(second.wait == .answer && second.compensations == [2])
    let first = stage.answer(#"{"status":200,"headers":{}}"#)
    #expect(first.effects == ["emits Second order-1 {}", "emits First order-1 {}", #"emits Failed order-1 {"n":1}"#])
    #expect(first.wait == .ended(.rolledBack(reason: "enough")))
    try Self.check(stage)
  }

  @Test(arguments: [
    "pcall(rollback, 'r', 'F')", "pcall(function() pcall(function() rollback('r', 'F') end) end)",
    "table.sort({ 1, 2 }, function() rollback('r', 'F') end)",
    "string.gsub('a', 'a', function() rollback('r', 'F') end)",
    "pcall(function() await 'A' rollback('r', 'F') end)",
  ])
  func `rollback never returns`(code: String) throws {
    let stage = try Self.process("compensate(function() emit('Undone') end)\n\(code)\nemit('Never')")
    var turn = stage.start()
    if case .events? = turn.wait { turn = stage.event("A") }
    #expect(turn.effects == ["emits Undone order-1 {}", #"emits F order-1 {"reason":"r"}"#])
    #expect(turn.wait == .ended(.rolledBack(reason: "r")))
    try Self.check(stage)
  }

  @Test func `a compensation that fails is not caught by who called rollback`() throws {
    let stage = try Self.process(
      "compensate(function()\nerror('cannot') end)\npcall(function() rollback('r') end)\nemit('Never')")
    let turn = stage.start()
    #expect(turn.failure == "p.lua:3: cannot" && turn.effects == [] && turn.wait == nil)
    #expect(stage.lastFailure?.kind == .error)
    #expect(stage.lastFailure?.traceback.contains("p.lua:3:") == true)
  }

  @Test func `an abort while it awaits or sleeps rolls back at once`() throws {
    for wait in ["await 'A'", "sleep('1h')", "await { all = { 'A', 'B' } }"] {
      let stage = try Self.process(
        "compensate(function() emit('Undone') end)\npcall(function() \(wait) end) emit('Never')")
      stage.start()
      if wait.contains("all") { stage.event("A") }
      let turn = stage.give(.abort("Stop"))
      #expect(turn.effects == ["emits Undone order-1 {}"], "\(wait)")
      #expect(turn.wait == .ended(.rolledBack(reason: "Stop")))
      try Self.check(stage)
    }
  }

  @Test func `an abort that comes too late changes nothing`() throws {
    let stage = try Self.process("ask('ReserveStock') emit('Done')")
    stage.start()
    stage.give(.abort("Stop"))
    let turn = stage.give(.accepted([]))
    #expect(turn.effects == ["emits Done order-1 {}"] && turn.wait == .ended(.done))
  }

  @Test func `a cancelled instance ends without taking back`() throws {
    let stage = try Self.process("compensate(function() emit('Undone') end) await 'A'")
    stage.start()
    let turn = stage.give(.cancel("operator"))
    #expect(turn.effects == [] && turn.wait == .ended(.cancelled) && turn.compensations == [])
    #expect(stage.event("A").failure == "host: a step of an instance that is over")
  }

  @Test func `restart ends the history with what the next begins with`() throws {
    let stage = try Self.process("await 'A'\npcall(restart, { round = (e.data.round or 0) + 1 })")
    stage.start("OrderPlaced", "order-1", #"{"round":4}"#)
    let turn = stage.event("A")
    #expect(turn.wait == .ended(.restarted(Array(#"{"round":5}"#.utf8))))
    try Self.check(stage)
  }
}
