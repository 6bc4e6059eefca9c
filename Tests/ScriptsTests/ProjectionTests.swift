import Events
import Testing

@testable import Scripts

/// A generation whose projections are fed by hand: the documents lie in a dictionary.
final class DocumentStage {
  let stage: Stage
  /// Who folds the events into the states of aggregates.
  lazy var states = stage
  var documents: [String: [String: String]] = [:]
  private(set) var failures: [HandlerFailure] = []

  init(_ source: String) throws {
    stage = try Stage(source)
  }

  init(_ generation: Generation) throws {
    stage = try Stage(generation)
  }

  /// Folds one event into every document of every projection that hears it. The messages of what failed.
  @discardableResult
  func fold(_ event: TestEvent, at position: UInt64 = 1) -> [String] {
    var messages: [String] = []
    for (number, projection) in stage.generation.projections.enumerated() {
      guard let handler = projection.handler(forType: event.view.type) else { continue }
      if stage.worker.isDead { stage.worker = try! Stage.worker(of: stage.generation) }
      let keys = stage.worker.keys(
        projection: number, event: event.view, position: Position(position), recorded: Stage.time)
      switch keys {
      case .keys(let keys):
        for key in keys.map(\.text) {
          if let message = fold(number, projection.name, handler, event, position, key) { messages.append(message) }
        }
      case .failed(let failure):
        failures.append(failure)
        messages.append(failure.message)
      case .hostFault(let message): messages.append("host: \(message)")
      }
    }
    return messages
  }

  private func fold(
    _ number: Int, _ name: String, _ handler: Int, _ event: TestEvent, _ position: UInt64, _ key: String
  ) -> String? {
    var writer = ByteWriter()
    let old = documents[name]?[key].map { Array($0.utf8) }
    let outcome = Array(key.utf8).withUnsafeBytes { keyBytes in
      func call(_ document: UnsafeRawBufferPointer?) -> FoldOutcome {
        stage.worker.fold(
          projection: number, handler: handler, event: event.view, position: Position(position),
          recorded: Stage.time, key: keyBytes, document: document, into: &writer)
      }
      guard let old else { return call(nil) }
      return old.withUnsafeBytes { call($0) }
    }
    switch outcome {
    case .document: documents[name, default: [:]][key] = writer.bytes.text
    case .removed: documents[name, default: [:]][key] = nil
    case .failed(let failure):
      #expect(writer.count == 0)
      failures.append(failure)
      return failure.message
    case .hostFault(let message): return "host: \(message)"
    }
    return nil
  }
}

/// Everything that was folded so far: an example's events are handled one by one.
extension DocumentStage: PastReader {
  func read(
    _ source: ReadSource, key: UnsafeRawBufferPointer, at position: Position, into writer: inout ByteWriter
  ) -> ReadOutcome {
    switch source {
    case .projection(let number):
      guard let document = documents[stage.generation.projections[number].name]?[key.text] else { return .none }
      writer.append(document)
      return .document
    case .aggregate(let number):
      writer.append(states.state(key.text, of: number))
      return .document
    }
  }
}

@Suite struct ProjectionTests {
  private static let orders = """
    projection "orders" {
      initial = { picked = 0 },
      on = {
        OrderPlaced  = function(order, event) order.status = "placed"  order.total = event.data.price end,
        ItemPicked   = function(order) order.picked = order.picked + 1 end,
        OrderDropped = function() return remove() end,
        OrderRedone  = function(order) return { again = true, before = order } end,
      },
      index = { "status", "total" },
    }
    """

  @Test func `a document is changed in place, replaced and removed`() throws {
    let stage = try DocumentStage(Self.orders)
    #expect(stage.fold(TestEvent("ItemPicked", "a")) == [])
    #expect(stage.fold(TestEvent("OrderPlaced", "a", data: "{\"price\":12.5}")) == [])
    #expect(stage.fold(TestEvent("ItemPicked", "b")) == [])
    #expect(stage.documents["orders"] == ["a": #"{"picked":1,"status":"placed","total":12.5}"#, "b": #"{"picked":1}"#])
    #expect(stage.fold(TestEvent("OrderRedone", "b")) == [])
    #expect(stage.fold(TestEvent("OrderDropped", "a")) == [])
    #expect(stage.fold(TestEvent("Unheard", "c")) == [])
    #expect(stage.documents["orders"] == ["b": #"{"again":true,"before":{"picked":1}}"#])
  }

