import Events
import Glibc
import LogStorage
import Platform
import Scripts
import TestKit
import Testing

@testable import Engine

@Suite struct TimerTests {
  static let minute: Int64 = 60_000_000
  static let day: Int64 = 24 * 60 * minute

  private static let orders = [
    "orders.lua": """
    consumer "orders" {
      on = {
        Placed = function(event)
          after("15m", "Overdue", { of = event.position }, { id = "overdue" })
          if event.data.wait then after(event.data.wait, "Plain", {}, { subject = "other" }) end
        end,
        Paid = function(event) cancel("overdue") end,
      },
    }
    """
  ]

  /// A handler that sets fifty timers, due in another order than they stand in.
  private static let fifty = [
    "t.lua": """
    consumer "t" {
      on = { Go = function(event)
        for i = 1, 50 do
          local n = (i * 37) % 50 + 1
          after(n .. "m", "Due", { n = n }, { id = n % 2 == 0 and n or nil })
        end
      end },
    }
    """
  ]

  @Test func `an event comes when its time has come, caused by the timer, and once`() throws {
    let world = try World(scripts: Self.orders)
    world.emit("Placed", "o-1", #"{"wait":"1h"}"#)
    try world.settle()
    #expect(world.status.timers.pending == 2 && world.core.nextDue == world.core.now + 15 * Self.minute)
    world.clock.advance(microseconds: 15 * Self.minute - 1)
    try world.settle()
    #expect(try world.fired() == [])
    world.clock.advance(microseconds: 1)
    try world.settle()
    let fired = try #require(try world.fired().first)
    #expect(fired.type == "Overdue" && fired.subject == "o-1" && fired.data == #"{"of":1}"# && fired.cause == 2)
    world.clock.advance(microseconds: Self.day)
    try world.settle()
    #expect(try world.fired().map(\.type) == ["Overdue", "Plain"])
    #expect(try world.fired().last?.subject == "other")
    #expect(world.status.timers.pending == 0 && world.core.nextDue == nil)
    #expect(try world.foldFromNothing() == world.core.control)
  }

  @Test func `a name is replaced for its key alone, and cancel takes back what is pending`() throws {
    let world = try World(scripts: Self.orders)
    for order in ["o-1", "o-2"] { world.emit("Placed", order) }
    try world.settle()
    world.clock.advance(microseconds: 10 * Self.minute)
    world.emit("Placed", "o-1")
    for order in ["o-2", "o-3"] { world.emit("Paid", order) }
    try world.settle()
    #expect(world.status.timers.pending == 1)
    world.clock.advance(microseconds: 15 * Self.minute - 1)
    try world.settle()
    #expect(try world.fired() == [])
    world.clock.advance(microseconds: 1)
    try world.settle()
    #expect(try world.fired().map(\.subject) == ["o-1"])
    world.emit("Paid", "o-1")
    try world.settle()
    #expect(try world.foldFromNothing() == world.core.control)
  }

  @Test(arguments: [1, 32 << 20])
  func `what is overdue after a downtime comes in the order in which it was due, once`(tail: Int) throws {
    var settings = EngineSettings()
    settings.tailBytes = tail
    let first = try World(scripts: Self.fifty, settings: settings)
    first.emit("Go", "a")
    try first.settle()
    for _ in 0..<3 {
      first.fileSystem.restart(losing: .everything)
      first.clock.advance(microseconds: Self.day)
      let world = try World(
        scripts: Self.fifty, fileSystem: first.fileSystem, clock: first.clock, settings: settings)
      try world.settle()
      #expect(try world.fired().map(\.data) == (1...50).map { "{\"n\":\($0)}" })
      #expect(world.status.timers.pending == 0)
      #expect(try world.foldFromNothing() == world.core.control)
    }
  }

  @Test func `wherever the power goes, each timer fires exactly once`() throws {
    func work(in world: World) throws {
      world.emit("Go", "a", id: "go")
      try world.settle()
      for _ in 0..<6 {
        world.clock.advance(microseconds: 10 * Self.minute)
        try world.turn()
        world.work()
        try world.turn()
        world.sync()
      }
      try world.settle()
    }
    let counting = MemoryFileSystem()
    try work(in: try World(scripts: Self.fifty, fileSystem: counting))
    for crash in 0..<counting.trace.count {
      let (files, clock) = (MemoryFileSystem(), ManualClock())
      files.inject { $0.index == crash ? .crash : nil }
      // The crash, in whichever words.
      try? work(in: try World(scripts: Self.fifty, fileSystem: files, clock: clock))
      files.inject(nil)
      files.restart(losing: .some(Seed(UInt64(crash))))
      let world = try World(scripts: Self.fifty, fileSystem: files, clock: clock)
      try work(in: world)
      clock.advance(microseconds: Self.day)
      try world.settle()
      #expect(Set(try world.fired().map(\.data)).count == 50, "crash before call \(crash)")
      #expect(try world.fired().count == 50, "crash before call \(crash)")
      #expect(try world.foldFromNothing() == world.core.control)
    }
  }

  @Test func `a full disk loses no timer`() throws {
    let world = try World(scripts: Self.orders)
    world.emit("Placed", "o-1")
    try world.settle()
    world.fileSystem.inject { $0.operation == .write && $0.path.contains("log/") ? .failAfter(bytes: 9, ENOSPC) : nil }
    world.clock.advance(microseconds: 15 * Self.minute)
    try world.turn()
    #expect(world.isFull && world.status.timers.pending == 1)
    #expect(world.core.nextDue.map { $0 > world.core.now } == true)
    world.fileSystem.inject(nil)
    world.clock.advance(microseconds: 1_000_000)
    try world.settle()
    #expect(try world.fired().count == 1)
    #expect(try world.foldFromNothing() == world.core.control)
  }

  @Test func `a timer that cannot be read is told and tried again`() throws {
    let first = try World(scripts: Self.orders)
    first.emit("Placed", "o-1")
    try first.settle()
    first.fileSystem.restart(losing: .everything)
    first.clock.advance(microseconds: Self.day)
    let world = try World(fileSystem: first.fileSystem, clock: first.clock)
    world.fileSystem.inject { $0.operation == .read && $0.path.hasSuffix(".seg") ? .fail(EIO) : nil }
    try world.deploy(Self.orders)
    for _ in 0..<3 {
      try world.settle()
      world.clock.advance(microseconds: 1_000_001)
    }
    #expect(world.warnings.contains { $0.contains("timers that are due cannot be read") })
    world.fileSystem.inject(nil)
    #expect(try world.fired() == [])
    try world.settle()
    #expect(try world.fired().count == 1)
  }

  @Test func `row 44: while very many timers are due at once appends are served in between`() throws {
    let world = try World(scripts: [
      "t.lua": """
      consumer "t" { on = { Go = function(event) for i = 1, 5000 do after("1m", "Due", { i = i }) end end } }
      """
    ])
    for number in 0..<4 { world.emit("Go", "s-\(number)") }
    try world.settle()
    world.clock.advance(microseconds: Self.minute)
    try world.turn()
    #expect(world.status.timers.pending == 20_000 - EngineCore.timersPerTurn && world.core.nextDue == world.core.now)
    let append = world.emit("Other", "s")
    try world.turn()
    world.sync()
    try world.turn()
    #expect(append.value != nil && world.status.timers.pending == 20_000 - 3 * EngineCore.timersPerTurn)
    try world.settle()
    #expect(try world.fired().count == 20_000)
  }

  // MARK: clocks

  @Test func `after a step back of the clock timers wait until it has caught up`() throws {
    let world = try World(scripts: Self.orders)
    world.emit("Placed", "o-1")
    try world.settle()
    world.clock.jump(microseconds: -60 * Self.minute)
    world.clock.advance(microseconds: 20 * Self.minute)
    try world.settle()
    #expect(try world.fired() == [])
    world.clock.advance(microseconds: 55 * Self.minute)
    try world.settle()
    #expect(try world.fired().count == 1)
  }

  @Test(arguments: [false, true])
  func `a jump of more than a day fires nothing early unless the clock is accepted`(accepts: Bool) throws {
    var settings = EngineSettings()
    settings.acceptsClockJumps = accepts
    let world = try World(scripts: Self.orders, settings: settings)
    world.emit("Placed", "o-1")
    try world.settle()
    world.clock.jump(microseconds: 400 * Self.day)
    try world.settle()
    #expect(try world.fired().count == (accepts ? 1 : 0))
    world.clock.advance(microseconds: 15 * Self.minute)
    try world.settle()
    #expect(try world.fired().count == 1)
  }

  @Test func `a jump of an hour is followed`() throws {
    let world = try World(scripts: Self.orders)
    world.emit("Placed", "o-1")
    try world.settle()
    world.clock.jump(microseconds: 60 * Self.minute)
    try world.settle()
    #expect(try world.fired().count == 1)
  }

  @Test func `with the clock of events timers fire as the time of the events passes`() throws {
    var settings = EngineSettings()
    settings.clockIsEvents = true
    let world = try World(scripts: Self.orders, settings: settings)
    func arrive(_ type: String, _ time: String) throws {
      world.append(world.event(type, "o-1", time: time))
      try world.settle()
    }
    try arrive("Placed", "2020-01-01T10:00:00Z")
    world.clock.advance(microseconds: 365 * Self.day)
    try world.settle()
    try arrive("Other", "2020-01-01T10:14:59Z")
    #expect(try world.fired() == [] && world.core.nextDue == nil)
    try arrive("Other", "2020-01-01T10:15:00Z")
    #expect(try world.fired().map(\.type) == ["Overdue"])
    #expect(world.core.control.time == Timestamp.microseconds("2020-01-01T10:15:00Z"))
    #expect(try world.foldFromNothing() == world.core.control)
  }

  // MARK: others

  @Test func `timers of commands fire into what aggregates fold, also while their subject is kept for commands`() throws
  {
    let world = try World(scripts: [
      "a.lua": """
      aggregate "lamp" {
        initial = { n = 0 },
        events = { On = function(l) l.n = l.n + 1 end },
        commands = {
          Light = function(l, c)
            emit("On")
            after("1s", "On", { by = "timer" }, { id = "again" })
            if l.n > 5 then cancel("again") end
          end,
        },
      }
      """
    ])
    for _ in 0..<8 {
      for _ in 0..<3 { _ = world.send("Light", "l-1") }
      try world.turn()
      world.clock.advance(microseconds: 1_000_000)
      try world.turn()
      world.work()
      try world.turn()
    }
    try world.settle()
    world.clock.advance(microseconds: 1_000_000)
    try world.settle()
    #expect(try world.outcomes().count == 24)
    #expect(world.status.timers.pending == 0)
    #expect(try world.foldFromNothing() == world.core.control)
  }

  @Test func `a script that wakes itself each minute is no circle, one that does so at once is`() throws {
    let world = try World(scripts: [
      "a.lua": """
      consumer "clock" { on = { Tick = function(event)
        if event.data.slow then after("1s", "Tick", event.data) else after("0s", "Tick", {}) end
      end } }
      """
    ])
    world.emit("Tick", "slow", #"{"slow":true}"#)
    for _ in 0..<1500 {
      try world.settle()
      world.clock.advance(microseconds: 1_000_000)
    }
    #expect(try world.fired().count >= 1499 && world.reader("clock")?.deadLetters == 0)
    world.emit("Tick", "quick")
    try world.settle()
    #expect(world.failures.last?.message.contains("go round in a circle: Tick → Tick") == true)
  }

  @Test func `a list of pending timers is of durable ones, the next due first, page by page`() throws {
    let world = try World(scripts: Self.fifty)
    world.emit("Go", "a")
    try world.settle()
    var seen: [TimerPlace] = []
    while true {
      let page = world.core.timersPage(TimerQuery(after: seen.last, limit: 7))
      seen += page
      if page.count < 7 { break }
    }
    #expect(seen.count == 50 && seen == seen.sorted())
    world.emit("Go", "b")
    try world.turn()
    world.work()
    try world.turn()
    #expect(world.status.timers.pending == 100)
    #expect(world.core.timersPage(TimerQuery(limit: 1000)).count == 50)
  }
}

extension World {
  /// The events that timers have become.
  func fired() throws -> [Seen] {
    let clock = try commits(of: .clock)
    return try events().filter { clock.contains($0.position) }
  }

  private func commits(of producer: Producer) throws -> Set<UInt64> {
    var positions: Set<UInt64> = []
    try opened.reader.replay(fromCommit: 1) { commit in
      if commit.producer == producer {
        let first = commit.firstPosition.rawValue
        positions.formUnion(first..<first + UInt64(commit.positionCount))
      }
      return true
    }
    return positions
  }
}
