import Events
import LogStorage
import Scripts
import TestKit
import Testing
@testable import Engine

/// Deadlines that are given up with the call that failed at them.
extension ProcessTroubleTests {
  private static func timing(_ late: String) -> [String: String] {
    [
      "p.lua": """
      process "p" {
        starts = "Start", hears = { "Go", "Other", "Last" }, retry = false,
        run = function(start)
          local go, why = await { "Go", within = "30s" }
          if not go then \(late) end
          local last, late = await { "Last", within = "30s" }
          emit("Ended", { why = late })
        end,
      }
      """
    ]
  }

  @Test(arguments: [LetterVerb.skip, .discard])
  func `a deadline that is given up stays so while its wait goes on, and the next wait has its own`(verb: LetterVerb)
    throws
  {
    var world = try World(scripts: Self.timing(#"error("late")"#))
    world.emit("Start", "a")
    try world.settle()
    world.clock.advance(microseconds: 30_000_001)
    try world.settle()
    #expect(world.letters()?.total == 1)
    world.resolve(verb, .all(consumer: "p", key: nil))
    try world.settle()
    // What it hears meanwhile is kept, and sets no deadline.
    world.emit("Other", "a")
    try world.settle()
    world = try Self.restarted(world, Self.timing(#"error("late")"#))
    world.clock.advance(microseconds: 3_600_000_000)
    try world.settle()
    world.emit("Other", "a")
    try world.settle()
    #expect(world.failures.isEmpty)
    #expect(try Self.instances(world).first?.instance.mailbox.count == 2)
    world.emit("Go", "a")
    try world.settle()
    #expect(try world.events(type: "Ended").isEmpty)
    world.clock.advance(microseconds: 30_000_001)
    try world.settle()
    #expect(try world.events(type: "Ended").map(\.data) == [#"{"why":"timeout"}"#])
    try Self.expectFold(world)
  }

  @Test func `a deadline that was given up comes again, at once, when the instance moves to other scripts`() throws {
    let world = try World(scripts: Self.timing(#"error("late")"#))
    world.emit("Start", "a")
    try world.settle()
    world.clock.advance(microseconds: 30_000_001)
    try world.settle()
    world.resolve(.skip, .all(consumer: "p", key: nil))
    try world.settle()
    try world.deploy(Self.timing(#"emit("Late", {}) return"#))
    Self.tell(world, .move, "a")
    try world.settle()
    #expect(try world.events(type: "Late").count == 1)
    #expect(try Self.instances(world).isEmpty)
    try Self.expectFold(world)
  }

  @Test func `the deadline of a rule that is given up is not set again by what completes the rule's other half`() throws
  {
    let rule = """
      rule "r" { when = { all = { "A", "B", "C" } }, within = "10m", otherwise = "Late", emit = "All", retry = false,
        data = function(heard) if not heard.C then error("no") end return {} end }
      """
    let world = try World(scripts: ["r.lua": rule])
    world.emit("A", "a")
    try world.settle()
    world.clock.advance(microseconds: 600_000_001)
    try world.settle()
    #expect(world.letters()?.total == 1)
    world.resolve(.skip, .all(consumer: "r", key: nil))
    try world.settle()
    world.emit("B", "a")
    try world.settle()
    world.clock.advance(microseconds: 3_600_000_000)
    try world.settle()
    #expect(world.failures.count == 1)
    world.emit("C", "a")
    try world.settle()
    #expect(try world.events(type: "All").count == 1)
    #expect(try world.events(type: "Late").isEmpty)
    try Self.expectFold(world)
  }
}