  @Test func `a declaration says all that the host must know`() throws {
    let projection = try #require(Stage(Self.orders).generation.projections.first)
    #expect(projection.name == "orders" && projection.file == "script.lua" && projection.line == 1)
    #expect(projection.initial == Array(#"{"picked":0}"#.utf8))
    #expect(projection.index.map(\.description) == ["status", "total"])
    #expect(
      projection.handlers.map(\.pattern.description) == ["ItemPicked", "OrderDropped", "OrderPlaced", "OrderRedone"])
    #expect(projection.files == ["script.lua"] && projection.key == .subject)
  }

  @Test func `the hash changes with a module and the files name it`() throws {
    func projection(_ module: String) throws -> ProjectionDeclaration {
      let source = "local m = require \"lib.m\"\nprojection \"x\" { on = { A = function(d) d.n = m.n end } }"
      return try #require(Stage([("lib/m.lua", module), ("script.lua", source)]).generation.projections.first)
    }
    let (one, two) = (try projection("return { n = 1 }"), try projection("return { n = 2 }"))
    #expect(one.scriptHash != two.scriptHash)
    #expect(one.files == ["script.lua", "lib/m.lua"])
  }

  private static let sales =
    "projection \"sales\" { key = \"data.who\", on = { Order = function(d, e) "
    + "d.total, d.currency = e.data.total, e.data.currency end } }"
  private static func contract(_ currency: String, type: String = "Order") -> String {
    """
    contract "\(type)" { version = 3, upcast = {
      [1] = function(data) data.currency = "\(currency)" return data end,
      [2] = function(data) return { total = data.price, currency = data.currency, who = data.customer } end,
    } }
    """
  }

  @Test func `older events are folded as their contract makes them, and so are their keys`() throws {
    let stage = try DocumentStage(Stage([("c.lua", Self.contract("EUR")), ("script.lua", Self.sales)]).generation)
    let second = TestEvent("Order", "o", data: #"{"price":6,"currency":"CHF","customer":"bob"}"#)
    second.batch.setContractVersion(2, ofEntry: 0)
    let new = TestEvent("Order", "o", data: #"{"total":7,"currency":"USD","who":"cid"}"#)
    new.batch.setContractVersion(3, ofEntry: 0)
    for event in [TestEvent("Order", "o", data: #"{"price":5,"customer":"ann"}"#), second, new] {
      #expect(stage.fold(event) == [])
    }
    #expect(
      stage.documents["sales"] == [
        "ann": #"{"currency":"EUR","total":5}"#, "bob": #"{"currency":"CHF","total":6}"#,
        "cid": #"{"currency":"USD","total":7}"#,
      ])
  }

  @Test func `an upcast that fails leaves the document, and says where`() throws {
    let broken = "contract \"A\" { version = 2, upcast = { [1] = function(data)\n  return data.x.y\nend } }"
    let source = "projection \"p\" { on = { A = function(d, e) d.n = e.data end } }"
    let stage = try DocumentStage(Stage([("c.lua", broken), ("script.lua", source)]).generation)
    #expect(stage.fold(TestEvent("A", "s", data: "{}")).first?.hasPrefix("c.lua:2: ") == true)
    #expect(stage.documents["p"] == nil)
  }

  @Test func `the hash changes with a contract that makes what is heard newer, and with no other`() throws {
    func projection(_ contract: String?) throws -> ProjectionDeclaration {
      let files = (contract.map { [("c.lua", $0)] } ?? []) + [("script.lua", Self.sales)]
      return try #require(Stage(files).generation.projections.first)
    }
    let (none, euro, franc) = (
      try projection(nil), try projection(Self.contract("EUR")), try projection(Self.contract("CHF"))
    )
    #expect(Set([none.scriptHash, euro.scriptHash, franc.scriptHash]).count == 3)
    #expect(euro.files == ["script.lua", "c.lua"])
    #expect(try projection(Self.contract("EUR", type: "Other")).scriptHash == none.scriptHash)
    #expect(try projection("contract \"Order\" { schema = {} }").scriptHash == none.scriptHash)
  }

  @Test func `every fold begins with the same initial document`() throws {
    let stage = try DocumentStage(
      "projection \"x\" { initial = { list = array {} }, on = { A = function(d, e) d.list[#d.list + 1] = e.data.n end } }"
    )
    stage.fold(TestEvent("A", "a", data: #"{"n":1}"#))
    stage.fold(TestEvent("A", "a", data: #"{"n":2}"#))
    stage.fold(TestEvent("A", "b", data: #"{"n":3}"#))
    #expect(stage.documents["x"] == ["a": #"{"list":[1,2]}"#, "b": #"{"list":[3]}"#])
  }

  @Test func `one event changes several documents, and the key says which`() throws {
    let stage = try DocumentStage(
      """
      projection "orders" {
        key = { PackageSent = "data.orders", Total = function(event) return "all" end },
        on  = {
          PackageSent = function(order, event) order.package = event.subject  order.key = event.key end,
          Total       = function(total, event) total.n = (total.n or 0) + event.data.n end,
          Other       = function(order) order.other = true end,
        },
      }
      """)
    stage.fold(TestEvent("PackageSent", "p1", data: #"{"orders":["o1","o2","o1"]}"#))
    stage.fold(TestEvent("Total", "x", data: #"{"n":3}"#))
    stage.fold(TestEvent("Other", "o2", data: "{}"))
    #expect(
      stage.documents["orders"] == [
        "o1": #"{"key":"o1","package":"p1"}"#, "o2": #"{"key":"o2","other":true,"package":"p1"}"#, "all": #"{"n":3}"#,
      ])
  }

  @Test(arguments: Words.all.filter { $0.phase == .handling })
  func `a word for handlers says in a projection that it only changes its document`(word: Word) throws {
    let stage = try DocumentStage(
      "projection \"x\" {\n on = { A = function(document) local x = \"x\" \(word.name)(x) end } }")
    #expect(
      stage.fold(TestEvent("A", "s")) == [
        "script.lua:2: \(word.name) works in a handler, not in a projection\n"
          + "  a projection only changes its document"
      ])
    #expect(stage.failures.last?.traceback.contains("script.lua:2") == true)
  }

  @Test func `remove is for projections and must be returned`() throws {
    #expect(
      Generation.errors([("a.lua", "remove()\nprojection \"x\" { on = { A = function() end } }")]) == [
        "a.lua:1: remove works in a projection\n  return remove() deletes the document of the key"
      ])
    let stage = try DocumentStage("projection \"x\" {\n on = { A = function() remove() end } }")
    #expect(stage.fold(TestEvent("A", "s")) == ["script.lua:2: remove() must be returned: return remove()"])
  }

  @Test(arguments: [
    (
      "return 1",
      "script.lua:1: a projection's function returns nothing, a table that becomes the document, or remove(); "
        + "this is a number"
    ),
    ("d.x = 1 / 0", "script.lua:1: document.x is infinite"),
    ("d.x = d", "script.lua:1: document.x contains itself"),
    ("d.x = function() end", "script.lua:1: document.x is a function: it cannot be kept as JSON"),
    ("error('no')", "script.lua:1: no"),
  ])
  func `a fold that fails leaves the document`(body: String, message: String) throws {
    let stage = try DocumentStage(
      "projection \"x\" { on = { A = function(d) d.good = true end, B = function(d) \(body) end } }")
    stage.fold(TestEvent("A", "s"))
    let told = stage.fold(TestEvent("B", "s"))
    #expect(told == [message])
    #expect(stage.documents["x"] == ["s": #"{"good":true}"#])
    #expect(stage.fold(TestEvent("A", "t")) == [])
  }

  @Test func `a fold that never ends is ended, and the next one works`() throws {
    let stage = try DocumentStage(
      "projection \"x\" { on = { A = function(d) while true do end end, B = function(d) d.n = 1 end } }")
    #expect(stage.fold(TestEvent("A", "s")).count == 1)
    #expect(stage.fold(TestEvent("B", "s")) == [])
    #expect(stage.documents["x"] == ["s": #"{"n":1}"#])
  }

  @Test func `a document may be as large as the sandbox allows, not larger`() throws {
    let stage = try DocumentStage(
      "projection \"x\" { on = { A = function(d, e) d.text = string.rep(\"x\", e.data.n) end } }")
    #expect(stage.fold(TestEvent("A", "s", data: #"{"n":1000000}"#)) == [])
    #expect(stage.fold(TestEvent("A", "s", data: #"{"n":1048570}"#)).count == 1)
    #expect(stage.documents["x"]?["s"]?.utf8.count == 1_000_011)
  }

  @Test func `the document comes first, which is told to who forgets it`() throws {
    let generation = try Stage(
      "projection \"x\" { on = {\n  A = function(event) local n = event.data.n end } }"
    ).generation
    #expect(
      generation.warnings == [
        "script.lua:2: event.data looks at the document, which comes first in a projection: function(document, event)"
      ])
  }

  @Test func `a consumer and a projection may have the same name`() {
    #expect(
      Generation.errors([
        ("a.lua", "consumer \"x\" { on = { A = function() end } }\nprojection \"x\" { on = { A = function() end } }")
      ]) == [])
  }
}
