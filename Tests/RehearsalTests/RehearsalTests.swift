import Foundation
import Rehearsal
import Scripts
import Testing

/// Users' tests: what they may say, and that a difference between schedules is found and explained.
@Suite struct RehearsalTests {
  private func results(_ scripts: [String: String], _ tests: String) throws -> [TestResult] {
    let files = scripts.sorted { $0.key < $1.key }.map { SourceFile(path: $0.key, text: $0.value) }
    let generation = try Generation.load(files.filter { !$0.isModule } + files.filter(\.isModule)).get()
    let loaded = try TestLoader.load(
      [SourceFile(path: "a_test.lua", text: tests)], modules: files.filter(\.isModule)
    ).get()
    return loaded.map { Rehearsal(generation).run($0) }
  }

  private func result(_ script: String, _ steps: String) throws -> TestResult.Problem? {
    let all = try results(["a.lua": script], "test(\"it\", function(t)\n\(steps)\nend)")
    return try #require(all.first).problem
  }

  private static let paid = """
    consumer "pay" { on = { OrderPlaced = function(event)
      if event.data.price < 0 then fail("a price is not negative") end
      emit("OrderPaid", { price = event.data.price, items = event.data.items })
    end } }
    """

  @Test func `what holds under every schedule passes`() throws {
    let problem = try result(
      Self.paid,
      """
      t:given("OrderPlaced", "order-0", { price = 1 })
      t:when("OrderPlaced", "order-1", { price = 5, items = { "a" } })
      t:when("OrderPlaced", "order-2", { price = 6 })
      t:expect("OrderPaid", "order-1", { price = 5 })
      t:expect("OrderPaid", "order-2")
      t:never("OrderPaid", "order-0")
      t:never("OrderLost")
      """)
    #expect(problem == nil)
  }

