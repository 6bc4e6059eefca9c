import Events
import LuaRuntime
import TestKit
import Testing
@testable import Scripts

/// Steps that fail, and what an instance leaves behind when it is let go of.
extension ProcessTests {
  @Test func `a failed step leaves no effects, and the history before it can be repeated`() throws {
    let stage = try Self.process("emit('X') await 'A'\nemit('Y')\nerror('broken')")
    stage.start()
    let turn = stage.event("A")
    #expect(turn.failure == "p.lua:4: broken" && turn.effects == [])
    #expect(stage.event("A").failure == "host: a step of an instance that is over")
    let again = try Self.process("emit('X') await 'A'\nemit('Y')\nerror('broken')")
    again.start()
    try again.replay()
    #expect(again.event("A").failure == "p.lua:4: broken")
  }

  @Test func `fail gives up, and a limit is one`() throws {
    let failing = try Self.process("await 'A'\npcall(fail, 'hopeless')")
    failing.start()
    #expect(failing.event("A").failure == "hopeless" && failing.lastFailure?.kind == .fail)
    let greedy = try Self.process("for i = 1, 10001 do emit('X') end")
    #expect(greedy.start().failure?.contains("at most 10000") == true && greedy.lastFailure?.kind == .limit)
    let hoarding = try Self.process("for i = 1, 1001 do compensate(function() end) end")
    #expect(hoarding.start().failure?.contains("at most 1000 compensations") == true)
  }

  @Test func `a step that uses up its time ends the worker, and the next worker repeats the history`() throws {
    let stage = try Self.process(
      "await 'A' if now() < \(Stage.time / 1000 + 3000) then while true do end end emit('Fine')")
    stage.start()
    #expect(stage.event("A").failure?.hasPrefix("did more than") == true && stage.worker.isDead)
    #expect(stage.lastFailure?.kind == .time)
    let again = try Self.process("await 'A' emit('Fine')")
    again.start()
    try again.replay()
    #expect(again.event("A").effects == ["emits Fine order-1 {}"])
  }

  @Test func `a step that does not fit the wait is refused`() throws {
    let stage = try Self.process("await 'A'")
    #expect(stage.give(.start(TestEvent("OrderPlaced", "order-1"))).failure == nil)
    for given: ProcessStage.Given in [
      .accepted([]), .rejected("x"), .event(TestEvent("B")), .answered(TestEvent("moondance.answered", data: "{}")),
      .start(TestEvent("OrderPlaced")),
    ] {
      #expect(stage.give(given).failure == "host: a step of an instance that does not wait for it")
    }
  }

  @Test(arguments: [
    (
      "await 'Unknown'",
      "\"Unknown\" is not among what this process hears\n  write hears = { \"A\", \"B\", \"C\", \"Unknown\" }"
    ),
    ("await {}", "await names no event type\n  write await { \"PaymentCaptured\", within = \"1h\" }"),
    ("await()", "await wants event types; this is nil\n  write await { \"PaymentCaptured\", within = \"1h\" }"),
    ("await { 'A', within = 5 }", "await: within is a number; a span is wanted: \"1h\""),
    ("await { 'A', withn = '5s' }", "await has no option \"withn\": did you mean within?"),
    (
      "await { 'A', all = { 'B' } }",
      "await: all is a list of types, and there are no others beside it: await { all = { \"Paid\", \"Packed\" } }"
    ),
    ("sleep(60)", "sleep wants a span; this is a number\n  a span is text with a unit: sleep(\"60s\")"),
    (
      "compensate('x')",
      "compensate wants a function; this is text\n  write compensate(function() ask(\"ReleaseStock\", { … }) end)"
    ),
    ("ask('ReservStock')", "nobody owns \"ReservStock\"\n  did you mean ReserveStock (aggregate stock)?"),
    (
      "rollback('r', nil, {})",
      "rollback has data and no event type\n  write rollback(\"no stock\", \"OrderFailed\", { … })"
    ),
    (
      "rollback('r', 'no type')",
      "\"no type\" is no event type: letters, digits, \".\", \"_\" and \"-\", 1 to 128 of them"
    ),
    (
      "table.sort({ 1, 2 }, function() await 'A' end)",
      "await cannot wait inside of a function that table.sort, string.gsub or a metamethod has called\n"
        + "  wait before it, and use there what has come"
    ),
    ("reject('x')", "reject works in a command of an aggregate\n  a process takes back what it did with rollback(…)"),
  ])
  func `what is wrong is said with its place`(code: String, says: String) throws {
    // What nobody owns is told when the script loads, when its name stands there.
    let stage = try Self.process("local ask = ask\n\(code)")
    #expect(stage.start().failure == "p.lua:3: \(says)")
    // An effect that cannot be waited for does not stay behind either.
    #expect(stage.turns[0].effects == [])
  }

