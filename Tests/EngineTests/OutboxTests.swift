import Events
import LogStorage
import Platform
import Scripts
import TestKit
import Testing

@testable import Engine

/// Promise 3, and section 7 of the design: what leaves the host.
@Suite("The outbox") struct OutboxTests {
  static let warehouse = """
    destination "warehouse" { http = "http://127.0.0.1:1/", concurrency = 4, retry = { attempts = 3, first = "100ms", jitter = 0 } }
    consumer "orders" { on = {
      Placed = function(e) publish("warehouse", { n = e.data.n }) end,
      Two = function(e) publish("warehouse", { n = 1 })  publish("warehouse", { n = 2 }) end,
      Broken = function(e) publish("warehouse", {})  error("no") end,
    } }
    """

  func world(_ script: String = warehouse, settings: EngineSettings = EngineSettings()) throws -> World {
    try World(scripts: ["a.lua": script], settings: settings)
  }

  @Test func `a message goes out when its commit is durable, and not before`() throws {
    let world = try world()
    world.emit("Placed", "o-1", #"{"n":1}"#)
    try world.turn()
    world.work()
    try world.turn()
    try world.turn()
    #expect(world.outgoing.isEmpty, "appended, not synced")
    world.sync()
    try world.turn()
    #expect(world.underWay == [#"warehouse o-1 {"n":1} #1"#])
  }

  @Test func `what a handler publishes and then fails never goes out`() throws {
    let world = try world()
    world.emit("Broken", "o-1")
    try world.settle()
    #expect(world.outgoing.isEmpty)
  }

  @Test func `messages of one key go out one after the other, those of others beside it`() throws {
    let world = try world()
    world.emit("Two", "a")
    world.emit("Two", "b")
    try world.settle()
    #expect(world.underWay == [#"warehouse a {"n":1} #1"#, #"warehouse b {"n":1} #1"#])
    world.answer()
    try world.settle()
    #expect(world.underWay == [#"warehouse a {"n":2} #1"#, #"warehouse b {"n":2} #1"#])
    try world.settleAnswering()
    let reader = world.core.control.reader(named: "warehouse", kind: .destination)
    #expect(reader?.pending == 0 && reader?.messages.settled == 4 && reader?.blocked.isEmpty == true)
  }

  @Test func `no more than its concurrency are under way, and the rest stays in the log`() throws {
    let world = try world()
    for n in 1...100 { world.emit("Placed", "o-\(n)", #"{"n":\#(n)}"#) }
    try world.settle()
    #expect(world.outgoing.count == 4)
    let runtime = world.core.runtimes.first { $0.outbox != nil }
    #expect(runtime?.outbox?.keys.count == 4, "nothing of the others is held in memory")
    #expect(world.status.readers.first { $0.name == "warehouse" }?.pending == 100)
    #expect(try world.settleAnswering().count == 100)
  }

  @Test func `one that fails is tried again, its key waits, and the others go on`() throws {
    let world = try world()
    world.emit("Two", "a")
    world.emit("Placed", "b", #"{"n":7}"#)
    try world.settle()
    world.answer { order in
      order.attempt == 1 && world.describe(order).contains(" a ") ? World.refused() : .delivered(nil)
    }
    try world.settle()
    #expect(world.outgoing.isEmpty)
    world.clock.advance(microseconds: 100_000)
    try world.settle()
    #expect(world.underWay == [#"warehouse a {"n":1} #2"#])
    try world.settleAnswering()
    #expect(world.core.control.reader(named: "warehouse", kind: .destination)?.pending == 0)
  }

  @Test func `after its last attempt it is a dead letter that scripts hear of, and waits for an operator`() throws {
    let world = try world()
    world.emit("Two", "a")
    for _ in 1...3 {
      try world.settle()
      world.answer { _ in World.refused("no such order") }
      try world.settle()
      world.clock.advance(microseconds: 1_000_000)
    }
    try world.settle()
    let letters = try #require(world.letters()).letters
    #expect(letters.map(\.consumer) == ["warehouse"] && letters[0].waiting == 1)
    let told = try world.events(type: "moondance.dead-letter")
    #expect(told.count == 1 && told[0].data.contains(#""destination":"warehouse""#))
    #expect(world.outgoing.isEmpty)
    world.resolve(.discard, .ids([letters[0].id]))
    try world.settle()
    #expect(world.underWay == [#"warehouse a {"n":2} #1"#])
    try world.settleAnswering()
    #expect(world.core.control.reader(named: "warehouse", kind: .destination)?.pending == 0)
  }

  @Test func `a retry of a dead letter goes out before what waited behind it`() throws {
    let world = try world()
    world.emit("Two", "a")
    for _ in 1...3 {
      try world.settle()
      world.answer { _ in World.refused() }
      try world.settle()
      world.clock.advance(microseconds: 1_000_000)
    }
    let letter = try #require(world.letters()?.letters.first)
    world.resolve(.retry, .ids([letter.id]))
    #expect(try world.settleAnswering() == [#"warehouse a {"n":1} #1"#, #"warehouse a {"n":2} #1"#])
  }

  // MARK: restarts

  @Test func `after a crash what is not in the log as delivered goes out again, in order`() throws {
    let world = try world()
    world.emit("Two", "a")
    world.emit("Two", "b")
    try world.settle()
    // The answers of the first ones arrive, and the power goes before they are in the log.
    world.answer()
    world.fileSystem.restart(losing: .everything)
    let next = try World(scripts: ["a.lua": Self.warehouse], fileSystem: world.fileSystem)
    #expect(
      try next.settleAnswering() == [
        #"warehouse a {"n":1} #1"#, #"warehouse b {"n":1} #1"#, #"warehouse a {"n":2} #1"#, #"warehouse b {"n":2} #1"#,
      ])
  }

  @Test func `a slow message does not hold the cursor, and is not lost by it`() throws {
    let world = try world()
    world.emit("Two", "slow")
    for n in 1...20 { world.emit("Placed", "o-\(n)", #"{"n":\#(n)}"#) }
    try world.settle()
    let slow = world.outgoing.removeFirst()
    while !world.outgoing.isEmpty {
      world.answer()
      world.clock.advance(microseconds: Outbox.recordSpacing)
      try world.settle()
    }
    let reader = try #require(world.core.control.reader(named: "warehouse", kind: .destination))
    #expect(reader.cursor == world.opened.reader.lastPosition.rawValue)
    #expect(reader.pending == 2)
    #expect(try world.foldFromNothing() == world.core.control)
    world.fileSystem.restart(losing: .everything)
    let next = try World(scripts: ["a.lua": Self.warehouse], fileSystem: world.fileSystem)
    #expect(try next.settleAnswering() == [#"warehouse slow {"n":1} #1"#, #"warehouse slow {"n":2} #1"#])
    _ = slow
  }

  @Test func `a stop waits for what is under way, and the next start has nothing to repeat`() throws {
    let world = try world()
    for n in 1...3 { world.emit("Placed", "o-\(n)", #"{"n":\#(n)}"#) }
    try world.settle()
    world.put(.stop)
    try world.turn()
    #expect(!world.core.isStopped)
    world.answer()
    try world.settle()
    try world.turn()
    #expect(world.core.isStopped)
    world.fileSystem.restart(losing: .everything)
    let next = try World(scripts: ["a.lua": Self.warehouse], fileSystem: world.fileSystem)
    #expect(try next.settleAnswering() == [])
  }

  @Test func `a stop that does not wait any longer loses nothing`() throws {
    let world = try world()
    world.emit("Two", "a")
    try world.settle()
    world.put(.stop)
    world.put(.stopWaiting)
    try world.settle()
    try world.turn()
    #expect(world.core.isStopped)
    world.fileSystem.restart(losing: .everything)
    let next = try World(scripts: ["a.lua": Self.warehouse], fileSystem: world.fileSystem)
    #expect(try next.settleAnswering() == [#"warehouse a {"n":1} #1"#, #"warehouse a {"n":2} #1"#])
  }

  // MARK: the breaker

  @Test func `a far side that is not there is left alone, and its failures count for no message`() throws {
    let world = try world()
    for n in 1...50 { world.emit("Placed", "o-\(n)", #"{"n":\#(n)}"#) }
    var attempts = 0
    for _ in 0..<200 {
      try world.settle()
      attempts += world.answer { _ in World.unavailable() }.count
      try world.settle()
      world.clock.advance(microseconds: 500_000)
    }
    #expect(attempts < 30, "it is asked now and then whether it is back")
    let reader = try #require(world.core.control.reader(named: "warehouse", kind: .destination))
    #expect(reader.letters.isEmpty && reader.pending == 50)
    #expect(world.status.readers.first { $0.name == "warehouse" }?.state == "down")
    var delivered: [String] = []
    for _ in 0..<200 {
      delivered += try world.settleAnswering()
      world.clock.advance(microseconds: 1_000_000)
    }
    #expect(Set(delivered.map { $0.split(separator: " ")[1] }).count == 50)
    #expect(delivered.count == 50)
    #expect(world.status.readers.first { $0.name == "warehouse" }?.state == "running")
  }

  @Test func `an engine with nothing to do does not turn: paused with the far side away, and on a full disk`() throws {
    let world = try world()
    for n in 1...50 { world.emit("Placed", "o-\(n)", #"{"n":\#(n)}"#) }
    for _ in 0..<3 {
      try world.settle()
      world.answer { _ in World.unavailable() }
    }
    try world.settle()
    #expect(world.status.readers.first { $0.name == "warehouse" }?.state == "down")
    world.act(.pause, on: "warehouse")
    try world.settle()
    // Long after the breaker would let somebody through, and after every retry.
    world.clock.advance(microseconds: 3_600_000_000)
    try world.settle()
    #expect(world.core.nextDue.map { $0 > world.core.now } ?? true)

    let full = try self.world()
    full.emit("Placed", "o-1", #"{"n":1}"#)
    try full.settle()
    full.fileSystem.inject { $0.operation == .write && $0.path.contains("log/") ? .fail(28) : nil }
    full.answer()
    for _ in 0..<3 { try full.turn() }
    #expect(full.isFull)
    #expect(try #require(full.core.nextDue) > full.core.now, "it waits before it tries again")
  }

  @Test func `one poisoned key does not open the breaker`() throws {
    let world = try world()
    world.emit("Placed", "poison", #"{"n":0}"#)
    for n in 1...200 {
      world.emit("Placed", "o-\(n % 7)", #"{"n":\#(n)}"#)
      try world.settle()
      world.answer { world.describe($0).contains("poison") ? World.refused() : .delivered(nil) }
      try world.settle()
      world.clock.advance(microseconds: 50_000)
    }
    #expect(world.letters()?.letters.count == 1)
    #expect(world.status.readers.first { $0.name == "warehouse" }?.pending == 0)
  }

  @Test func `asked to come back later, it waits so long with everything, and no attempt is counted`() throws {
    let world = try world()
    for n in 1...3 { world.emit("Placed", "o-\(n)", #"{"n":\#(n)}"#) }
    try world.settle()
    world.answer { _ in World.refused("429", retryAfter: 30_000_000) }
    try world.settle()
    world.clock.advance(microseconds: 29_000_000)
    try world.settle()
    #expect(world.outgoing.isEmpty)
    world.clock.advance(microseconds: 1_000_001)
    try world.settle()
    #expect(world.underWay.count == 1 && world.underWay[0].hasSuffix("#1"))
    #expect(try world.settleAnswering().count == 3)
  }

  // MARK: what lies far back

  @Test func `a backlog behind the tail of the log is read from the disk, and delivered in order`() throws {
    var settings = EngineSettings()
    settings.tailBytes = 1 << 16
    let world = try world(settings: settings)
    world.act(.pause, on: "warehouse")
    for n in 1...2000 {
      world.emit("Placed", "o-\(n % 50)", #"{"n":\#(n),"pad":"\#(String(repeating: "x", count: 100))"}"#)
      if n % 100 == 0 { try world.settle() }
    }
    world.act(.resume, on: "warehouse")
    let delivered = try world.settleAnswering()
    #expect(delivered.count == 2000)
    var last: [Substring: Int] = [:]
    for line in delivered {
      let parts = line.split(separator: " ")
      let n = Int(parts[2].filter(\.isNumber))!
      #expect(last[parts[1], default: 0] < n)
      last[parts[1]] = n
    }
  }

  // MARK: requests

  static let payments = """
    destination "psp" { http = "http://127.0.0.1:1/", retry = { attempts = 2, first = "100ms", jitter = 0 } }
    consumer "pay" { on = {
      Placed = function(e) request("psp", { path = "/charges", body = { n = e.data.n } }, { reply = "Answered" }) end,
      Quick = function(e) request("psp", { path = "/charges", within = "50ms" }, { reply = "Answered" }) end,
    } }
    """

  @Test func `the answer to a request is an event on the subject of what the script was handling`() throws {
    let world = try world(Self.payments)
    world.emit("Placed", "o-1", #"{"n":1}"#)
    try world.settleAnswering { _ in
      .delivered(DeliveryReply(status: 201, headers: ["x": "y"], body: Array(#"{"id":7}"#.utf8)))
    }
    let answers = try world.events(type: "Answered")
    #expect(answers.map(\.data) == [#"{"status":201,"headers":{"x":"y"},"body":{"id":7}}"#])
    #expect(answers.map(\.subject) == ["o-1"] && answers[0].cause == 2)
  }

  @Test func `a request that fails to the end is answered with the reason, and is no dead letter`() throws {
    let world = try world(Self.payments)
    world.emit("Placed", "o-1", #"{"n":1}"#)
    for _ in 1...2 {
      try world.settle()
      world.answer { _ in World.refused("503") }
      try world.settle()
      world.clock.advance(microseconds: 200_000)
    }
    try world.settle()
    #expect(try world.events(type: "Answered").map(\.data) == [#"{"error":"503"}"#])
    #expect(world.letters()?.letters.isEmpty == true)
    #expect(world.status.readers.first { $0.name == "psp" }?.pending == 0)
  }

  @Test func `a request that is out of time is not tried again`() throws {
    let world = try world(Self.payments)
    world.emit("Quick", "o-1")
    try world.settle()
    world.answer { _ in World.refused("slow") }
    try world.settle()
    #expect(try world.events(type: "Answered").map(\.data) == [#"{"error":"slow"}"#])
  }
}
