import Events
import LogStorage
import TestKit
import Testing

@testable import Engine

@Suite("What a handler reads is as of its event")
struct ReadTests {
  /// A fraud check that looks at the customer's last ten orders. The key is the subject, or in the data.
  static func fraud(key: String, from: String = "now", extra: String = "") -> String {
    """
    projection "recent orders" {
      key = "\(key)",
      initial = { last = array {}, count = 0 },
      on = {
        OrderPlaced = function(recent, event)
          recent.count = recent.count + 1
          recent.last[#recent.last + 1] = event.data.price
          if #recent.last > 10 then table.remove(recent.last, 1) end
        end,
        CustomerLeft = function() return remove() end,
      },
    }
    consumer "fraud check" {
      from = "\(from)", reads = { "recent orders" },
      retry = { attempts = 9, first = "1s", factor = 1, jitter = 0 },
      on = {
        OrderPlaced = function(event)
          \(extra)
          local recent = read("recent orders", event.data.customer)
          local sum = 0
          for _, price in ipairs(recent.last) do sum = sum + price end
          emit("Checked", { count = recent.count, sum = sum, last = recent.last[#recent.last] })
        end,
      },
    }
    """
  }

  private struct Order {
    var customer: Int
    var price: Int
    var leaves: Bool
  }

  private static let orders: [Order] = {
    var random = Seed(77)
    return (0..<1000).map { _ in
      Order(customer: random.below(12), price: random.below(90) + 1, leaves: random.below(40) == 0)
    }
  }()

  /// What the check says of each order, by a model that knows nothing of the engine.
  private static let expected: [String] = {
    var known: [Int: (last: [Int], count: Int)] = [:]
    return orders.compactMap { order in
      if order.leaves {
        known[order.customer] = nil
        return nil
      }
      var (last, count) = known[order.customer] ?? ([], 0)
      count += 1
      last = (last + [order.price]).suffix(10)
      known[order.customer] = (last, count)
      return #"{"count":\#(count),"last":\#(order.price),"sum":\#(last.reduce(0, +))}"#
    }
  }()