  @Test func `an expectation that does not hold is shown with what differs, and with its line`() throws {
    let problem = try #require(
      try result(
        Self.paid,
        """
        t:when("OrderPlaced", "order-1", { price = 5, items = { "a" } })
        t:expect("OrderPaid", "order-1", { price = 6, items = { "a" }, paid = true })
        """))
    #expect(problem.line == 3 && problem.file == "a_test.lua" && problem.schedule == .oneByOne)
    #expect(problem.what == "no OrderPaid on order-1 is as expected")
    #expect(problem.details == ["paid: expected true, got nothing", "price: expected 6, got 5"])
  }

  @Test func `two expectations want two events`() throws {
    let problem = try result(
      Self.paid,
      """
      t:when("OrderPlaced", "order-1", { price = 5 })
      t:expect("OrderPaid", "order-1")
      t:expect("OrderPaid", "order-1")
      """)
    #expect(problem?.line == 4 && problem?.what == "there is no OrderPaid on order-1")
  }

  @Test func `what must never be there is shown with what led to it`() throws {
    let problem = try result(
      Self.paid, #"t:when("OrderPlaced", "order-1", { price = 5 })  t:never("OrderPaid")"#)
    #expect(problem?.what == #"there is a OrderPaid on order-1 {"price": 5}"#)
    #expect(problem?.details == [#"because of OrderPlaced on order-1 {"price": 5}"#])
  }

  @Test func `a handler that fails fails the test, unless it is meant to`() throws {
    let steps = #"t:when("OrderPlaced", "order-1", { price = -1 })"#
    let problem = try result(Self.paid, steps)
    #expect(problem?.what.contains("pay fails: a.lua:2: a price is not negative") == true)
    #expect(try result(Self.paid, steps + "\n" + #"t:fails("not negative")"#) == nil)
    #expect(try result(Self.paid, steps + "\n" + #"t:fails("too high")"#)?.what == #"no handler fails with "too high""#)
  }

  @Test func `retries follow the clock of the test`() throws {
    let script = """
      consumer "slow" { retry = { attempts = 5, first = "10m", factor = 1, jitter = 0 }, on = { Begun = function(event)
        if now() - event.recorded < 20 * 60000 then error("not yet") end
        emit("Ended", { after = now() - event.recorded })
      end } }
      """
    let problem = try result(
      script,
      """
      t:when("Begun", "a")
      t:advance("19m")
      t:fails("not yet")
      t:never("Ended")
      t:at("2026-01-05T09:30:00Z")
      t:expect("Ended", "a", { after = 1200000 })
      """)
    #expect(problem == nil)
  }

  private static let overdue = """
    consumer "orders" { on = {
      OrderPlaced = function(event) after("15m", "OrderOverdue", { of = event.position }, { id = "overdue" }) end,
      OrderPaid = function(event) cancel("overdue") end,
    } }
    consumer "reminders" { on = { OrderOverdue = function(event) emit("Reminded", { of = event.data.of }) end } }
    """

  @Test func `timers fire on the way when the clock goes on, the same under every schedule`() throws {
    let problem = try result(
      Self.overdue,
      """
      t:when("OrderPlaced", "order-1")
      t:when("OrderPlaced", "order-2")
      t:when("OrderPlaced", "order-3")
      t:advance("14m")
      t:never("OrderOverdue")
      t:when("OrderPaid", "order-1")
      t:at("2026-01-05T09:15:00Z")
      t:expect("OrderOverdue", "order-2")
      t:expect("Reminded", "order-3")
      t:never("OrderOverdue", "order-1")
      """)
    #expect(problem == nil)
  }

  @Test func `an event that a timer is yet to emit is said to be one`() throws {
    let problem = try #require(
      try result(Self.overdue, #"t:when("OrderPlaced", "order-1") t:expect("OrderOverdue", "order-1")"#))
    #expect(problem.details.first == #"a timer will emit it: t:advance("900s") goes there"#)
  }

  @Test func `consumers remember, and remember the same under every schedule`() throws {
    let script = """
      consumer "hot" { state = { last = array {}, alarm = false }, on = { Reading = function(event, state)
        table.insert(state.last, event.data.celsius)
        if #state.last > 3 then table.remove(state.last, 1) end
        local sum = 0
        for _, value in ipairs(state.last) do sum = sum + value end
        if not state.alarm and sum > 240 then
          state.alarm = true
          emit("AlarmRaised", { id = uuid(), sum = sum })
        end
      end } }
      """
    let problem = try result(
      script,
      """
      for n = 1, 10 do t:when("Reading", "sensor-1", { celsius = 70 + n * 3 }) end
      t:expect("AlarmRaised", "sensor-1", { sum = 246 })
      t:never("AlarmRaised", "sensor-2")
      """)
    #expect(problem == nil)
  }

  @Test func `what follows from the order in which readers come is found and explained`() throws {
    // The position tells how much was handled before: no two schedules agree.
    let script = """
      consumer "numbers" { on = { Begun = function(event) emit("Numbered", { early = event.position < 4 }) end } }
      consumer "noise" { on = { Begun = function(event) emit("Noise", {}) end } }
      """
    let problem = try #require(
      try result(
        script,
        """
        for n = 1, 3 do t:when("Begun", "s-" .. n) end
        t:expect("Numbered", "s-3")
        """))
    #expect(problem.schedule == .batch && problem.what == "in one batch the scripts do something else")
    #expect(problem.details.contains { $0.contains("one by one: Numbered on s-") })
  }

  @Test func `chance is the same under every schedule`() throws {
    let script = """
      consumer "dice" { on = { Thrown = function(event) emit("Fell", { eyes = random(6), id = uuid() }) end } }
      """
    let problem = try result(
      script,
      """
      for n = 1, 5 do t:when("Thrown", "s-" .. n) end
      t:expect("Fell", "s-5")
      """)
    #expect(problem == nil)
  }

  @Test func `documents of projections are looked at by key`() throws {
    let script = """
      projection "orders" { on = {
        OrderPlaced = function(order, event) order.price = event.data.price end,
        OrderGone = function() return remove() end,
      } }
      """
    let steps = #"t:when("OrderPlaced", "order-1", { price = 5 })"#
    #expect(try result(script, steps + "\n" + #"t:view("orders", "order-1", { price = 5 })"#) == nil)
    #expect(
      try result(script, steps + "\n" + #"t:view("orders", "order-1", { price = 6 })"#)?.details
        == ["price: expected 6, got 5"])
    #expect(
      try result(script, steps + "\n" + #"t:when("OrderGone", "order-1") t:view("orders", "order-1", nil)"#) == nil)
    #expect(try result(script, #"t:view("order", "a", {})"#)?.details == [#"did you mean "orders"?"#])
  }

  @Test func `commands are decided and rejected, and the same is decided under every schedule`() throws {
    let script = """
      aggregate "account" {
        initial = { balance = 0 },
        events = {
          Deposited = function(a, e) a.balance = a.balance + e.data.amount end,
          Withdrawn = function(a, e) a.balance = a.balance - e.data.amount end,
        },
        commands = { Withdraw = function(a, c)
          if a.balance < c.data.amount then reject("insufficient funds") end
          emit("Withdrawn", { amount = c.data.amount })
        end },
      }
      consumer "fees" { on = {
        Deposited = function(event) send("Withdraw", { amount = 1 }) end,
        ["moondance.rejected"] = function(event) emit("FeeWaived", {}) end,
      } }
      """
    let steps = """
      t:given("Deposited", "a", { amount = 100 })
      t:send("Withdraw", "a", { amount = 60 })
      t:send("Withdraw", "a", { amount = 60 })
      t:expect("Withdrawn", "a", { amount = 60 })
      t:rejects("insufficient")
      """
    #expect(try result(script, steps) == nil)
    let problem = try result(script, steps + "\n" + #"t:rejects("")"#)
    #expect(problem?.what == #"no command is rejected with """# && problem?.details == ["none is rejected"])
    #expect(
      try result(script, #"t:send("Withdraw", "b", { amount = 5 })  t:expect("Withdrawn")"#)?.details
        == ["the scripts have made nothing", "Withdraw is rejected: insufficient funds"])
  }

  @Test func `the examples of the reference hold`() throws {
    let path = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../docs/handlers.md")
    let text = try String(contentsOf: path, encoding: .utf8)
    let blocks = text.components(separatedBy: "```lua test\n").dropFirst().map {
      $0.components(separatedBy: "\n```")[0]
    }
    #expect(!blocks.isEmpty)
    for block in blocks {
      let files = block.components(separatedBy: "-- file: ").dropFirst().map { file in
        let lines = file.split(separator: "\n", maxSplits: 1)
        return SourceFile(path: String(lines[0]), text: String(lines[1]))
      }
      let isTest: (SourceFile) -> Bool = { $0.path.hasSuffix("_test.lua") }
      let scripts = try Generation.load(files.filter { !isTest($0) }).get()
      let tests = try TestLoader.load(files.filter(isTest), modules: []).get()
      #expect(!tests.isEmpty)
      for test in tests { #expect(Rehearsal(scripts).run(test).problem == nil, "\(test.name)") }
    }
  }

  @Test(arguments: [
    (#"t:wehn("A", "b")"#, "a test has no word \"wehn\"", "did you mean t:when?"),
    (#"t.when("A", "b")"#, "write t:when(…), with a colon", nil),
    (#"t:when("A b", "c")"#, "t:when wants the type of an event first", nil),
    (#"t:when("A", { b = 1 })"#, "wants the subject of the event as its second argument", nil),
    (#"t:expect("A", { b = 1 })"#, "wants a subject, or nil for any, before the data", nil),
    (#"t:advance(15)"#, "t:advance wants a span of time", #"write t:advance("15m")"#),
    (#"t:at("tomorrow")"#, "t:at wants a time", nil),
    (#"emit("A", {})"#, "emit works in a handler", nil),
    ("", "the test \"it\" says nothing", nil),
  ])
  func `a mistake in a test is told with its line and the way out`(_ steps: String, _ what: String, _ hint: String?)
    throws
  {
    let loaded = TestLoader.load(
      [SourceFile(path: "a_test.lua", text: "\ntest(\"it\", function(t)\n\(steps)\nend)")], modules: [])
    guard case .failure(let failure) = loaded, let error = failure.errors.first else {
      return #expect(Bool(false), "it loads")
    }
    #expect(error.file == "a_test.lua" && (error.line == 3 || steps.isEmpty))
    #expect(error.what.contains(what))
    if let hint { #expect(error.hint == hint) }
  }

  @Test func `a file that declares no test, and a test that never ends, are errors`() throws {
    for (text, what) in [("local a = 1", "has no test"), ("while true do end", "instructions")] {
      guard case .failure(let failure) = TestLoader.load([SourceFile(path: "a_test.lua", text: text)], modules: [])
      else {
        return #expect(Bool(false), "it loads")
      }
      #expect(failure.errors.count == 1 && "\(failure.errors[0])".contains(what), "\(failure.errors)")
    }
  }

  @Test func `schedules are made as the clock goes on, the same under every schedule of the rehearsal`() throws {
    let script = """
      schedule "close the day" { cron = "30 17 * * mon-fri", zone = "Europe/Berlin", emit = "DayClosed", data = { a = 1 } }
      consumer "report" { state = { days = 0 }, on = { DayClosed = function(event, state)
        state.days = state.days + 1
        emit("Reported", { days = state.days, at = time.text(event.time, "Europe/Berlin"), lot = random(1000000) })
      end } }
      """
    #expect(
      try result(
        script,
        """
        t:never("DayClosed")
        t:at("2026-01-05T16:29:59Z")
        t:never("DayClosed")
        t:advance("1s")
        t:expect("DayClosed", "close the day", { a = 1 })
        t:expect("Reported", "close the day", { days = 1, at = "2026-01-05T17:30:00+01:00" })
        t:advance("7d")
        t:expect("Reported", "close the day", { days = 6, at = "2026-01-12T17:30:00+01:00" })
        """) == nil)
    let problem = try result(script, #"t:advance("1d")  t:never("DayClosed")"#)
    #expect(problem?.what == #"there is a DayClosed on close the day {"a": 1}"#)
  }
}
