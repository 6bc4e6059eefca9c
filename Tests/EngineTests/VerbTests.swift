import Events
import LogStorage
import TestKit
import Testing

@testable import Engine

@Suite("Operators' verbs on consumers")
struct VerbTests {
  static let counting = """
    consumer "counting" {
      retry = { attempts = 2, first = "1s", jitter = 0 },
      on = { Work = function(event)
        if event.data.fails then error("no") end
        emit("Done", { n = event.data.n })
      end },
    }
    """

  private func world() throws -> World { try World(scripts: ["a.lua": Self.counting]) }

  private func done(_ world: World) throws -> [String] { try world.events(type: "Done").map(\.data) }

  @Test func `a paused consumer is called for nothing, not even retries, until it is resumed`() throws {
    let world = try world()
    world.emit("Work", "a", #"{"n":1,"fails":true}"#)
    try world.settle()
    let paused = world.act(.pause, on: "counting")
    try world.settle()
    #expect(paused.value == .done(ReaderReceipt(changed: true, state: "paused", cursor: 1)))
    world.emit("Work", "b", #"{"n":2}"#)
    world.clock.advance(microseconds: 60_000_000)
    try world.settle()
    #expect(try done(world) == [])
    #expect(world.failures.count == 1)
    #expect(world.reader("counting")?.state == "paused")
    world.act(.resume, on: "counting")
    try world.settle()
    #expect(try done(world) == [#"{"n":2}"#])
    #expect(world.failures.count == 2)
    #expect(try world.foldFromNothing() == world.core.control)
  }

  @Test func `a pause outlives restarts and deploys, and the same verb again changes nothing`() throws {
    let fileSystem = MemoryFileSystem()
    let clock = ManualClock()
    do {
      let world = try World(scripts: ["a.lua": Self.counting], fileSystem: fileSystem, clock: clock)
      world.act(.pause, on: "counting")
      try world.settle()
      let again = world.act(.pause, on: "counting")
      try world.settle()
      #expect(again.value == .done(ReaderReceipt(changed: false, state: "paused", cursor: 0)))
    }
    fileSystem.restart(losing: .everything)
    let world = try World(scripts: ["a.lua": Self.counting + "\n-- another"], fileSystem: fileSystem, clock: clock)
    world.emit("Work", "a", #"{"n":1}"#)
    try world.settle()
    #expect(try done(world) == [])
    #expect(world.reader("counting")?.state == "paused")
  }

  @Test func `what is out when a pause comes is finished`() throws {
    let world = try world()
    for number in 1...3 { world.emit("Work", "a", #"{"n":\#(number)}"#) }
    try world.turn()
    #expect(world.out.count == 1)
    world.act(.pause, on: "counting")
    try world.settle()
    #expect(try done(world).count == 3)
    #expect(world.reader("counting")?.state == "paused")
  }

  @Test func `a rewound consumer hears again from the position on, and what it makes is new`() throws {
    let world = try world()
    for number in 1...4 { world.emit("Work", "s\(number)", #"{"n":\#(number)}"#) }
    try world.settle()
    let rewound = world.act(.rewind(to: Position(3)), on: "counting")
    try world.settle()
    #expect(rewound.value == .done(ReaderReceipt(changed: true, state: "running", cursor: 2)))
    #expect(try done(world) == [1, 2, 3, 4, 3, 4].map { #"{"n":\#($0)}"# })
    #expect(try world.foldFromNothing() == world.core.control)
  }

  @Test func `a rewind drops what waits at or after the position and keeps what is earlier`() throws {
    let world = try world()
    world.emit("Work", "a", #"{"n":1,"fails":true}"#)
    world.emit("Work", "a", #"{"n":2}"#)
    world.emit("Work", "b", #"{"n":3,"fails":true}"#)
    world.emit("Work", "b", #"{"n":4}"#)
    try world.settle()
    world.clock.advance(microseconds: 2_000_000)
    try world.settle()
    #expect(world.letters()?.letters.map(\.position.rawValue) == [1, 3])
    let rewound = world.act(.rewind(to: Position(2)), on: "counting")
    try world.settle()
    guard case .done(let receipt)? = rewound.value else {
      Issue.record("\(String(describing: rewound.value))")
      return
    }
    #expect(receipt.droppedUnits == 3)
    #expect(receipt.droppedLetters == 1)
    // The head of "a" still blocks its key; "b" was read again and fails again.
    #expect(world.letters()?.letters.map(\.position.rawValue) == [1])
    #expect(world.reader("counting")?.blockedKeys == 2)
    #expect(world.failures.filter { $0.position == 3 }.map(\.attempt) == [1, 2, 1])
    world.resolve(.discard, .all(consumer: "counting", key: nil))
    world.clock.advance(microseconds: 2_000_000)
    try world.settle()
    #expect(try done(world) == [#"{"n":2}"#])
    #expect(try world.foldFromNothing() == world.core.control)
  }

  @Test func `a rewind goes back only`() throws {
    let world = try world()
    world.emit("Work", "a", #"{"n":1}"#)
    try world.settle()
    let cursor = try #require(world.reader("counting")?.cursor)
    let refused = world.act(.rewind(to: Position(cursor + 1)), on: "counting")
    try world.settle()
    guard case .refused(let why)? = refused.value else {
      Issue.record("\(String(describing: refused.value))")
      return
    }
    #expect(why.contains("has read up to \(cursor)"))
  }

  @Test func `forget drops what waits and keeps the place of a consumer that is declared`() throws {
    let world = try world()
    world.emit("Work", "a", #"{"n":1,"fails":true}"#)
    world.emit("Work", "a", #"{"n":2}"#)
    try world.settle()
    let forgotten = world.act(.forget, on: "counting")
    try world.settle()
    #expect(
      forgotten.value == .done(ReaderReceipt(changed: true, state: "running", cursor: 2, droppedUnits: 2)))
    world.emit("Work", "a", #"{"n":3}"#)
    try world.settle()
    #expect(try done(world) == [#"{"n":3}"#])
    #expect(try world.foldFromNothing() == world.core.control)
  }

  @Test func `a removed consumer that is forgotten is gone, and its name begins anew`() throws {
    let world = try world()
    world.emit("Work", "a", #"{"n":1,"fails":true}"#)
    try world.settle()
    try world.deploy(["b.lua": #"consumer "other" { on = { Other = function() end } }"#])
    let paused = world.act(.pause, on: "counting")
    world.act(.forget, on: "counting")
    try world.settle()
    guard case .refused? = paused.value else {
      Issue.record("\(String(describing: paused.value))")
      return
    }
    #expect(world.reader("counting") == nil)
    let unknown = world.act(.pause, on: "counting")
    try world.settle()
    #expect(unknown.value == .unknown)
    try world.deploy(["a.lua": Self.counting])
    world.emit("Work", "a", #"{"n":2}"#)
    try world.settle()
    #expect(try done(world) == [#"{"n":2}"#])
    #expect(world.reader("counting")?.blockedKeys == 0)
    #expect(try world.foldFromNothing() == world.core.control)
  }

  @Test func `a verb waits for the disk like everything else`() throws {
    let world = try world()
    let answer = world.act(.pause, on: "counting")
    try world.turn()
    #expect(answer.value == nil)
    world.sync()
    try world.turn()
    #expect(answer.value != nil)
  }

  @Test func `a consumer that nobody knows is said to be unknown`() throws {
    let world = try world()
    let answer = world.act(.pause, on: "countng")
    try world.settle()
    #expect(answer.value == .unknown)
  }

  @Test func `a verb that waits behind the one which forgets its consumer finds nobody`() throws {
    let world = try world()
    try world.deploy(["b.lua": #"consumer "other" { on = { Other = function() end } }"#])
    let forgotten = world.act(.forget, on: "counting")
    let verbs = [ReaderVerb.pause, .resume, .rewind(to: Position(1)), .forget].map { world.act($0, on: "counting") }
    try world.settle()
    #expect(forgotten.value == .done(ReaderReceipt(changed: true, state: "forgotten", cursor: 0)))
    #expect(verbs.map(\.value) == Array(repeating: .unknown, count: 4))
    #expect(try world.foldFromNothing() == world.core.control)
  }
}