  @Test(arguments: ["compensate(function() end)", "rollback('x')", "restart()"])
  func `what is being taken back is only taken back`(code: String) throws {
    let stage = try Self.process("compensate(function()\n\(code) end) rollback('r')")
    let word = String(code.prefix { $0 != "(" })
    #expect(
      stage.start().failure
        == "p.lua:3: \(word) does not work while the process rolls back\n  a compensation does its part; it fails with error(…), and is tried again"
    )
  }

  @Test func `run returns nothing`() throws {
    let stage = try Self.process("return 1")
    #expect(stage.start().failure == "p.lua:1: run returns nothing: effects are calls, such as emit(…)")
  }

  @Test func `contracts hold for what a process emits`() throws {
    let stage = try ProcessStage([
      (
        "p.lua",
        "contract \"Failed\" { version = 1, schema = { code = \"integer\" } }\nprocess \"p\" { starts = \"OrderPlaced\", run = function(e)\nif e.data.bad then rollback('r', 'Failed') end\nrollback('r', 'Failed', { code = 3 }) end }"
      )
    ])
    #expect(stage.start("OrderPlaced", "o", "{}").effects == [#"emits Failed o {"code":3}"#])
    #expect(stage.lastEffects.entry(0).contractVersion == 1)
    let wrong = try ProcessStage([("p.lua", String(decoding: stage.generation.files[0].bytes, as: UTF8.self))])
    #expect(wrong.start("OrderPlaced", "o", #"{"bad":true}"#).failure?.contains("rollback(…, \"Failed\")") == true)
  }

  // MARK: what is kept

  @Test func `an instance that is let go of is free again`() throws {
    let stage = try Self.process(
      "local t = {} for i = 1, 50000 do t[i] = { i } end compensate(function() t = nil end) await 'A'")
    let before = stage.worker.memory
    for _ in 1...3 {
      stage.run = stage.worker.makeRun(consumer: stage.number)
      let one = stage.start()
      #expect(one.failure == nil)
      try #require(stage.steps.count == 1)
      stage.forget()
    }
    stage.run = stage.worker.makeRun(consumer: stage.number)
    stage.worker.interpreter.state.collectGarbage()
    #expect(stage.worker.memory < before + 1_000_000, "\(stage.worker.memory) and \(before)")
  }

  @Test func `many instances of one worker do not see each other`() throws {
    let stage = try Self.process(
      "local n = e.data.n for i = 1, 3 do local a = await 'A' n = n + a.data.n end log.info(n)")
    let runs = (0..<200).map { _ in stage.worker.makeRun(consumer: stage.number) }
    for (number, run) in runs.enumerated() {
      stage.run = run
      stage.start("OrderPlaced", "order-1", "{\"n\":\(number)}")
      stage.forget()
    }
    for round in 1...3 {
      for (number, run) in runs.enumerated().reversed() {
        stage.run = run
        let turn = stage.continue("A", "{\"n\":\(round)}")
        if round == 3 { #expect(turn.logs == ["\(number + 6)"]) }
      }
    }
  }

  @Test(arguments: HostileScriptTests.all)
  func `a hostile process harms nobody`(hostile: HostileScriptTests.Hostile) throws {
    let source =
      "process \"x\" { starts = \"OrderPlaced\", hears = \"A\", run = function(event)\nif event.data.bad then await 'A'\n\(hostile.source)\nend emit('Fine') end }"
    guard case .success(let generation) = Generation.load([SourceFile(path: "a.lua", text: source)]) else { return }
    guard generation.consumers.contains(where: { $0.process != nil }) else { return }
    let stage = try ProcessStage([("a.lua", source)])
    #expect(stage.start("OrderPlaced", "order-1", #"{"bad":true}"#).failure == nil)
    let clock = ContinuousClock.now
    let turn = stage.event("A")
    #expect(ContinuousClock.now - clock < Slowness.stretch(.seconds(2)))
    #expect(turn.failure?.hasPrefix("host:") != true, "\(turn)")
    let next = try ProcessStage([("a.lua", source)])
    if !stage.worker.isDead { next.worker = stage.worker }
    next.run = next.worker.makeRun(consumer: next.number)
    #expect(next.start("OrderPlaced", "order-1", "{}").effects == ["emits Fine order-1 {}"])
  }
}
