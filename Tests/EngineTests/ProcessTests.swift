import Events
import LogStorage
import Scripts
import TestKit
import Testing

@testable import Engine

@Suite("Processes")
struct ProcessTests {
  private static let stock = """
    aggregate "stock" {
      initial = { left = 10 },
      events = {
        StockReserved = function(s, e) s.left = s.left - e.data.qty end,
        StockReleased = function(s, e) s.left = s.left + e.data.qty end,
      },
      commands = {
        ReserveStock = function(s, c)
          if s.left < c.data.qty then reject("only " .. s.left .. " left") end
          emit("StockReserved", { qty = c.data.qty })
        end,
        ReleaseStock = function(s, c) emit("StockReleased", { qty = c.data.qty }) end,
        Break = function(s, c) error("broken") end,
      },
      retry = false,
    }
    """

  private static func checkout(within: String = "30s", extra: String = "") -> String {
    """
    process "checkout" {
      starts = "OrderPlaced",
      aborts = "OrderCancelled",
      hears = { "Paid", "Packed" },
      retry = { attempts = 2, first = "1s", jitter = 0 },
      run = function(order)
        local events, why = ask("ReserveStock", { qty = order.data.qty }, { to = "stock" })
        if not events then rollback(why, "OrderFailed") end
        compensate(function() ask("ReleaseStock", { qty = order.data.qty }, { to = "stock" }) end)
        \(extra)
        local paid, late = await { "Paid", within = "\(within)" }
        if not paid then rollback(late, "OrderFailed") end
        emit("OrderConfirmed", { by = paid.data.by })
      end,
    }
    """
  }

  private static func scripts(_ checkout: String = checkout()) -> [String: String] {
    ["stock.lua": stock, "checkout.lua": checkout]
  }

  private static func types(_ world: World) throws -> [String] {
    try world.events().map(\.type).filter { !$0.hasPrefix("moondance.") }
  }

  private static func restarted(_ world: World, _ scripts: [String: String]) throws -> World {
    let (fileSystem, clock) = (world.fileSystem, world.clock)
    fileSystem.restart(losing: .everything)
    return try World(scripts: scripts, fileSystem: fileSystem, clock: clock)
  }

  private static func page(_ world: World) throws -> ProcessPage {
    try #require(try world.processes())
  }

  private static func expectFold(_ world: World, _ location: SourceLocation = #_sourceLocation) throws {
    #expect(try world.foldFromNothing() == world.core.control, sourceLocation: location)
    var writer = ByteWriter()
    world.core.control.encode(into: &writer)
    #expect(ControlState(snapshot: writer.bytes) == world.core.control, sourceLocation: location)
  }

  // MARK: the way through

