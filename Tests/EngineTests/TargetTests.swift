import Events
import Scripts
import TestKit
import Testing

@testable import Engine

/// A destination with a target for each document of a projection: what goes by target, and not by destination.
@Suite("Targets of a destination") struct TargetTests {
  static let script = """
    projection "endpoints" { on = { Added = function(d, e) d.url = e.data.url end } }
    destination "hooks" {
      each = "endpoints", http = "{url}", concurrency = 100, retry = { attempts = 8, first = "100ms", jitter = 0 },
      exhausted = "skip",
    }
    consumer "orders" { on = { Placed = function(e) publish("hooks", { n = e.data.n }, { to = e.data.to }) end } }
    """

  private func world() throws -> World { try World(scripts: ["a.lua": Self.script]) }

  private func place(_ n: Int, to target: String, _ world: World) {
    world.emit("Placed", "o-\(n)", #"{"n":\#(n),"to":"\#(target)"}"#)
  }

  @Test func `messages of one target go out in order, whatever they are about`() throws {
    let world = try world()
    for n in 1...3 { place(n, to: "acme", world) }
    place(4, to: "other", world)
    try world.settle()
    #expect(world.underWay == [#"hooks acme {"n":1} #1"#, #"hooks other {"n":4} #1"#])
    #expect(try world.settleAnswering().count == 4)
  }

  @Test func `ten targets that are not there cost the others nothing`() throws {
    let world = try world()
    for n in 0..<10 { for _ in 0..<20 { place(n, to: "dead-\(n)", world) } }
    for n in 0..<100 { place(n, to: "live-\(n % 20)", world) }
    var live = 0
    var dead = 0
    for _ in 0..<200 {
      try world.settle()
      for line in world.answer({ world.describe($0).contains("dead") ? World.unavailable() : .delivered(nil) }) {
        if line.contains("dead") { dead += 1 } else { live += 1 }
      }
      try world.settle()
      world.clock.advance(microseconds: 100_000)
    }
    #expect(live == 100)
    #expect(dead < 10 * 15, "each is asked now and then")
    let reader = try #require(world.core.control.reader(named: "hooks", kind: .destination))
    #expect(reader.letters.isEmpty && reader.pending == 200)
    #expect(world.status.readers.first { $0.name == "hooks" }?.state == "running")
    var back: [String] = []
    for _ in 0..<200 {
      back += try world.settleAnswering()
      world.clock.advance(microseconds: 1_000_000)
    }
    #expect(back.count == 200)
    #expect(try world.foldFromNothing() == world.core.control)
  }

  @Test func `a paused target waits, also over a restart, and the others go on`() throws {
    let world = try world()
    world.act(.pauseTarget(KeyBytes("acme")), on: "hooks")
    try world.settle()
    for n in 1...3 { place(n, to: "acme", world) }
    place(4, to: "other", world)
    #expect(try world.settleAnswering() == [#"hooks other {"n":4} #1"#])
    world.clock.advance(microseconds: 1_000_000)
    try world.settle()
    world.fileSystem.restart(losing: .everything)
    let next = try World(scripts: ["a.lua": Self.script], fileSystem: world.fileSystem)
    place(5, to: "acme", next)
    #expect(try next.settleAnswering() == [])
    let resumed = next.act(.resumeTarget(KeyBytes("acme")), on: "hooks")
    #expect(
      try next.settleAnswering() == [
        #"hooks acme {"n":1} #1"#, #"hooks acme {"n":2} #1"#, #"hooks acme {"n":3} #1"#, #"hooks acme {"n":5} #1"#,
      ])
    guard case .done(let receipt)? = resumed.value else {
      Issue.record("\(String(describing: resumed.value))")
      return
    }
    #expect(receipt.changed)
    #expect(try next.foldFromNothing() == next.core.control)
  }

  @Test func `a destination with one target has no targets to pause`() throws {
    let world = try World(scripts: ["a.lua": OutboxTests.warehouse])
    let paused = world.act(.pauseTarget(KeyBytes("a")), on: "warehouse")
    try world.settle()
    guard case .refused(let why)? = paused.value else {
      Issue.record("\(String(describing: paused.value))")
      return
    }
    #expect(why.contains("one target only"))
  }
}
