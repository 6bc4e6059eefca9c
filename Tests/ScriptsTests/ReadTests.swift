import Events
import Testing

@testable import Scripts

@Suite struct `What a handler reads` {
  private static let source = """
    projection "orders" { on = { A = function(d) d.n = (d.n or 0) + 1 end } }
    projection "other" { on = { A = function(d) end } }
    consumer "x" { reads = { "orders" }, on = {
      A = function(event)
        local document = read("orders", event.subject)
        emit("Was", { n = document and document.n or -1, count = select("#", read("orders", "never")) })
      end,
      B = function(event) read("order", "k") end,
      C = function(event) read("other", "k") end,
      D = function(event) read("orders") end,
      E = function(event) read() end,
      F = function(event) emit("Was", { n = read("orders", 7).n, none = read("orders", "") == nil }) end,
      G = function(event) pcall(function() read("orders", "k") end) emit("Never") end,
    } }
    """

  private func stage() throws -> (stage: Stage, documents: DocumentStage) {
    let documents = try DocumentStage(Self.source)
    documents.stage.worker.past = documents
    return (documents.stage, documents)
  }

  @Test func `is a document of its own, or nil`() throws {
    let (stage, documents) = try stage()
    let event = TestEvent("A", "k", data: "{}")
    #expect(stage.handle(event).emits == [#"Was k {"count":1,"n":-1}"#])
    documents.fold(event)
    #expect(stage.handle(event).emits == [#"Was k {"count":1,"n":1}"#])
    documents.fold(TestEvent("A", "7", data: "{}"))
    #expect(stage.handle(TestEvent("F", "x")).emits == [#"Was x {"n":1,"none":true}"#])
  }

  @Test func `must be named by reads, and the error says what to write`() throws {
    let (stage, _) = try stage()
    #expect(
      stage.handle(TestEvent("B", "k")).failures == [
        "script.lua:8: \"order\" is not among the reads of this consumer\n  did you mean \"orders\"?"
      ])
    #expect(
      stage.handle(TestEvent("C", "k")).failures == [
        "script.lua:9: \"other\" is not among the reads of this consumer\n  write reads = { \"orders\", \"other\" }"
      ])
    #expect(
      stage.handle(TestEvent("D", "k")).failures == [
        "script.lua:10: read wants a key second: read(\"orders\", event.subject); this is nil"
      ])
    #expect(
      stage.handle(TestEvent("E", "k")).failures == [
        "script.lua:11: read wants a name first: read(\"recent orders\", event.subject); this is nil"
      ])
  }

  @Test func `that cannot be read now ends the call through every pcall and counts for nobody`() throws {
    final class Broken: PastReader {
      func read(
        _ source: ReadSource, key: UnsafeRawBufferPointer, at position: Position, into writer: inout ByteWriter
      ) -> ReadOutcome { .hostFault("the disk is gone") }
    }
    let (stage, _) = try stage()
    stage.worker.past = Broken()
    let reaction = stage.handle(TestEvent("G", "k"))
    #expect(reaction.failures == ["host: script.lua:13: read(\"orders\"): the disk is gone"] && reaction.emits.isEmpty)
  }

  @Test func `is declared with the consumer, each name once`() throws {
    let generation = try Stage(
      "projection \"p\" { on = { A = function() end } }\nconsumer \"x\" { reads = { \"p\", \"p\" }, on = { A = function() end } }"
    ).generation
    #expect(generation.consumers[0].reads == ["p"])
  }

  @Test func `of a projection with an error is not told twice`() {
    #expect(
      Generation.errors([
        (
          "a.lua",
          "projection \"p\" { on = 1 }\nconsumer \"x\" { reads = { \"p\" }, on = { A = function() end } }"
        )
      ]).count == 1)
  }

  @Test func `works in a handler only`() throws {
    let documents = try DocumentStage("projection \"p\" { on = { A = function(d, e) read(\"p\", \"k\") end } }")
    #expect(
      documents.fold(TestEvent("A", "k")) == [
        "script.lua:1: read works in a handler, not in a projection\n  a projection only changes its document"
      ])
  }

  @Test func `is the state of an aggregate's subject too, which begins as declared`() throws {
    let documents = try DocumentStage(
      """
      aggregate "account" {
        initial = { balance = 0 },
        events = { Deposited = function(a, e) a.balance = a.balance + e.data.amount end },
        commands = { Close = function() end },
      }
      consumer "x" { reads = { "account" }, on = {
        Ask = function(event)
          local account = read("account", event.subject)
          account.balance = account.balance + 1
          emit("Is", { balance = account.balance, again = read("account", event.subject).balance })
        end,
      } }
      """)
    documents.stage.worker.past = documents
    #expect(documents.stage.handle(TestEvent("Ask", "a")).emits == [#"Is a {"again":0,"balance":1}"#])
    documents.stage.handle(TestEvent("Deposited", "a", data: #"{"amount":5}"#))
    #expect(documents.stage.handle(TestEvent("Ask", "a")).emits == [#"Is a {"again":5,"balance":6}"#])
  }

  @Test func `that cannot be folded is an error of the script that reads`() throws {
    final class Unfoldable: PastReader {
      func read(
        _ source: ReadSource, key: UnsafeRawBufferPointer, at position: Position, into writer: inout ByteWriter
      ) -> ReadOutcome { .failed("event 3 cannot be folded") }
    }
    let (stage, _) = try stage()
    stage.worker.past = Unfoldable()
    let reaction = stage.handle(TestEvent("A", "k"))
    #expect(reaction.failures == ["script.lua:5: read(\"orders\"): event 3 cannot be folded"] && reaction.emits.isEmpty)
  }

  @Test func `has a name that only one of the projections and aggregates has`() {
    let aggregate = "aggregate \"account\" { commands = { C = function() end } }"
    let projection = "projection \"account\" { on = { A = function() end } }"
    #expect(
      Generation.errors([("a.lua", aggregate), ("b.lua", "\n" + projection)]) == [
        """
        a.lua:1: there is a projection "account" too: b.lua:2
          what can be read and viewed has a name of its own
        """
      ])
    #expect(Generation.errors([("a.lua", aggregate), ("b.lua", projection.replacing("account", with: "b"))]) == [])
  }

  @Test func `of an aggregate with an error is not told twice`() {
    #expect(
      Generation.errors([
        ("a.lua", "aggregate \"p\" { commands = 1 }\nconsumer \"x\" { reads = { \"p\" }, on = { A = function() end } }")
      ]).count == 1)
  }
}
