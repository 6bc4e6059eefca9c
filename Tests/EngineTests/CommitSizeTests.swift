import Events
import LogStorage
import Scripts
import TestKit
import Testing

@testable import Engine

/// A group that is larger than the log allows ends the host, and it would meet the same event after every start.
@Suite("What one event does fits a commit")
struct CommitSizeTests {
  @Test func `a start that names more than an instance can listen to fails`() throws {
    let lists = (1...100).map { "T\($0) = \"data.all\"" }.joined(separator: ", ")
    let world = try World(scripts: [
      "p.lua": """
      process "p" {
        starts = "Start", hears = { "Go", \(lists) }, retry = false,
        run = function() await "Go" emit("Gone") end,
      }
      """
    ])
    let subjects = (1...1000).map { "\"\(String(repeating: "s", count: 240))\($0)\"" }.joined(separator: ",")
    world.emit("Start", "a", #"{"all":[\#(subjects)]}"#)
    world.emit("Start", "b", #"{"all":["s"]}"#)
    world.emit("Go", "b")
    try world.settle()
    #expect(world.letters()?.letters.map(\.key) == [KeyBytes("a")])
    #expect(world.failures.map(\.kind) == [.limit])
    #expect(try world.events(type: "Gone").map(\.subject) == ["b"])
  }

  @Test func `an instance that cannot listen to all that new scripts name stays`() throws {
    func scripts(_ names: Int) -> [String: String] {
      let lists = (1...names).map { "T\($0) = \"data.all\"" }.joined(separator: ", ")
      return [
        "p.lua": """
        process "p" { starts = "Start", hears = { "Go", \(lists) }, run = function() await "Go" emit("Gone") end }
        """
      ]
    }
    let world = try World(scripts: scripts(1))
    let subjects = (1...100).map { "\"\(String(repeating: "s", count: 240))\($0)\"" }.joined(separator: ",")
    world.emit("Start", "a", #"{"all":[\#(subjects)]}"#)
    try world.settle()
    try world.deploy(scripts(3))
    world.emit("Go", "a")
    try world.settle()
    #expect(try world.events(type: "Gone").count == 1)
    #expect(world.failures.isEmpty)
  }

  @Test func `an event to which more instances listen than can be queued in one commit is a dead letter`() throws {
    var options = LogOptions()
    options.limits.maxGroupBytes = 1_250_000
    let world = try World(
      scripts: [
        "p.lua": """
        process "p" {
          starts = "Start", hears = { "Go", Changed = "data.all" }, retry = { attempts = 2, first = "1s", jitter = 0 },
          run = function()
            while true do
              if await({ "Go", "Changed" }).type == "Go" then return end
              emit("Told")
            end
          end,
        }
        """
      ], options: options)
    let name = String(repeating: "i", count: 240)
    var count = 0
    func start(_ more: Int) throws {
      let batch = EntryBatch(hash: world.opened.hash)
      for _ in 0..<more {
        count += 1
        world.add(to: batch, "Start", "\(name)\(count)", #"{"all":"one"}"#)
      }
      world.append(batch)
      try world.settle()
    }
    for _ in 0..<3 { try start(500) }
    let event = world.emit("Changed", "one")
    world.emit("Go", "\(name)1")
    try world.settle()
    world.clock.advance(microseconds: 1_000_001)
    try world.settle()
    #expect(try world.events(type: "Told").isEmpty)
    guard case .appended(let first, _, _, _)? = event.value else {
      Issue.record("\(String(describing: event.value))")
      return
    }
    #expect(world.letters()?.letters.map(\.position) == [first])
    #expect(world.failures.last?.kind == .limit)
    #expect(world.failures.first?.message == "1500 instances listen to its subject: more than fit one commit")
    #expect(world.core.control.readers[0].open.count == count - 1)
    #expect(try world.foldFromNothing() == world.core.control)
  }

  @Test func `many events whose keys are known late, and all fail, are tried some at a time`() throws {
    func scripts(_ key: String, _ retry: String) -> [String: String] {
      [
        "c.lua": """
        consumer "c" {
          retry = \(retry), key = function(event) \(key) end,
          on = { Work = function(event) error(("x"):rep(4000)) end },
        }
        """
      ]
    }
    let world = try World(scripts: scripts(#"error("no")"#, #"{ first = "1h" }"#))
    let batch = EntryBatch(hash: world.opened.hash)
    for number in 1...20 { world.add(to: batch, "Work", "w-\(number)") }
    world.append(batch)
    try world.settle()
    #expect(world.core.control.readers[0].blocked.count == 20)
    try world.deploy(
      scripts("local keys = {} for i = 1, 100 do keys[i] = event.subject .. i end return keys", "false"))
    world.work()
    try world.turn()
    #expect(world.out.first?.units.count == 100 * EngineCore.unkeyedPerBatch)
    try world.settle()
    #expect(world.letters()?.total == 2000)
  }
}