  @Test func `an instance asks, waits and goes on`() throws {
    let world = try World(scripts: Self.scripts())
    world.emit("OrderPlaced", "order-1", #"{"qty":3}"#)
    try world.settle()
    #expect(try Self.types(world) == ["OrderPlaced", "ReserveStock", "StockReserved"])
    let instance = try #require(try Self.page(world).instances.first)
    #expect(instance.instance.wait.types == ["Paid"])
    #expect(instance.instance.compensations.count == 1)
    world.emit("Paid", "order-1", #"{"by":"card"}"#)
    try world.settle()
    let confirmed = try #require(try world.events(type: "OrderConfirmed").first)
    #expect(confirmed.data == #"{"by":"card"}"#)
    #expect(confirmed.subject == "order-1")
    #expect(try Self.page(world).instances.isEmpty)
    try Self.expectFold(world)
  }

  @Test func `a refusal leads to no further step`() throws {
    let world = try World(scripts: Self.scripts())
    world.emit("OrderPlaced", "order-1", #"{"qty":11}"#)
    try world.settle()
    #expect(try Self.types(world) == ["OrderPlaced", "ReserveStock", "OrderFailed"])
    #expect(try world.events(type: "OrderFailed").first?.data == #"{"reason":"only 10 left"}"#)
    #expect(try world.events(type: "moondance.rejected").isEmpty)
  }

  @Test func `a command that an operator discards is answered`() throws {
    let world = try World(scripts: Self.scripts(Self.checkout(extra: #"ask("Break", {}, { to = "b" })"#)))
    world.emit("OrderPlaced", "order-1", #"{"qty":1}"#)
    try world.settle()
    #expect(world.letters()?.total == 1)
    world.resolve(.discard, .all(consumer: "stock", key: nil))
    try world.settle()
    #expect(try Self.page(world).instances.first?.instance.wait.types == ["Paid"])
  }

  @Test func `a wait that lasts too long rolls back, the last first`() throws {
    let world = try World(scripts: Self.scripts())
    world.emit("OrderPlaced", "order-1", #"{"qty":3}"#)
    try world.settle()
    world.clock.advance(microseconds: 30_000_000)
    try world.settle()
    world.clock.advance(microseconds: 1)
    try world.settle()
    #expect(
      try Self.types(world) == [
        "OrderPlaced", "ReserveStock", "StockReserved", "ReleaseStock", "StockReleased", "OrderFailed",
      ])
    try Self.expectFold(world)
  }

  @Test func `an event that comes before it is awaited is not missed`() throws {
    let world = try World(scripts: Self.scripts())
    let batch = world.event("OrderPlaced", "order-1", #"{"qty":3}"#)
    world.add(to: batch, "Paid", "order-1", #"{"by":"early"}"#)
    world.append(batch)
    try world.settle()
    #expect(try world.events(type: "OrderConfirmed").first?.data == #"{"by":"early"}"#)
  }

  @Test func `an event that aborts rolls back, at once or after the answer`() throws {
    let world = try World(scripts: Self.scripts())
    world.emit("OrderPlaced", "order-1", #"{"qty":3}"#)
    try world.settle()
    world.emit("OrderCancelled", "order-1")
    let early = world.event("OrderPlaced", "order-2", #"{"qty":3}"#)
    world.add(to: early, "OrderCancelled", "order-2")
    world.append(early)
    try world.settle()
    let released = try world.events(type: "StockReleased")
    #expect(released.count == 2)
    #expect(try Self.page(world).instances.isEmpty)
    try Self.expectFold(world)
  }

  @Test func `a start event for a running instance is counted and starts nothing`() throws {
    let world = try World(scripts: Self.scripts())
    for _ in 0..<3 { world.emit("OrderPlaced", "order-1", #"{"qty":1}"#) }
    try world.settle()
    let page = try Self.page(world)
    #expect(page.instances.count == 1)
    #expect(page.instances.first?.instance.ignoredStarts == 2)
    #expect(try world.events(type: "StockReserved").count == 1)
  }

  @Test func `all that is awaited comes at once, in any order`() throws {
    let world = try World(
      scripts: Self.scripts(
        Self.checkout(
          extra:
            #"local both = await { all = { "Paid", "Packed" } } emit("Both", { p = both.Paid.data.n, k = both.Packed.data.n })"#
        )))
    world.emit("OrderPlaced", "o", #"{"qty":1}"#)
    try world.settle()
    world.emit("Packed", "o", #"{"n":1}"#)
    try world.settle()
    #expect(try world.events(type: "Both").isEmpty)
    world.emit("Paid", "o", #"{"n":2}"#)
    try world.settle()
    #expect(try world.events(type: "Both").first?.data == #"{"k":1,"p":2}"#)
  }

  // MARK: lives

  @Test func `a host that dies after every commit does the same`() throws {
    var results: [[String]] = []
    for restarts in [false, true] {
      var world = try World(scripts: Self.scripts())
      let clock = world.clock
      for (type, data) in [("OrderPlaced", #"{"qty":3}"#), ("Paid", #"{"by":"card"}"#)] {
        world.emit(type, "order-1", data)
        var last: UInt64 = 0
        for _ in 0..<200 {
          try world.turn()
          world.sync()
          if restarts, world.opened.reader.lastCommit > last {
            last = world.opened.reader.lastCommit
            world = try Self.restarted(world, Self.scripts())
          }
          world.work()
        }
        try world.settle()
      }
      results.append(try world.events().map { "\($0.type) \($0.subject) \($0.data)" })
      try Self.expectFold(world)
      #expect(clock.wallMicroseconds() >= 0)
    }
    #expect(results[0] == results[1])
  }

  @Test func `an instance of a thousand steps is repeated from its blocks`() throws {
    let script = """
      process "counter" { starts = "Start", hears = "Tick",
        run = function(start)
          local sum = 0
          while true do
            local tick = await "Tick"
            sum = sum + tick.data.n
            if tick.data.tell then emit("Sum", { sum = sum }) end
          end
        end }
      """
    var world = try World(scripts: ["counter.lua": script])
    world.emit("Start", "c")
    try world.settle()
    for step in 1...300 {
      world.emit("Tick", "c", #"{"n":\#(step)}"#)
      try world.settle()
      if step % 90 == 0 { world = try Self.restarted(world, ["counter.lua": script]) }
    }
    world = try Self.restarted(world, ["counter.lua": script])
    world.emit("Tick", "c", #"{"n":0,"tell":true}"#)
    try world.settle()
    #expect(try world.events(type: "Sum").first?.data == #"{"sum":45150}"#)
    let report = try #require(try Self.page(world).instances.first)
    #expect(report.instance.stepCount == 302)
    #expect(report.instance.steps.count <= ProcessInstance.blockSteps + 1)
    let timeline = try ProcessReading(log: world.opened.reader).timeline(of: report)
    #expect(timeline.steps.count == 302)
    #expect(timeline.steps.last?.effects.map(\.type) == ["Sum"])
    try Self.expectFold(world)
  }

  // MARK: code changes

  @Test func `an instance whose history is the same moves to new scripts, another stays and says why`() throws {
    var world = try World(scripts: Self.scripts())
    world.emit("OrderPlaced", "order-1", #"{"qty":3}"#)
    try world.settle()
    // The same so far, and another end.
    let other = Self.checkout().replacing("OrderConfirmed", with: "OrderDone")
    try world.deploy(Self.scripts(other))
    try world.settle()
    #expect(world.core.control.pinned.count == 1)
    world = try Self.restarted(world, Self.scripts(other))
    world.emit("OrderPlaced", "order-2", #"{"qty":3}"#)
    world.emit("Paid", "order-1", #"{"by":"a"}"#)
    try world.settle()
    #expect(try world.events(type: "OrderDone").count == 1)
    #expect(world.core.control.pinned.isEmpty)
    // Another first step.
    let third = Self.checkout(extra: #"emit("Noted", {})"#)
    try world.deploy(Self.scripts(third))
    world.emit("Packed", "order-2")
    try world.settle()
    let report = try #require(try Self.page(world).instances.first)
    #expect(report.instance.generation == 2)
    #expect(report.instance.stays?.step == 1)
    #expect(report.instance.stays?.what == "makes event Noted, where it made nothing")
    world = try Self.restarted(world, Self.scripts(third))
    world.emit("Paid", "order-2", #"{"by":"b"}"#)
    try world.settle()
    #expect(try world.events(type: "OrderDone").count == 2)
    #expect(world.core.control.pinned.isEmpty)
    try Self.expectFold(world)
  }

  @Test func `what only an older generation awaits is heard`() throws {
    var world = try World(scripts: Self.scripts())
    world.emit("OrderPlaced", "order-1", #"{"qty":3}"#)
    try world.settle()
    let deaf = Self.checkout(extra: #"emit("Noted", {})"#).replacing(#""Paid""#, with: #""Settled""#)
    try world.deploy(Self.scripts(deaf))
    world = try Self.restarted(world, Self.scripts(deaf))
    try world.settle()
    world.emit("Paid", "order-1", #"{"by":"a"}"#)
    try world.settle()
    #expect(try world.events(type: "OrderConfirmed").count == 1)
  }

  @Test func `an instance that moves while it waits for an answer gets the answer`() throws {
    let asking = Self.checkout(extra: #"ask("Break", {}, { to = "b" })"#)
    let world = try World(scripts: Self.scripts(asking))
    world.emit("OrderPlaced", "order-1", #"{"qty":1}"#)
    try world.settle()
    try world.deploy(Self.scripts(asking.replacing("OrderConfirmed", with: "OrderDone")))
    let batch = EntryBatch(hash: world.opened.hash)
    Array("order-1".utf8).withUnsafeBytes {
      ProcessVerb.add(.move, to: KeyBytes("order-1"), process: "checkout", reader: 1, subject: $0, by: "me", in: batch)
    }
    world.append(batch)
    try world.settle()
    #expect(try Self.page(world).instances.first?.instance.generation == 2)
    world.resolve(.discard, .all(consumer: "stock", key: nil))
    world.emit("Paid", "order-1", #"{"by":"a"}"#)
    try world.settle()
    #expect(try world.events(type: "OrderDone").count == 1)
    try Self.expectFold(world)
  }

  @Test func `a deploy while a batch is out begins nothing on scripts that nobody keeps`() throws {
    let world = try World(scripts: Self.scripts())
    world.emit("OrderPlaced", "order-1", #"{"qty":3}"#)
    try world.turn()
    #expect(!world.out.isEmpty)
    _ = try world.put(Self.scripts(Self.checkout(within: "31s")))
    try world.turn()
    try world.settle()
    #expect(try Self.page(world).instances.first?.instance.generation == 2)
    #expect(try world.events(type: "StockReserved").count == 1)
    try Self.expectFold(world)
  }

  // MARK: operators

  @Test func `an operator cancels with and without a rollback, and moves`() throws {
    let world = try World(scripts: Self.scripts())
    for order in 1...3 { world.emit("OrderPlaced", "order-\(order)", #"{"qty":1}"#) }
    try world.settle()
    for (order, verb) in [(1, ProcessVerb.cancel), (2, .end)] {
      let batch = EntryBatch(hash: world.opened.hash)
      Array("order-\(order)".utf8).withUnsafeBytes {
        ProcessVerb.add(
          verb, to: KeyBytes("order-\(order)"), process: "checkout", reader: 1, subject: $0, by: "me", in: batch)
      }
      world.append(batch)
    }
    try world.settle()
    #expect(try world.events(type: "StockReleased").count == 1)
    #expect(try Self.page(world).instances.map(\.key) == [KeyBytes("order-3")])
    try Self.expectFold(world)
  }

  @Test func `a step that fails blocks its instance alone, and is tried again`() throws {
    let failing = Self.checkout(extra: #"if order.subject == "bad" then error("no") end"#)
    let world = try World(scripts: Self.scripts(failing))
    world.emit("OrderPlaced", "bad", #"{"qty":1}"#)
    world.emit("OrderPlaced", "good", #"{"qty":1}"#)
    try world.settle()
    world.clock.advance(microseconds: 2_000_000)
    try world.settle()
    let states = try Self.page(world).instances.map { "\($0.key) \($0.state)" }
    #expect(Set(states) == ["bad stuck", "good waiting"])
    try world.deploy(Self.scripts())
    world.resolve(.retry, .all(consumer: "checkout", key: nil))
    try world.settle()
    #expect(try Self.page(world).instances.map(\.state) == [.waiting, .waiting])
    try Self.expectFold(world)
  }

  @Test func `an instance hears by its key that a consumer was given up, and nobody's answers but its own`() throws {
    let world = try World(scripts: [
      "stock.lua": Self.stock,
      "work.lua": """
      consumer "work" { retry = false, on = { Work = function(event) error("broken") end } }
      process "other" { starts = "Begin", run = function(e) ask("ReserveStock", { qty = 1 }, { to = "s" }) end }
      process "care" {
        starts = "Begin", hears = { "moondance.dead-letter", "moondance.decided" },
        run = function(begin)
          local heard = await { "moondance.dead-letter", "moondance.decided", within = "1m" }
          emit("Cared", { type = heard.type, at = heard.data.position })
        end,
      }
      """,
    ])
    world.emit("Begin", "a")
    try world.settle()
    world.emit("Work", "a")
    try world.settle()
    let letter = try #require(try world.events(type: "moondance.dead-letter").first)
    let cared = try world.events(type: "Cared")
    #expect(cared.map(\.data) == [#"{"at":\#(letter.cause),"type":"moondance.dead-letter"}"#])
    #expect(cared.map(\.subject) == ["a"])
    #expect(try world.foldFromNothing() == world.core.control)
  }
}
