import Events
import LogStorage
import TestKit
import Testing

@testable import Engine

@Suite("Reactions")
struct ReactionTests {
  @Test func `a handler reacts to what is appended before it is synced, and its effect follows its cause`() throws {
    let world = try World(scripts: ["a.lua": World.forwarding])
    world.emit("Ping", "s", #"{"n":1}"#)
    try world.turn()
    world.work()
    try world.turn()
    let seen = try world.events()
    #expect(seen.map(\.type) == ["Ping", "Pong"])
    #expect(seen[1].cause == 1)
    #expect(seen[1].subject == "s")
    #expect(seen[1].data == #"{"n":1}"#)
    #expect(world.core.durablePosition == 0)
  }

  @Test func `effects stand in the order of their causes, whichever worker finished first`() throws {
    var settings = EngineSettings()
    settings.workers = 4
    let world = try World(scripts: ["a.lua": World.forwarding], settings: settings)
    for _ in 0..<4 {
      for number in 0..<300 { world.emit("Ping", "s-\(number % 37)", #"{"n":\#(number)}"#) }
      try world.settle()
    }
    let pongs = try world.events(type: "Pong")
    #expect(pongs.count == 1200)
    #expect(world.mostShards > 1, "nothing ran side by side")
    #expect(pongs.map(\.cause) == pongs.map(\.cause).sorted())
  }

  @Test func `an exact type goes before a prefix, the longest prefix before a shorter one, and one function runs`() throws {
    let world = try World(scripts: [
      "a.lua": """
        consumer "seen" {
          on = {
            ["Payment*"] = function(event) emit("Short", {}) end,
            ["PaymentRe*"] = function(event) emit("Long", {}) end,
            PaymentReminded = function(event) emit("Exact", {}) end,
          },
        }
        """
    ])
    for type in ["PaymentSent", "PaymentRefused", "PaymentReminded", "Other"] { world.emit(type, "s") }
    try world.settle()
    #expect(try world.events().dropFirst(4).map(\.type) == ["Short", "Long", "Exact"])
  }

  @Test func `a new consumer begins where it says`() throws {
    let world = try World()
    for number in 1...5 { world.emit("Ping", "s-\(number)") }
    try world.settle()
    func counting(_ name: String, _ from: String) -> String {
      "consumer \"\(name)\" { \(from) on = { Ping = function(event) emit(\"Seen.\(name)\", {}) end } }"
    }
    let outcome = try world.deploy([
      "a.lua": counting("late", ""), "b.lua": counting("early", #"from = "start","#),
      "c.lua": counting("middle", "from = 4,"),
    ])
    guard case .loaded(_, _, let warnings)? = outcome else { return #expect(Bool(false), "\(String(describing: outcome))") }
    #expect(warnings.contains { $0.contains(#"late begins at 6 (from = "now"): 5 earlier events are not handled"#) })
    try world.settle()
    world.emit("Ping", "s-6")
    try world.settle()
    #expect(try world.events(type: "Seen.late").count == 1)
    #expect(try world.events(type: "Seen.early").count == 6)
    #expect(try world.events(type: "Seen.middle").map(\.cause).min() == 4)
    #expect(try world.events(type: "Seen.middle").count == 3)
  }

  @Test func `a reader far behind reads the log in blocks and comes to the head`() throws {
    var settings = EngineSettings()
    settings.tailBytes = 1
    let world = try World(settings: settings)
    for number in 0..<5000 {
      world.emit("Ping", "s-\(number % 100)")
      if number % 100 == 0 { try world.settle() }
    }
    try world.settle()
    try world.deploy([
      "a.lua": #"consumer "all" { from = "start", on = { Ping = function(event) emit("Pong", {}) end } }"#
    ])
    try world.settle()
    let pongs = try world.events(type: "Pong")
    #expect(pongs.map(\.cause) == Array(1...5000))
    #expect(world.reader("all")?.lag == 0)
  }

  @Test func `several keys of one event are units of their own`() throws {
    let world = try World(scripts: [
      "a.lua": """
        consumer "orders" {
          key = "data.orders",
          retry = false,
          on = { PackageSent = function(event)
            if event.data.fails then fail("no") end
            emit("Told", {})
          end },
        }
        """
    ])
    world.emit("PackageSent", "p1", #"{"orders":["a","b","c"]}"#)
    try world.settle()
    #expect(try world.events(type: "Told").count == 3)
    world.emit("PackageSent", "p2", #"{"orders":["a","b"],"fails":true}"#)
    try world.settle()
    #expect(world.reader("orders")?.blockedKeys == 2)
    // "c" is free, "b" waits behind its dead letter.
    world.emit("PackageSent", "p3", #"{"orders":["b","c"]}"#)
    try world.settle()
    #expect(try world.events(type: "Told").count == 4)
    #expect(world.reader("orders")?.queued == 3)
    #expect(try world.foldFromNothing() == world.core.control)
  }

  @Test func `log lines come out when the commit is appended, and never those of a failed call`() throws {
    let world = try World(scripts: [
      "a.lua": """
        consumer "talker" {
          on = { Ping = function(event)
            log.info("hearing", event.subject)
            if event.data.fails then error("no") end
          end },
        }
        """
    ])
    world.emit("Ping", "good")
    world.emit("Ping", "bad", #"{"fails":true}"#)
    try world.turn()
    world.work()
    #expect(world.logged.isEmpty)
    try world.turn()
    #expect(world.logged == ["talker: hearing good"])
    #expect(world.failures.first?.log.first?.contains("hearing bad") == true)
  }

  @Test func `the live state equals a fold of the log from nothing`() throws {
    let world = try World(scripts: ["a.lua": World.flaky])
    for number in 0..<400 {
      world.emit("Ping", "s-\(number % 23)", #"{"n":\#(number)}"#)
      if number % 7 == 0 { try world.turn() }
      if number % 5 == 0 { world.work(reversed: number % 2 == 0) }
      if number % 11 == 0 { world.clock.advance(microseconds: 150_000) }
    }
    try world.settle()
    #expect(try world.foldFromNothing() == world.core.control)
  }
}

extension World {
  /// Fails for every seventh event, always.
  static let flaky = """
    consumer "flaky" {
      on = { Ping = function(event)
        if event.data.n % 7 == 0 then error("unlucky " .. event.data.n) end
        emit("Pong", { n = event.data.n })
      end },
    }
    """
}
