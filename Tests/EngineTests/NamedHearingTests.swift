import Events
import LogStorage
import Scripts
import TestKit
import Testing
import VirtualPlatform

@testable import Engine

@Suite("Processes that hear by a name")
struct NamedHearingTests {
  static func order(
    hears: String = #"{ "Paid", CardUpdated = "data.customer" }"#, first: String = "", key: String = ""
  ) -> [String: String] {
    [
      "order.lua": """
      process "order" {
        starts = "OrderPlaced", hears = \(hears), retry = { attempts = 2, first = "1s", jitter = 0 },\(key)
        run = function(order)
          \(first)
          while true do
            local heard = await { "Paid", "CardUpdated" }
            if heard.type == "Paid" then emit("Done") return end
            emit("Tried", { card = heard.data.card })
          end
        end,
      }
      """
    ]
  }

  static func tried(_ world: World) throws -> [String] {
    try world.events(type: "Tried").map { "\($0.subject) \($0.data)" }
  }

  static func place(_ world: World, _ order: String, _ customer: String, in batch: EntryBatch) {
    world.add(to: batch, "OrderPlaced", order, #"{"customer":"\#(customer)"}"#)
  }

  private static func update(_ world: World, _ customer: String, _ card: Int, in batch: EntryBatch) {
    world.add(to: batch, "CardUpdated", customer, #"{"card":\#(card)}"#)
  }

  static func restarted(_ world: World, _ scripts: [String: String]) throws -> World {
    let (fileSystem, clock) = (world.fileSystem, world.clock)
    fileSystem.restart(losing: .everything)
    return try World(scripts: scripts, fileSystem: fileSystem, clock: clock)
  }

  private static func instances(_ world: World) throws -> [ProcessReport] {
    try #require(try world.processes(ProcessQuery(limit: 10_000))).instances
  }

  static func expectFold(_ world: World, _ location: SourceLocation = #_sourceLocation) throws {
    #expect(try world.foldFromNothing() == world.core.control, sourceLocation: location)
    var writer = ByteWriter()
    world.core.control.encode(into: &writer)
    #expect(ControlState(snapshot: writer.bytes) == world.core.control, sourceLocation: location)
  }

  // MARK: who hears

  @Test func `an event is told to every live instance whose start names its subject`() throws {
    let world = try World(scripts: Self.order())
    let batch = EntryBatch(hash: world.opened.hash)
    Self.update(world, "c7", 0, in: batch)
    Self.place(world, "a", "c7", in: batch)
    Self.place(world, "b", "c8", in: batch)
    Self.update(world, "c7", 1, in: batch)
    Self.place(world, "c", "c7", in: batch)
    Self.update(world, "c7", 2, in: batch)
    world.add(to: batch, "Paid", "a")
    Self.update(world, "c7", 3, in: batch)
    Self.update(world, "a", 4, in: batch)
    world.append(batch)
    try world.settle()
    let tried = try Self.tried(world)
    #expect(tried.filter { $0.hasPrefix("a") } == [#"a {"card":1}"#, #"a {"card":2}"#])
    #expect(tried.filter { $0.hasPrefix("c") } == [#"c {"card":2}"#, #"c {"card":3}"#])
    #expect(tried.count == 4)
    let reader = world.core.control.readers[0]
    #expect(reader.blocked.isEmpty)
    try Self.expectFold(world)
  }

  @Test func `what ends leaves nobody in the index`() throws {
    let world = try World(scripts: Self.order())
    world.emit("OrderPlaced", "a", #"{"customer":"c7"}"#)
    try world.settle()
    #expect(!world.core.control.readers[0].open.listeners.isEmpty)
    world.emit("Paid", "a")
    try world.settle()
    #expect(world.core.control.readers[0].open.listeners.isEmpty)
    world.emit("CardUpdated", "c7", #"{"card":1}"#)
    try world.settle()
    #expect(try Self.tried(world).isEmpty)
    try Self.expectFold(world)
  }

  @Test func `an event that nobody listens to costs no commit`() throws {
    let world = try World(scripts: Self.order())
    world.emit("OrderPlaced", "a", #"{"customer":"c7"}"#)
    try world.settle()
    let before = world.core.control.commit
    for card in 0..<10 { world.emit("CardUpdated", "c\(card + 10)", #"{"card":1}"#) }
    try world.settle()
    #expect(world.core.control.commit == before + 1)
  }

  @Test(arguments: [
    (#"{"customer":7}"#, "7", true), (#"{"customer":["c6","c7"]}"#, "c7", true), (#"{"customer":null}"#, "c7", false),
    (#"{}"#, "c7", false), (#"{"customer":""}"#, "c7", false),
  ])
  func `a whole number is text, a list is several, and nothing hears nothing`(
    data: String, subject: String, hears: Bool
  ) throws {
    let world = try World(scripts: Self.order())
    world.emit("OrderPlaced", "a", data)
    try world.settle()
    world.emit("CardUpdated", subject, #"{"card":1}"#)
    try world.settle()
    #expect(try Self.tried(world).count == (hears ? 1 : 0))
    try Self.expectFold(world)
  }

  @Test func `what cannot be a subject fails the start, which is tried again and told`() throws {
    let world = try World(scripts: Self.order())
    world.emit("OrderPlaced", "a", #"{"customer":true}"#)
    try world.settle()
    world.clock.advance(microseconds: 1_000_001)
    try world.settle()
    let letter = try #require(world.letters()?.letters.first)
    #expect(letter.key == KeyBytes("a"))
    #expect(
      world.failures.last?.message
        == #"order.lua:1: CardUpdated in hears of "order": it gave a boolean; text, a whole number, a list of them or nil is wanted"#
    )
  }

  @Test func `the exact type counts before a beginning, and a beginning has a path too`() throws {
    let hears = #"{ "Paid", "CardUpdated", ["Card*"] = "data.customer", ["Address*"] = "subject" }"#
    let script = Self.order(hears: hears).mapValues {
      $0.replacing(#""Paid", "CardUpdated" }"#, with: #""Paid", "CardUpdated", "CardLost", "AddressChanged" }"#)
    }
    let world = try World(scripts: script)
    world.emit("OrderPlaced", "a", #"{"customer":"c7"}"#)
    for (type, subject) in [("CardUpdated", "c7"), ("CardUpdated", "a"), ("CardLost", "c7"), ("AddressChanged", "a")] {
      world.emit(type, subject, #"{"card":"\#(type) \#(subject)"}"#)
    }
    try world.settle()
    #expect(
      try Self.tried(world) == [
        #"a {"card":"CardUpdated a"}"#, #"a {"card":"CardLost c7"}"#, #"a {"card":"AddressChanged a"}"#,
      ])
  }

  @Test(arguments: ["data.order", "function"])
  func `an instance whose key is computed is found by its name`(key: String) throws {
    let rule = key == "function" ? "function(event) return event.data.order end" : "\"\(key)\""
    let world = try World(scripts: Self.order(key: " key = { OrderPlaced = \(rule) },"))
    world.emit("OrderPlaced", "x", #"{"order":"o-1","customer":"c7"}"#)
    world.emit("CardUpdated", "c7", #"{"card":1}"#)
    world.emit("Paid", "o-1")
    world.emit("CardUpdated", "c7", #"{"card":2}"#)
    try world.settle()
    #expect(try Self.tried(world) == [#"x {"card":1}"#])
    #expect(try world.events(type: "Done").count == 1)
    try Self.expectFold(world)
  }

  @Test func `an instance without a key is found by its name`() throws {
    let world = try World(scripts: Self.order())
    world.emit("OrderPlaced", "", #"{"customer":"c7"}"#)
    world.emit("OrderPlaced", "", #"{"customer":"c7"}"#)
    world.emit("CardUpdated", "c7", #"{"card":1}"#)
    try world.settle()
    #expect(try Self.tried(world).count == 2)
  }

  @Test func `after a restart of the instance its start event counts as it is in the log`() throws {
    let world = try World(scripts: Self.order(first: #"if order.data.customer then restart({ n = 1 }) end"#))
    world.emit("OrderPlaced", "a", #"{"customer":"c7"}"#)
    world.emit("CardUpdated", "c7", #"{"card":1}"#)
    try world.settle()
    #expect(try Self.tried(world) == [#"a {"card":1}"#])
  }

  // MARK: many

  @Test func `one event calls thousands of instances, each once`() throws {
    let world = try World(scripts: Self.order())
    let count = 3 * EngineCore.mostCalledAtOnce
    let batch = EntryBatch(hash: world.opened.hash)
    for order in 0..<count { Self.place(world, "o-\(order)", "c7", in: batch) }
    Self.update(world, "c7", 1, in: batch)
    world.add(to: batch, "Paid", "o-5")
    Self.update(world, "c7", 2, in: batch)
    world.append(batch)
    try world.settle()
    let tried = try Self.tried(world)
    #expect(Set(tried).count == tried.count)
    #expect(tried.count == 2 * count - 1)
    #expect(!tried.contains(#"o-5 {"card":2}"#))
    #expect(world.core.control.readers[0].blocked.isEmpty)
    try Self.expectFold(world)
  }

  @Test func `a batch does not gather more than a bound of those whom its events are for`() throws {
    let world = try World(scripts: Self.order())
    let batch = EntryBatch(hash: world.opened.hash)
    for order in 0..<100 { Self.place(world, "o-\(order)", "c7", in: batch) }
    world.append(batch)
    try world.settle()
    let updates = EntryBatch(hash: world.opened.hash)
    for card in 0..<60 { Self.update(world, "c7", card, in: updates) }
    world.append(updates)
    try world.turn()
    let first = try #require(world.out.first)
    #expect(first.heardByName.count == (EngineCore.mostListeners + 99) / 100)
    try world.settle()
    let tried = try Self.tried(world)
    #expect(tried.count == 6000 && Set(tried).count == tried.count)
    try Self.expectFold(world)
  }

  // MARK: code changes

  @Test func `an instance that moves listens at the new path, and one that stays at the old`() throws {
    let world = try World(scripts: Self.order())
    world.emit("OrderPlaced", "moves", #"{"customer":"c7","payer":"p1"}"#)
    try world.settle()
    world.emit("OrderPlaced", "stays", #"{"customer":"c8","payer":"p1"}"#)
    try world.settle()
    let next = Self.order(
      hears: #"{ "Paid", CardUpdated = "data.payer" }"#, first: #"if order.subject == "stays" then emit("Other") end"#)
    try world.deploy(next)
    world.emit("CardUpdated", "p1", #"{"card":0}"#)
    world.emit("CardUpdated", "c8", #"{"card":1}"#)
    world.emit("CardUpdated", "c7", #"{"card":2}"#)
    // It has moved when it was called, and hears by the new path from then on.
    world.emit("CardUpdated", "p1", #"{"card":3}"#)
    world.emit("CardUpdated", "c8", #"{"card":4}"#)
    try world.settle()
    #expect(try Self.tried(world) == [#"stays {"card":1}"#, #"moves {"card":3}"#, #"stays {"card":4}"#])
    try Self.expectFold(world)
    // New scripts that hear nothing by a name leave the old instance what it has.
    try world.deploy(Self.order(hears: #"{ "Paid", "CardUpdated" }"#, first: #"emit("Third")"#))
    world.emit("CardUpdated", "c8", #"{"card":5}"#)
    world.emit("CardUpdated", "p1", #"{"card":6}"#)
    try world.settle()
    #expect(try Self.tried(world).suffix(2) == [#"stays {"card":5}"#, #"moves {"card":6}"#])
    try Self.expectFold(world)
  }

  @Test func `an instance whose start has no subject where new scripts look stays, and says why`() throws {
    let world = try World(scripts: Self.order())
    world.emit("OrderPlaced", "a", #"{"customer":"c7","gift":true}"#)
    try world.settle()
    try world.deploy(Self.order(hears: #"{ "Paid", CardUpdated = "data.gift" }"#))
    world.emit("CardUpdated", "c7", #"{"card":1}"#)
    try world.settle()
    #expect(try Self.tried(world).count == 1)
    let stays = try #require(try Self.instances(world).first?.instance.stays)
    #expect(stays.what.hasPrefix("cannot be heard by: order.lua:1: CardUpdated in hears"))
  }

  // MARK: against a model

  @Test(arguments: UInt64(0)..<40)
  func `whatever comes, in whatever batches, with whatever crashes, each hears what the log says`(seed: UInt64) throws {
    var random = Seed(seed)
    let script = Self.order()
    var world = try World(scripts: script)
    var (expected, live): ([String: [Int]], [String: String]) = ([:], [:])
    for round in 0..<Int.random(in: 5...30, using: &random) {
      let batch = EntryBatch(hash: world.opened.hash)
      for event in 0..<Int.random(in: 1...20, using: &random) {
        let (order, customer) = (
          "o\(Int.random(in: 0..<12, using: &random))", "c\(Int.random(in: 0..<4, using: &random))"
        )
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<3:
          Self.place(world, order, customer, in: batch)
          if live[order] == nil { live[order] = customer }
        case 3..<5:
          world.add(to: batch, "Paid", order)
          live[order] = nil
        default:
          let card = round * 100 + event
          Self.update(world, customer, card, in: batch)
          for (order, own) in live where own == customer { expected[order, default: []].append(card) }
        }
      }
      world.append(batch)
      for _ in 0..<Int.random(in: 0...6, using: &random) {
        try world.turn()
        world.sync()
        world.work(reversed: Bool.random(using: &random))
      }
      try world.turn()
      world.sync()
      if Int.random(in: 0..<4, using: &random) == 0 { world = try Self.restarted(world, script) }
    }
    try world.settle()
    var told: [String: [Int]] = [:]
    for event in try world.events(type: "Tried") {
      told[event.subject, default: []].append(try #require(Int(event.data.filter(\.isNumber))))
    }
    #expect(told == expected)
    #expect(Set(try Self.instances(world).map(\.key.description)) == Set(live.keys))
    try Self.expectFold(world)
  }
}
