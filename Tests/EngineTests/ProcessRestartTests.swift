import TestKit
import Testing

@testable import Engine

/// What an instance takes along when it begins anew.
@Suite("Restarts of processes")
struct ProcessRestartTests {
  @Test func `an event that aborts before a restart rolls back`() throws {
    let world = try World(scripts: [
      "asking.lua": """
      aggregate "desk" { initial = {}, commands = { Stamp = function() end } }
      process "asking" { starts = "Start", aborts = "Stop",
        run = function(start)
          if start.data.again then return emit("Again", {}) end
          compensate(function() emit("Undone", {}) end)
          ask("Stamp", {}, { to = "d" })
          restart { again = true }
        end }
      """
    ])
    try world.settle()
    world.act(.pause, on: "desk")
    world.emit("Start", "a")
    try world.settle()
    world.emit("Stop", "a")
    try world.settle()
    world.act(.resume, on: "desk")
    try world.settle()
    #expect(try world.events(type: "Undone").count == 1)
    #expect(try world.events(type: "Again").isEmpty)
  }

  @Test func `what has kept an instance on older scripts ends with its history`() throws {
    func scripts(_ version: Int) -> [String: String] {
      [
        "answering.lua": """
        process "answering" { starts = "Start", hears = "Ping",
          run = function(start)
            if not start.data.again then emit("Began", { v = \(version) }) end
            await "Ping"
            emit("Pong", { v = \(version) })
            restart { again = true }
          end }
        """
      ]
    }
    let world = try World(scripts: scripts(1))
    world.emit("Start", "a")
    try world.settle()
    try world.deploy(scripts(2))
    for _ in 0..<2 {
      world.emit("Ping", "a")
      try world.settle()
    }
    #expect(try world.events(type: "Pong").map(\.data) == [#"{"v":1}"#, #"{"v":2}"#])
    #expect(world.core.control.pinned.isEmpty)
  }

  @Test func `an instance that begins anew while it moves to other scripts waits for what it has asked then`() throws {
    func scripts(_ within: String) -> [String: String] {
      [
        "moving.lua": """
        aggregate "owner" {
          commands = { Do = function(state, c) emit("DoneBy", {}) end }, events = { DoneBy = function(state, e) end },
        }
        process "moving" { starts = "Start", hears = { "Ping", "Poke" },
          run = function(start)
            if not start.data.second then
              await { "Ping", within = "\(within)" }
              restart({ second = true })
            end
            emit(ask("Do", {}, { to = "x" }) and "Confirmed" or "Refused", {})
          end }
        """
      ]
    }
    let world = try World(scripts: scripts("1h"))
    world.emit("Start", "a")
    try world.settle()
    try world.deploy(scripts("0s"))
    world.emit("Poke", "a")
    try world.settle()
    #expect(try world.events().map(\.type).filter { $0 == "Confirmed" || $0 == "Refused" } == ["Confirmed"])
    #expect(try world.foldFromNothing() == world.core.control)
  }
}
