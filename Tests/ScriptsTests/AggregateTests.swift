import Events
import Testing

@testable import Scripts

@Suite("Aggregates: a state of events, and commands that are decided on it")
struct AggregateTests {
  static let account = """
    aggregate "account" {
      initial  = { balance = 0 },
      events   = {
        Deposited = function(a, e) a.balance = a.balance + e.data.amount end,
        Withdrawn = function(a, e) a.balance = a.balance - e.data.amount end,
      },
      commands = {
        Withdraw = function(a, c)
          if a.balance < c.data.amount then reject("insufficient funds") end
          emit("Withdrawn", { amount = c.data.amount })
        end,
        Transfer = function(a, c)
          if a.balance < c.data.amount then reject("insufficient funds") end
          emit("Withdrawn", { amount = c.data.amount })
          emit("Deposited", { amount = c.data.amount }, { subject = c.data.account })
        end,
      },
    }
    """

  private func aggregate(events: String = "", commands: String, more: String = "") -> String {
    "aggregate \"a\" { events = { \(events) }, commands = { \(commands) }, \(more) }"
  }

  @Test func `a command emits or is rejected, on what all earlier events have made`() throws {
    let stage = try Stage(Self.account)
    stage.handle(TestEvent("Deposited", "account-1", data: #"{"amount":100}"#))
    #expect(stage.decide("Withdraw", "account-1", #"{"amount":20}"#).emits == [#"Withdrawn account-1 {"amount":20}"#])
    #expect(stage.state("account-1") == #"{"balance":80}"#)
    #expect(stage.decide("Withdraw", "account-1", #"{"amount":81}"#).rejections == ["insufficient funds"])
    #expect(stage.decide("Withdraw", "account-2", #"{"amount":1}"#).rejections == ["insufficient funds"])
    #expect(stage.state("account-1") == #"{"balance":80}"#)
  }

  @Test func `a command may emit for another subject`() throws {
    let stage = try Stage(Self.account)
    stage.handle(TestEvent("Deposited", "a", data: #"{"amount":5}"#))
    let reaction = stage.decide("Transfer", "a", #"{"amount":5,"account":"b"}"#)
    #expect(reaction.emits == [#"Withdrawn a {"amount":5}"#, #"Deposited b {"amount":5}"#])
    #expect(stage.state("a") == #"{"balance":0}"#)
    #expect(stage.state("b") == #"{"balance":5}"#)
  }

  @Test(
    arguments: [
      "a.balance = 0", "pcall(function() a.balance = 0 end)", "a.new = {}", "a.balance = nil",
      "a.balance = 0 reject('no')",
    ])
  func `the state is read-only in a command`(change: String) throws {
    let stage = try Stage(
      aggregate(commands: "Spoil = function(a, c)\n\(change) end", more: "initial = { balance = 1 }"))
    let reaction = stage.decide("Spoil", "x")
    #expect(
      reaction.failures == [
        "script.lua:1: Spoil: state is read-only in a command: emit an event and change it in events"
      ])
    #expect(stage.state("x") == #"{"balance":1}"#)
  }

  @Test func `a rejection passes through pcall and takes back what was emitted`() throws {
    let stage = try Stage(
      aggregate(commands: "C = function(a, c) emit('E') pcall(reject, 'because') emit('F') end"))
    let reaction = stage.decide("C", "x")
    #expect(reaction.rejections == ["because"])
    #expect(reaction.emits == [])
  }

  @Test func `an event of its own that cannot be folded fails the command and changes nothing`() throws {
    let stage = try Stage(
      aggregate(
        events: "Ok = function(a) a.n = (a.n or 0) + 1 end, Bad = function(a, e) a.n = 9 error('no') end",
        commands: "C = function(a, c) emit('Ok') emit(c.data.next) end"))
    let reaction = stage.decide("C", "x", #"{"next":"Bad"}"#)
    #expect(reaction.failures == ["script.lua:1: no"])
    #expect(reaction.emits == [])
    #expect(stage.state("x") == "{}")
    #expect(stage.decide("C", "x", #"{"next":"Ok"}"#).failures == [])
    #expect(stage.state("x") == #"{"n":2}"#)
  }

  @Test func `a state is the same event by event and at once, whatever tables it shares`() throws {
    let stage = try Stage(
      aggregate(
        events: """
          Shared = function(a, e) a.x = { n = 0 } a.y = a.x end,
          Grown = function(a, e) a.x.n = a.x.n + 1 end,
          Emptied = function(a, e) a.list = array {} a.none = null a.whole = { 1, null } end,
          Replaced = function(a, e) return { replaced = e.data } end,
          """,
        commands: "C = function(a, c) emit('Shared') emit('Grown') emit('Emptied') end"))
    #expect(stage.decide("C", "x").failures == [])
    #expect(stage.state("x") == #"{"list":[],"whole":[1,null],"x":{"n":1},"y":{"n":0}}"#)
    #expect(stage.decide("C", "x").failures == [])
    stage.handle(TestEvent("Replaced", "x", data: "[1]"))
    #expect(stage.state("x") == #"{"replaced":[1]}"#)
  }

  @Test(arguments: [
    ("emit('E')", "emit works in a command, not in events"), ("now()", "now works in a command, not in events"),
    ("reject('no')", "reject works in a command, not in events"),
    ("print(1)", "print works in a command, not in events"),
    ("return e.position", "E: an aggregate changes its state before the event has position and recorded"),
    ("return e.time", "E: an aggregate changes its state before the event has time"),
    ("return e.id", "E: an aggregate changes its state before the event has id"),
    ("return 1", "E: it returns something that is no table: change the state in place"),
    ("a.f = function() end", "E: the state cannot be kept: state.f is a function: it cannot be kept as JSON"),
  ])
  func `events only change the state`(code: String, says: String) throws {
    let stage = try Stage(
      aggregate(events: "E = function(a, e) \(code) end", commands: "C = function(a, c) emit('E') end"))
    let failures = stage.decide("C", "x").failures
    #expect(failures.count == 1 && failures[0].hasPrefix("script.lua:1: \(says)"), "\(failures)")
    #expect(stage.handle(TestEvent("E", "x")).failures == failures)
  }

  @Test func `what a producer gave is there in events`() throws {
    let stage = try Stage(
      aggregate(
        events: "E = function(a, e) a.at = e.time a.id = e.id a.cause = e.cause a.of = e.subject end",
        commands: "C = function(a, c) emit('E') end"))
    stage.handle(
      TestEvent(
        "E", "x", attributes: [(.id, "7"), (.source, "test"), (.time, "2026-01-01T00:00:00Z")]))
    #expect(stage.state("x") == #"{"at":1767225600000,"id":"7","of":"x"}"#)
  }

  @Test func `a command is sent to its owner`() throws {
    let stage = try Stage([
      ("account.lua", Self.account),
      (
        "pay.lua",
        """
        consumer "pay" { on = {
          Due  = function(e) send("Withdraw", { amount = e.data.amount }, { to = e.data.account }) end,
          Own  = function(e) send("Withdraw") end,
          Any  = function(e) send(e.data.command, {}, { to = "x" }) end,
          Late = function(e) reject("no") end,
        } }
        """
      ),
    ])
    let due = stage.handle(TestEvent("Due", "bill-1", data: #"{"amount":3,"account":"account-1"}"#))
    #expect(due.sends == [#"Withdraw account-1 {"amount":3}"#])
    #expect(due.emits == [])
    let command = stage.lastEffects.entry(0)
    #expect(command.cause == 1 && command.depth == 1 && command.attributes[.sender]?.text == "bill-1")
    #expect(stage.handle(TestEvent("Own", "account-2")).sends == ["Withdraw account-2 {}"])
    #expect(
      stage.handle(TestEvent("Own", "")).failures.first?.hasPrefix(
        "pay.lua:3: send(\"Withdraw\"): a command is sent to a subject") == true)
    #expect(
      stage.handle(TestEvent("Any", "b", data: #"{"command":"Witdraw"}"#)).failures == [
        "pay.lua:4: nobody owns \"Witdraw\"\n  did you mean Withdraw (aggregate account)?"
      ])
    #expect(
      stage.handle(TestEvent("Late", "b")).failures == [
        "pay.lua:5: reject works in a command of an aggregate\n  a consumer gives up with fail(…)"
      ])
  }

  @Test func `a command has one owner, and what is sent has one`() {
    #expect(
      Generation.errors([
        ("a.lua", "aggregate \"a\" { commands = { C = function() end } }"),
        ("b.lua", "aggregate \"b\" { commands = {\n  C = function() end } }"),
      ]) == [
        "b.lua:2: the command \"C\" belongs to aggregate \"a\": a.lua:1\n  a command has one owner: give one of them another name"
      ])
    #expect(
      Generation.errors([
        ("account.lua", Self.account),
        ("pay.lua", "consumer \"pay\" { on = { Due = function(e)\n  send(\"Witdraw\", {}) end } }"),
      ]) == ["pay.lua:2: nobody owns \"Witdraw\"\n  did you mean Withdraw (aggregate account)?"])
    #expect(
      Generation.errors([("pay.lua", "consumer \"pay\" { on = { Due = function(e) send(\"Withdraw\") end } }")]) == [
        "pay.lua:1: nobody owns \"Withdraw\"\n  an aggregate owns it: write aggregate \"name\" { commands = { Withdraw = "
          + "function(state, command) … end } }"
      ])
    #expect(
      Generation.errors([
        (
          "a.lua",
          "aggregate \"x\" { commands = { C = function() end } }\nconsumer \"x\" { on = { C = function() end } }"
        )
      ]) == ["a.lua:2: there is another aggregate \"x\": a.lua:1\n  each has a name of its own"])
  }
}
