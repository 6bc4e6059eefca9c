import Events
import LogStorage
import TestKit
import Testing
@testable import Engine

/// Deadlines whose call fails, or comes late.
extension RuleTests {
  static let failing = """
    rule "r" { when = "A", unless = "B", within = "10m", otherwise = "Late", OPTIONS
               data = function(heard) if heard.A.data.fails then error("no") end return { n = heard.A.data.n } end }
    """

  private func failing(_ options: String, readings: Int = 1) throws -> World {
    let world = try World(scripts: ["a.lua": Self.failing.replacing("OPTIONS", with: options)])
    world.emit("A", "bad", #"{"fails":true,"n":1}"#)
    world.emit("A", "good", #"{"n":2}"#)
    try world.settle()
    world.clock.advance(microseconds: 10 * Self.minute + 1)
    try world.settle()
    return world
  }

  @Test func `a deadline whose call fails blocks its key and nothing else, and is tried again`() throws {
    let world = try failing("retry = { attempts = 3, first = \"1s\", jitter = 0 },")
    #expect(try world.events(type: "Late").map(\.subject) == ["good"])
    #expect(world.reader("r")?.blockedKeys == 1)
    #expect(world.failures.map(\.position) == [try #require(try world.events(type: "A").first).position])
    // What comes for the key waits behind it.
    world.emit("B", "bad")
    try world.settle()
    for _ in 0..<2 {
      world.clock.advance(microseconds: 5_000_000)
      try world.settle()
    }
    #expect(world.failures.count == 3)
    #expect(try world.events(type: "moondance.dead-letter").count == 1)
    #expect(try world.foldFromNothing() == world.core.control)
    try world.deploy(["a.lua": Self.failing.replacing("OPTIONS", with: "").replacing("error(\"no\")", with: "")])
    let letter = try #require(world.letters()?.letters.first)
    world.resolve(.retry, .ids([letter.id]))
    try world.settle()
    #expect(try world.events(type: "Late").map(\.subject) == ["good", "bad"])
    #expect(world.reader("r")?.blockedKeys == 0)
    #expect(world.core.control.readers[0].open.isEmpty)
    #expect(try world.foldFromNothing() == world.core.control)
  }

  @Test func `a deadline that is given up does not come again`() throws {
    for verb in [LetterVerb.skip, .discard] {
      let world = try failing("retry = false,")
      let letter = try #require(world.letters()?.letters.first)
      world.resolve(verb, .ids([letter.id]))
      try world.settle()
      world.clock.advance(microseconds: 60 * Self.minute)
      try world.settle()
      #expect(world.failures.count == 1)
      #expect(world.reader("r")?.blockedKeys == 0)
      // An event of its key goes its way.
      world.emit("B", "bad")
      try world.settle()
      #expect(world.failures.count == 1)
      #expect(world.core.control.readers[0].open.isEmpty)
      #expect(try world.foldFromNothing() == world.core.control)
    }
    let world = try failing("retry = false, exhausted = \"skip\",")
    world.clock.advance(microseconds: 60 * Self.minute)
    try world.settle()
    #expect(world.failures.count == 1)
    #expect(world.reader("r")?.blockedKeys == 0)
    #expect(try world.foldFromNothing() == world.core.control)
  }

  @Test func `deadlines that passed while the host was away are told of once, many at a time`() throws {
    var settings = EngineSettings()
    settings.workers = 4
    var world = try World(scripts: ["a.lua": Self.late], settings: settings)
    for order in 1...2000 { world.emit("OrderPlaced", "o-\(order)") }
    try world.settle()
    let (fileSystem, clock) = (world.fileSystem, world.clock)
    fileSystem.restart(losing: .everything)
    clock.advance(microseconds: 15 * 24 * 60 * Self.minute)
    world = try World(scripts: ["a.lua": Self.late], fileSystem: fileSystem, clock: clock, settings: settings)
    #expect(world.core.control.readers[0].open.count == 2000)
    try world.settle()
    #expect(try Set(world.events(type: "OrderLate").map(\.subject)).count == 2000)
    #expect(try world.events(type: "OrderLate").count == 2000)
    #expect(try world.foldFromNothing() == world.core.control)
  }

  @Test func `a batch that is lost takes no deadline with it`() throws {
    let world = try World(scripts: ["a.lua": Self.join])
    world.emit("Paid", "o-1")
    try world.settle()
    world.clock.advance(microseconds: 16 * Self.minute)
    try world.turn()
    let lost = world.out
    #expect(lost.count == 1)
    for batch in lost { world.put(.workerLost(batch, unit: 0, seconds: 1)) }
    world.work()
    for batch in lost { world.put(.workerBack(batch, unit: 0)) }
    try world.settle()
    world.clock.advance(microseconds: 10_000_000)
    try world.settle()
    #expect(try world.events(type: "Stalled").count == 1)
    #expect(try world.foldFromNothing() == world.core.control)
  }
}
