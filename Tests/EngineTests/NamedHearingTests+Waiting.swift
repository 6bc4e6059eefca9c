import Events
import LogStorage
import Scripts
import TestKit
import Testing
import VirtualPlatform
@testable import Engine

/// What came before an instance could hear it, or while it could not.
extension NamedHearingTests {
  @Test func `an instance that begins late is told what it has missed, each in its place`() throws {
    let failing = Self.order(first: #"if order.subject == "bad" then error("no") end"#)
    let good = Self.order(hears: #"{ "Paid", "Packed", CardUpdated = "data.customer" }"#)
      .mapValues { $0.replacing(#"await { "Paid","#, with: #"await { "Paid", "Packed","#) }
    for waits in [false, true] {
      let world = try World(scripts: failing)
      world.emit("CardUpdated", "c7", #"{"card":0}"#)
      world.emit("OrderPlaced", "bad", #"{"customer":"c7"}"#)
      world.emit("OrderPlaced", "good", #"{"customer":"c7"}"#)
      world.emit("CardUpdated", "c7", #"{"card":1}"#)
      if waits { world.emit("Packed", "bad", #"{"card":2}"#) }
      world.emit("CardUpdated", "c8", #"{"card":9}"#)
      world.emit("CardUpdated", "c7", #"{"card":3}"#)
      try world.settle()
      world.clock.advance(microseconds: 2_000_000)
      try world.settle()
      #expect(world.letters()?.total == 1)
      try world.deploy(good)
      var reopened = try Self.restarted(world, good)
      reopened.resolve(.retry, .all(consumer: "order", key: nil))
      try reopened.turn()
      reopened.work()
      try reopened.turn()
      reopened.sync()
      // What it has missed survives the host.
      reopened = try Self.restarted(reopened, good)
      try reopened.settle()
      reopened.emit("CardUpdated", "c7", #"{"card":4}"#)
      try reopened.settle()
      let own = try Self.tried(reopened).filter { $0.hasPrefix("bad") }
      // What came by its key while the type was not heard was never its own.
      #expect(own == [1, 3, 4].map { #"bad {"card":\#($0)}"# })
      #expect(try Self.tried(reopened).filter { $0.hasPrefix("good") }.count == 3)
      #expect(reopened.core.control.readers[0].blocked.isEmpty)
      try Self.expectFold(reopened)
    }
  }

  @Test(arguments: 0...3)
  func `what comes for nobody in the very batch in which an instance begins late is told to it`(before: Int) throws {
    let world = try World(
      scripts: Self.order(first: #"if now() < order.data.till then error("not yet") end"#))
    // Batches begin with what is new and with what waits in turn.
    for number in 0..<before {
      world.emit("Paid", "other-\(number)")
      try world.settle()
    }
    let till = world.clock.wallMicroseconds() / 1000 + 500
    world.emit("OrderPlaced", "late", #"{"customer":"c7","till":\#(till)}"#)
    try world.settle()
    world.clock.advance(microseconds: 2_000_000)
    world.emit("CardUpdated", "c7", #"{"card":1}"#)
    try world.settle()
    world.emit("CardUpdated", "c7", #"{"card":2}"#)
    try world.settle()
    #expect(try Self.tried(world) == [#"late {"card":1}"#, #"late {"card":2}"#])
    try Self.expectFold(world)
  }

  @Test func `what waits for the key and what was missed come in the order of the log`() throws {
    let hears = #"{ "Paid", "Packed", CardUpdated = "data.customer" }"#
    func script(_ first: String) -> [String: String] {
      Self.order(hears: hears, first: first).mapValues {
        $0.replacing(#"await { "Paid","#, with: #"await { "Paid", "Packed","#)
      }
    }
    let world = try World(scripts: script(#"error("no")"#))
    world.emit("OrderPlaced", "bad", #"{"customer":"c7"}"#)
    for card in 1...6 {
      world.emit(card % 2 == 0 ? "Packed" : "CardUpdated", card % 2 == 0 ? "bad" : "c7", #"{"card":\#(card)}"#)
    }
    world.emit("CardUpdated", "c7", #"{"card":7}"#)
    world.emit("Paid", "bad")
    world.emit("CardUpdated", "c7", #"{"card":8}"#)
    try world.settle()
    try world.deploy(script(""))
    try world.settle()
    #expect(try Self.tried(world) == (1...7).map { #"bad {"card":\#($0)}"# })
    #expect(try world.events(type: "Done").count == 1)
    try Self.expectFold(world)
  }

  @Test func `who is blocked is told when it is free, once`() throws {
    let failing = Self.order().mapValues {
      $0.replacing("emit(\"Tried\"", with: "if heard.data.card == 1 then error(\"no\") end emit(\"Tried\"")
    }
    let world = try World(scripts: failing)
    for order in ["a", "b"] { world.emit("OrderPlaced", order, #"{"customer":"c7"}"#) }
    try world.settle()
    for card in 1...3 { world.emit("CardUpdated", "c7", #"{"card":\#(card)}"#) }
    try world.settle()
    #expect(try Self.tried(world).isEmpty)
    try world.deploy(Self.order())
    try world.settle()
    for order in ["a", "b"] {
      #expect(try Self.tried(world).filter { $0.hasPrefix(order) } == (1...3).map { #"\#(order) {"card":\#($0)}"# })
    }
    try Self.expectFold(world)
  }

  @Test func `an event that starts one by a computed key and is heard by others waits for its key, for both`() throws {
    func script(_ problem: String) -> [String: String] {
      [
        "order.lua": """
        process "order" {
          starts = { "OrderPlaced", "OrderMerged" }, hears = { OrderMerged = "data.customer" },
          retry = { attempts = 2, first = "1s", jitter = 0 },
          key = { OrderMerged = function(event) \(problem) return event.data.order end },
          run = function(order)
            emit("Began", { order = order.data.order })
            while true do emit("Told", { by = await("OrderMerged").data.order }) end
          end,
        }
        """
      ]
    }
    let world = try World(scripts: script(#"if event.data.order == "o-2" then error("no") end"#))
    world.emit("OrderPlaced", "o-1", #"{"customer":"c7"}"#)
    world.emit("OrderMerged", "c7", #"{"customer":"c7","order":"o-2"}"#)
    world.emit("OrderPlaced", "o-3", #"{"customer":"c7"}"#)
    world.emit("OrderMerged", "c7", #"{"customer":"c7","order":"o-4"}"#)
    try world.settle()
    #expect(
      try Set(world.events(type: "Told").map { "\($0.subject) \($0.data)" }) == [
        #"o-1 {"by":"o-4"}"#, #"o-3 {"by":"o-4"}"#,
      ])
    try world.deploy(script(""))
    try world.settle()
    let told = try world.events(type: "Told").map { "\($0.subject) \($0.data)" }
    // Late, since its key was known late; who had begun after it does not hear it.
    #expect(told.suffix(told.count - 2) == [#"o-1 {"by":"o-2"}"#, #"c7 {"by":"o-4"}"#])
    #expect(try world.events(type: "Began").count == 4)
    #expect(world.core.control.readers[0].blocked.isEmpty)
    try Self.expectFold(world)
  }
}
