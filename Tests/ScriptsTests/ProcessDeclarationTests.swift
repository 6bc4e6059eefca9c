import Events
import LuaRuntime
import TestKit
import Testing

@testable import Scripts

@Suite("Processes: what is wrong when they load")
struct ProcessDeclarationTests {
  @Test func `a declaration is read`() throws {
    let generation = try Generation.load([
      SourceFile(
        path: "p.lua",
        text: """
          process "p" {
            starts = { "B", "A" }, hears = { "Pay*", "C" }, aborts = "Stop", key = "data.order", reads = { "docs" },
            retry = { attempts = 3 }, exhausted = "skip", from = "start",
            run = function(e) end,
          }
          projection "docs" { on = { A = function() end } }
          """)
    ]).get()
    let declaration = try #require(generation.consumers.first)
    let process = try #require(declaration.process)
    #expect(declaration.word == "process" && declaration.hearsEvents)
    #expect(process.starts.map(\.description) == ["B", "A"] && process.aborts.map(\.description) == ["Stop"])
    #expect(process.canAwait("PayedBack") && process.canAwait("C") && !process.canAwait("A"))
    #expect(process.line == 4)
    #expect(
      declaration.handlers.map(\.pattern.description) == [
        "A", "B", "C", "Pay*", "Stop", "moondance.answered", "moondance.decided", "moondance.process",
      ])
    #expect(declaration.key == .path(["data", "order"]) && declaration.reads == ["docs"])
    #expect(declaration.retry.attempts == 3 && declaration.exhausted == .skip && declaration.from == .start)
  }

  @Test(arguments: [
    (
      "process \"p\"",
      "p.lua:1: process \"p\" has no body\n  write process \"p\" { starts = \"OrderPlaced\", run = function(event) … end }"
    ),
    (
      "process \"p\" { run = function() end }",
      "p.lua:1: process \"p\" starts with nothing\n  write starts = \"OrderPlaced\""
    ),
    ("process \"p\" { starts = \"A\" }", "p.lua:1: process \"p\" does nothing\n  write run = function(event) … end"),
    (
      "process \"p\" { starts = 5, run = function() end }",
      "p.lua:1: starts is a number; an event type or a list of them is wanted\n  write starts = \"OrderPlaced\""
    ),
    (
      "process \"p\" { starts = \"A\", aborts = \"A\", run = function() end }",
      "p.lua:1: \"A\" starts and aborts\n  an event does one of the two"
    ),
    (
      "process \"p\" { starts = \"A\", aborts = \"B\", hears = { \"B\" }, run = function() end }",
      "p.lua:1: \"B\" aborts, and is in hears\n  await cannot see what aborts: leave it out of one of them"
    ),
    (
      "process \"p\" { starts = \"A\", aborts = { B = \"data.x\" }, run = function() end }",
      "p.lua:1: aborts is a list; \"B\" is a name in it\n  write aborts = { \"B\" }"
    ),
    (
      "process \"p\" { starts = \"A\", hears = { \"B\", B = \"data.x\" }, run = function() end }",
      "p.lua:1: \"B\" stands in hears twice\n  an event goes by one of the two"
    ),
    (
      "process \"p\" { starts = \"A\", aborts = \"B\", hears = { B = \"data.x\" }, run = function() end }",
      "p.lua:1: \"B\" aborts, and is in hears\n  await cannot see what aborts: leave it out of one of them"
    ),
    (
      "process \"p\" { starts = \"A\", hears = { [\"a b\"] = \"data.x\" }, run = function() end }",
      "p.lua:1: \"a b\" in hears is no event type\n  \(BodyReader.typeHint)"
    ),
    (
      "process \"p\" { starts = \"A\", hears = { [\"moondance.rejected\"] = \"data.x\" }, run = function() end }",
      "p.lua:1: \"moondance.rejected\" in hears is the host's, and comes to whom it is for\n  \(BodyReader.typeHint)"
    ),
    (
      "process \"p\" { starts = \"A\", on = { B = function() end }, run = function() end }",
      "p.lua:1: process \"p\" has no key \"on\"\n  a process has one function: write run = function(event) … end; it awaits what hears = { … } names"
    ),
    (
      "process \"p\" { starts = \"A\", state = {}, run = function() end }",
      "p.lua:1: process \"p\" has no key \"state\"\n  what an instance remembers are the locals of run"
    ),
    (
      "process \"p\" { start = \"A\", run = function() end }",
      "p.lua:1: process \"p\" has no key \"start\"\n  did you mean starts?"
    ),
    (
      "local n = 0\nprocess \"p\" { starts = \"A\", run = function()\n n = n + 1 end }",
      "p.lua:3: \"n\" belongs to the file and would be lost\n  what an instance of a process remembers are the locals of run"
    ),
    (
      "consumer \"c\" { on = { A = function() local x = await \"B\" end } }",
      "p.lua:1: a consumer cannot wait\n  use a process, or hear the event that brings the answer"
    ),
    (
      "consumer \"c\" { on = { A = function() compensate(function() end) end } }",
      "p.lua:1: compensate works in a process\n  write process \"name\" { starts = \"…\", run = function(event) … end }"
    ),
    (
      "process \"p\" { starts = \"A\", reads = { \"nothing\" }, run = function() end }",
      "p.lua:1: process \"p\" reads \"nothing\", and there is no projection or aggregate of this name\n  write projection \"nothing\" { on = { … } }"
    ),
    (
      "process \"p\" { starts = \"A\", run = function()\n ask(\"Nobodys\") end }",
      "p.lua:2: nobody owns \"Nobodys\"\n  an aggregate owns it: write aggregate \"name\" { commands = { Nobodys = function(state, command) … end } }"
    ),
  ])
  func `first mistakes are told with what to write`(source: String, says: String) {
    #expect(Generation.errors([("p.lua", source)]) == [says])
  }

  @Test func `entries of hears with a name are read, in the order of their types`() throws {
    let generation = try Generation.load([
      SourceFile(
        path: "p.lua",
        text: """
          process "p" {
            starts = "A", hears = { "Z", D = "data.a.b", ["C*"] = "subject", Cb = "data.x" }, run = function(e) await "Cx" end,
          }
          """)
    ]).get()
    let process = try #require(generation.consumers.first?.process)
    #expect(process.named.map { "\($0.pattern) \($0.pathText)" } == ["C* subject", "Cb data.x", "D data.a.b"])
    #expect(process.hears.map(\.description) == ["Z", "C*", "Cb", "D"])
    let types = ["Z", "Ca", "Cb", "D", "E"].map { type in
      Array(type.utf8).withUnsafeBytes { process.named(forType: $0) }
    }
    #expect(types == [nil, 0, 1, 2, nil])
  }

  @Test func `locals of run may change, also in compensations and in functions within`() {
    let source = """
      process "p" { starts = "A", hears = "B", run = function(e)
        local n = 0
        local function add() n = n + 1 end
        compensate(function() n = n - 1 end)
        add()
      end }
      """
    #expect(Generation.errors([("p.lua", source)]) == [])
  }

  @Test(arguments: ["ask('ReserveStock')", "await 'A'", "sleep('1s')"])
  func `who cannot wait says so also when a module waits for it`(code: String) throws {
    let stage = try Stage([
      ("lib/steps.lua", "return { wait = function() \(code) end }"),
      ("c.lua", "local steps = require \"lib.steps\"\nconsumer \"c\" { on = { A = function() steps.wait() end } }"),
      (
        "a.lua",
        "aggregate \"a\" { commands = { ReserveStock = function() end, C = function() require(\"lib.steps\") end } }"
      ),
    ])
    #expect(
      stage.handle(TestEvent("A", "s")).failures == [
        "lib/steps.lua:1: a consumer cannot wait\n  use a process, or hear the event that brings the answer"
      ])
  }

  @Test func `types that a process starts with, hears and emits are known`() throws {
    let generation = try Generation.load([
      SourceFile(
        path: "p.lua",
        text: """
          process "p" {
            starts = "OrderPlaced", hears = { "PaymentTaken" },
            run = function(e) await "PaymentTaken" rollback("x", "OrderFailed") end,
          }
          consumer "c" { on = { A = function() emit("OrderPlaced") emit("PaymentTakn") end, OrderFailed = function() end } }
          """)
    ]).get()
    #expect(
      generation.warnings == [
        "p.lua:2: p hears \"PaymentTaken\", which nobody makes: did you mean PaymentTakn?",
        "p.lua:5: \"PaymentTakn\" is emitted, which nobody hears: did you mean PaymentTaken?",
      ])
    #expect(generation.looseEnds.unheard.map(\.pattern.description) == [])
  }
}