  private static func add(_ order: Order, _ number: Int, to batch: EntryBatch, _ world: World, bySubject: Bool) {
    world.add(
      to: batch, order.leaves ? "CustomerLeft" : "OrderPlaced",
      bySubject ? "c\(order.customer)" : "order-\(number)",
      #"{"customer":"c\#(order.customer)","price":\#(order.price)}"#)
  }

  private func checks(_ world: World) throws -> [String] {
    let checked = try world.events(type: "Checked")
    #expect(Set(checked.map(\.cause)).count == checked.count)
    return checked.sorted { $0.cause < $1.cause }.map(\.data)
  }

  private struct Way {
    var key: String
    var from = "now"
    var workers = 1
    var store = ReadStore()
    /// How many events a commit has, and after how many commits the world settles.
    var perCommit = 1
    var settleEvery = 1
    var restartEvery = Int.max
    var scripts = true
  }

  private func run(_ way: Way) throws -> [String] {
    let script = ["a.lua": Self.fraud(key: way.key, from: way.from)]
    var settings = EngineSettings()
    settings.workers = way.workers
    var world = try World(scripts: way.scripts ? script : [:], settings: settings, store: way.store)
    var batch = EntryBatch(hash: world.opened.hash)
    var commits = 0
    for (number, order) in Self.orders.enumerated() {
      Self.add(order, number, to: batch, world, bySubject: way.key == "subject")
      if batch.count < way.perCommit, number < Self.orders.count - 1 { continue }
      world.append(batch)
      batch = EntryBatch(hash: world.opened.hash)
      commits += 1
      if commits % way.settleEvery == 0 { try world.settle() }
      if commits % way.restartEvery == 0 {
        try world.settle()
        let (fileSystem, clock) = (world.fileSystem, world.clock)
        fileSystem.restart(losing: .everything)
        world = try World(scripts: script, fileSystem: fileSystem, clock: clock, settings: settings)
        batch = EntryBatch(hash: world.opened.hash)
      }
    }
    try world.settle()
    if !way.scripts {
      try world.deploy(script)
      try world.settle()
    }
    return try checks(world)
  }

  @Test(arguments: ["subject", "data.customer"])
  func `it is the same one by one, in one batch of a thousand, and across ten restarts`(key: String) throws {
    #expect(Self.expected.count > 900)
    #expect(try run(Way(key: key)) == Self.expected)
    #expect(try run(Way(key: key, perCommit: 1000)) == Self.expected)
    #expect(try run(Way(key: key, settleEvery: 1000)) == Self.expected)
    #expect(try run(Way(key: key, settleEvery: 10, restartEvery: 99)) == Self.expected)
  }

  @Test(arguments: ["subject", "data.customer"])
  func `it is the same on many workers, catching up, and with nothing kept in memory`(key: String) throws {
    #expect(try run(Way(key: key, workers: 4, perCommit: 50)) == Self.expected)
    #expect(try run(Way(key: key, from: "start", perCommit: 7, scripts: false)) == Self.expected)
    let store = ReadStore(documentBytes: 0, mostPairs: 40)
    #expect(try run(Way(key: key, store: store, perCommit: 20)) == Self.expected)
  }

  @Test(arguments: ["subject", "data.customer"])
  func `a blocked event that is called again reads what it read at first`(key: String) throws {
    let failing = Self.fraud(key: key, extra: "if event.data.price % 7 == 0 then error(\"not now\") end")
    let world = try World(scripts: ["a.lua": failing])
    for (number, order) in Self.orders.enumerated() {
      let batch = EntryBatch(hash: world.opened.hash)
      Self.add(order, number, to: batch, world, bySubject: key == "subject")
      world.append(batch)
      if number % 30 == 0 { try world.settle() }
    }
    try world.settle()
    world.clock.advance(microseconds: 1_500_000)
    try world.settle()
    #expect(try checks(world).count < Self.expected.count)
    #expect(world.failures.contains { $0.attempt == 2 })
    try world.deploy(["a.lua": Self.fraud(key: key)])
    try world.settle()
    #expect(try checks(world) == Self.expected)
  }

  @Test func `what the event itself and those before it in its commit changed is in it, and nothing later`() throws {
    let world = try World(scripts: [
      "a.lua": """
      projection "count" { key = function() return "all" end, on = { ["*"] = function(d) d.n = (d.n or 0) + 1 end } }
      consumer "x" { reads = { "count" }, on = {
        A = function(event) emit("B", { seen = read("count", "all").n }) end,
        B = function(event) emit("C", { seen = read("count", "all").n, at = event.position }) end,
      } }
      """
    ])
    let batch = EntryBatch(hash: world.opened.hash)
    for number in 0..<50 { world.add(to: batch, "A", "s\(number % 3)") }
    world.append(batch)
    try world.settle()
    for event in try world.events(type: "B") { #expect(event.data == #"{"seen":\#(event.cause)}"#) }
    for event in try world.events(type: "C") {
      #expect(event.data == #"{"at":\#(event.cause),"seen":\#(event.cause)}"#)
    }
    #expect(try world.events(type: "C").count == 50)
  }

  @Test func `a fold that fails leaves the document as it was, however it is asked`() throws {
    let source = """
      projection "sum" { on = {
        Added = function(d, e)
          if e.data.n < 0 then error("negative") end
          d.sum = (d.sum or 0) + e.data.n
        end } }
      consumer "x" { from = "start", reads = { "sum" }, on = { Added = function(event)
        local document = read("sum", event.subject)
        emit("Sum", { sum = document and document.sum or "none" })
      end } }
      """
    func sums(_ world: World) throws -> [String] {
      try world.events(type: "Sum").sorted { $0.cause < $1.cause }.map(\.data)
    }
    let live = try World(scripts: ["a.lua": source])
    let late = try World()
    for (subject, n) in [("a", 1), ("b", -1), ("a", 2), ("a", -5), ("b", 4), ("a", 3)] {
      live.emit("Added", subject, #"{"n":\#(n)}"#)
      late.emit("Added", subject, #"{"n":\#(n)}"#)
      try live.settle()
      try late.settle()
    }
    try late.deploy(["a.lua": source])
    try late.settle()
    let expected = ["1", "\"none\"", "3", "3", "\"none\"", "3"].map { #"{"sum":\#($0)}"# }
    #expect(try sums(live) == expected)
    #expect(try sums(late) == expected)
  }

  @Test func `older events are folded as their contract makes them`() throws {
    let world = try World(scripts: [
      "a.lua": "contract \"Paid\" { schema = { amount = \"integer\" } }\nconsumer \"x\" { on = { Z = function() end } }"
    ])
    world.emit("Paid", "a", #"{"amount":5}"#)
    try world.settle()
    try world.deploy([
      "a.lua": """
      contract "Paid" { version = 2, schema = { cents = "integer" },
        upcast = { [1] = function(data) return { cents = data.amount * 100 } end } }
      projection "paid" { on = { Paid = function(d, e) d.cents = (d.cents or 0) + e.data.cents end } }
      consumer "x" { reads = { "paid" }, on = { Ask = function(event) emit("Is", read("paid", event.subject)) end } }
      """
    ])
    // The door says which version an event was checked against; without it, it is of the first.
    world.emit("Paid", "a", #"{"amount":2}"#)
    world.emit("Ask", "a")
    try world.settle()
    #expect(try world.events(type: "Is").map(\.data) == [#"{"cents":700}"#])
  }

  @Test func `a changed projection is read by its new code from the first event on`() throws {
    func source(_ step: Int) -> String {
      """
      projection "n" { on = { A = function(d) d.n = (d.n or 0) + \(step) end } }
      consumer "x" { reads = { "n" }, on = { A = function(event) emit("Is", read("n", event.subject)) end } }
      """
    }
    let world = try World(scripts: ["a.lua": source(1)])
    for _ in 0..<3 {
      world.emit("A", "a")
      try world.settle()
    }
    try world.deploy(["a.lua": source(10)])
    world.emit("A", "a")
    try world.settle()
    #expect(try world.events(type: "Is").map(\.data) == [1, 2, 3, 40].map { #"{"n":\#($0)}"# })
  }

  @Test func `folding for it does not use up the call's own instructions`() throws {
    let world = try World(scripts: [
      "a.lua": """
      projection "slow" { on = { A = function(d) for i = 1, 2000000 do end d.n = (d.n or 0) + 1 end } }
      consumer "x" { reads = { "slow" }, on = { B = function(event) emit("Is", read("slow", event.subject)) end } }
      """
    ])
    for _ in 0..<30 { world.emit("A", "a") }
    world.emit("B", "a")
    try world.settle()
    #expect(try world.events(type: "Is").map(\.data) == [#"{"n":30}"#])
  }

  @Test func `a fold without end freezes its document and harms no other`() throws {
    let world = try World(scripts: [
      "a.lua": """
      projection "p" { on = { A = function(d, e) d.n = (d.n or 0) + 1 while e.subject == "a" and d.n == 2 do end end } }
      consumer "x" { reads = { "p" }, on = { A = function(event) emit("Is", read("p", event.subject)) end } }
      """
    ])
    for subject in ["a", "a", "b", "a", "b"] { world.emit("A", subject) }
    try world.settle()
    #expect(
      try world.events(type: "Is").sorted { $0.cause < $1.cause }.map(\.data)
        == [1, 1, 1, 1, 2].map { #"{"n":\#($0)}"# })
  }

  @Test func `pairs of an index are found by key and range, in order`() {
    var pairs = KeyPairs()
    var model: [UInt64: [UInt32]] = [:]
    var random = Seed(5)
    for distance in 0..<UInt32(5000) {
      let hash = UInt64(random.below(40)) << 40
      pairs.append(hash, distance)
      model[hash, default: []].append(distance)
      if distance % 97 == 0 {
        let (low, high) = (UInt32(random.below(Int(distance) + 1)), distance)
        #expect(pairs.distances(of: hash, in: low...high) == model[hash]!.filter { $0 >= low && $0 <= high })
      }
    }
    #expect(pairs.count == 5000)
  }

  @Test func `documents are found by moment, and memory is bounded`() {
    var documents = FoldedDocuments(limit: 20_000)
    func key(_ number: Int) -> FoldedDocuments.Key { .init(fold: 0, key: KeyBytes("k\(number)")) }
    documents.keep(FoldedDocument(changed: 5, through: 9, bytes: [5]), of: key(0))
    documents.keep(FoldedDocument(changed: 20, through: 20, bytes: [20]), of: key(0))
    documents.keep(FoldedDocument(changed: 5, through: 19, bytes: [5]), of: key(0))
    #expect(documents.find(key(0), at: 4) == nil)
    #expect(documents.find(key(0), at: 19).map { $0.through } == 19)
    #expect(documents.find(key(0), at: 30)?.bytes == [20])
    for number in 1...1000 {
      documents.keep(FoldedDocument(changed: 1, through: 1, bytes: [1]), of: key(number))
      _ = documents.find(key(0), at: 30)
    }
    #expect(documents.find(key(0), at: 30)?.bytes == [20], "what is in use stays")
    #expect((1...1000).count { documents.find(key($0), at: 1) != nil } < 120)
  }
}
