import TestKit
import Testing

@testable import Engine

/// When the time of what an instance waits for is over.
@Suite("Times of processes")
struct ProcessTimeTests {
  private static func waiting(_ within: String) -> [String: String] {
    [
      "waiting.lua": """
      process "waiting" { starts = "Start", hears = "Ping", aborts = "Stop",
        run = function(start)
          compensate(function()
            sleep("10s")
            emit("Undone", {})
          end)
          if start.data.back then rollback("enough") end
          await { "Ping", within = "\(within)" }
          emit("First", {})
          await { "Ping", within = "\(within)" }
          emit("Second", {})
        end }
      """
    ]
  }

  private static func types(_ world: World) throws -> [String] {
    try world.events().map(\.type).filter { $0 == "First" || $0 == "Second" || $0 == "Undone" }
  }

  @Test func `a deadline that an event has ended is not that of the wait after it`() throws {
    let world = try World(scripts: Self.waiting("10s"))
    world.emit("Start", "a")
    try world.settle()
    world.act(.pause, on: "waiting")
    world.emit("Ping", "a")
    try world.settle()
    // The event came in time, and is handled when its time is over: both are in one batch.
    world.clock.advance(microseconds: 11_000_000)
    world.act(.resume, on: "waiting")
    try world.settle()
    #expect(try Self.types(world) == ["First"])
    world.clock.advance(microseconds: 10_000_001)
    try world.settle()
    #expect(try Self.types(world) == ["First", "Second"])
  }

  @Test func `an instance that is woken and moves to scripts that wait longer waits longer`() throws {
    let world = try World(scripts: Self.waiting("10s"))
    world.emit("Start", "a")
    try world.settle()
    try world.deploy(Self.waiting("20s"))
    world.clock.advance(microseconds: 11_000_000)
    try world.settle()
    #expect(try Self.types(world).isEmpty)
    world.clock.advance(microseconds: 9_000_001)
    try world.settle()
    #expect(try Self.types(world) == ["First"])
  }

  @Test func `an event that aborts what rolls back already does not begin the wait of a compensation anew`() throws {
    let world = try World(scripts: Self.waiting("10s"))
    world.emit("Start", "a", #"{"back":true}"#)
    try world.settle()
    world.clock.advance(microseconds: 6_000_000)
    world.emit("Stop", "a")
    try world.settle()
    world.clock.advance(microseconds: 4_000_001)
    try world.settle()
    #expect(try Self.types(world) == ["Undone"])
  }
}
