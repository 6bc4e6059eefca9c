import Events
import Foundation
import LogStorage
import TestKit
import Testing

@testable import Views

let ordersSource = """
  projection "orders" {
    initial = { picked = 0 },
    on = {
      OrderPlaced  = function(order, event) order.status = "placed"  order.total = event.data.price end,
      ItemPicked   = function(order) order.picked = order.picked + 1 end,
      OrderPaid    = function(order) order.status = "paid" end,
      OrderDropped = function() return remove() end,
      Bad          = function(order, event) if event.data.n == 1 then error("no such order") end order.bad = true end,
    },
    index = { "status", "total" },
  }
  """

@Suite struct `A view` {
  @Test func `has what the events up to its position make of its documents`() async throws {
    let world = try ViewWorld()
    world.start()
    try await world.deploy(ordersSource)
    try await world.emit(#"OrderPlaced a {"price":12.5}"#, "ItemPicked a {}", "ItemPicked b {}", "Unheard c {}")
    let last = try await world.emit(["OrderDropped b {}", "OrderPaid a {}"])
    try await world.settle()
    #expect(try world.documents("orders") == ["a": #"{"picked":1,"status":"paid","total":12.5}"#])
    #expect(try world.status("orders").position == last.rawValue)
    #expect(
      try world.sqlite("SELECT key, document, position, status, total FROM orders")
        == #"a|{"picked":1,"status":"paid","total":12.5}|6|paid|12.5"#)
    #expect(
      try world.sqlite("SELECT name, role, documents, position FROM moondance_projections") == "orders|live|orders|6")
    try await world.stop()
  }

  @Test func `begins at the start of a log that is older than it`() async throws {
    let world = try ViewWorld()
    world.start()
    try await world.emit(#"OrderPlaced a {"price":1}"#)
    try await world.deploy(ordersSource)
    try await world.settle()
    #expect(try world.documents("orders") == ["a": #"{"picked":0,"status":"placed","total":1}"#])
    try await world.stop()
  }

  @Test func `goes on where it was after a restart`() async throws {
    let world = try ViewWorld()
    world.start()
    let scripts = try await world.deploy(ordersSource)
    try await world.emit("ItemPicked a {}", "ItemPicked a {}")
    try await world.settle()
    try await world.restart()
    await world.views.deploy(scripts)
    try await world.emit("ItemPicked a {}")
    try await world.settle()
    #expect(try world.documents("orders") == ["a": #"{"picked":3}"#])
    #expect(world.notes.all == [])
    try await world.stop()
  }

  @Test func `equals a fold from nothing, whatever the sizes of its batches`() async throws {
    let world = try ViewWorld()
    world.start()
    try await world.deploy(ordersSource)
    var random = Seed(3)
    var expected: [String: Int] = [:]
    for _ in 0..<60 {
      var events: [String] = []
      for _ in 0..<(1 + random.below(400)) {
        let key = "order-\(random.below(50))"
        if random.oneIn(20) {
          events.append("OrderDropped \(key) {}")
          expected[key] = nil
        } else {
          events.append("ItemPicked \(key) {}")
          expected[key, default: 0] += 1
        }
      }
      try await world.emit(events)
      if random.oneIn(15) {
        let scripts = try await world.deploy(ordersSource)
        try await world.restart()
        await world.views.deploy(scripts)
      }
    }
    try await world.settle()
    #expect(try world.documents("orders") == expected.mapValues { "{\"picked\":\($0)}" })
    try await world.stop()
  }

  @Test func `with a cache too small for its documents is the same`() {
    var cache = DocumentCache(limit: 2000)
    var stored: [String: String] = [:]
    var random = Seed(5)
    var expected: [String: Int] = [:]
    let hash = StableHash(seed: 1)
    for _ in 0..<200 {
      var touched: [Int32] = []
      for _ in 0..<(1 + random.below(20)) {
        let key = "k\(random.below(100))"
        expected[key, default: 0] += 1
        touched.append(Array(key.utf8).withUnsafeBytes { cache.entry($0, hash: hash($0) & 15) })
      }
      for index in cache.missing {
        let document = stored[String(decoding: cache[index].key, as: UTF8.self)].map { Array($0.utf8) }
        if let document {
          document.withUnsafeBytes { cache.load(index, document: $0, position: 1, isFrozen: false) }
        } else {
          cache.load(index, document: nil, position: 0, isFrozen: false)
        }
      }
      cache.loadedMissing()
      for index in touched {
        let count = cache[index].document.flatMap { Int(String(decoding: $0, as: UTF8.self)) } ?? 0
        Array("\(count + 1)".utf8).withUnsafeBytes { cache.set(index, document: $0, position: 1) }
      }
      for index in cache.dirty {
        stored[String(decoding: cache[index].key, as: UTF8.self)] = cache[index].document.map {
          String(decoding: $0, as: UTF8.self)
        }
      }
      cache.committed()
      #expect(cache.entries.count <= 40)
    }
    #expect(stored == expected.mapValues { "\($0)" })
  }

  @Test func `of several keys changes several documents`() async throws {
    let world = try ViewWorld()
    world.start()
    try await world.deploy(
      """
      projection "by order" {
        key = { PackageSent = "data.orders" },
        on  = { PackageSent = function(order, event) order.package = event.subject end },
      }
      projection "revenue" {
        key = function(event) return event.data.day end,
        initial = { cents = 0 },
        on  = { Paid = function(day, event) day.cents = day.cents + event.data.cents end },
      }
      """)
    try await world.emit(#"PackageSent p1 {"orders":["o1","o2"]}"#, #"PackageSent p2 {"orders":["o2"]}"#)
    try await world.emit(
      #"Paid o1 {"day":"2026-01-01","cents":5}"#, #"Paid o2 {"day":"2026-01-01","cents":7}"#, "Paid x {}")
    try await world.settle()
    #expect(try world.documents("by order") == ["o1": #"{"package":"p1"}"#, "o2": #"{"package":"p2"}"#])
    #expect(try world.documents("revenue") == ["2026-01-01": #"{"cents":12}"#])
    try await world.stop()
  }

  @Test func `never shows what is not durable`() async throws {
    let world = try ViewWorld()
    world.start()
    try await world.deploy(ordersSource)
    for _ in 0..<200 {
      try await world.emit("ItemPicked a {}")
      let page = try? world.views.page(of: "orders", ViewQuery())
      #expect((page?.position ?? 0) <= world.durable.rawValue)
    }
    try await world.settle()
    #expect(try world.documents("orders") == ["a": #"{"picked":200}"#])
    try await world.stop()
  }

  @Test func `may be waited for, so that a writer reads what it wrote`() async throws {
    let world = try ViewWorld()
    world.start()
    try await world.deploy(ordersSource)
    for number in 1...50 {
      let position = try await world.emit(["ItemPicked a {}"])
      try await world.views.wait(for: "orders", toRead: position, timeout: Slowness.stretch(.seconds(20)))
      #expect(try world.documents("orders") == ["a": "{\"picked\":\(number)}"])
    }
    let error = await #expect(throws: ViewError.self) {
      try await world.views.wait(for: "orders", toRead: Position(10_000), timeout: .milliseconds(20))
    }
    #expect(error?.code == .late)
    try await world.stop()
  }

  @Test func `of every name a script may give has a table of its own`() async throws {
    let names = [
      "orders", "Orders", "select", "sqlite_master", "moondance_projections", #"a"b'c;--"#, "größe 🌕", "key",
      "caf\u{E9}", "cafe\u{301}", "x'); DROP TABLE moondance_meta; --", "a/b%2Fc",
    ]
    let world = try ViewWorld()
    world.start()
    let source = names.enumerated().map { number, name in
      let quoted = name.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
      return "projection \"\(quoted)\" { on = { A = function(document) document.number = \(number) end } }"
    }
    try await world.deploy(source.joined(separator: "\n"))
    try await world.emit("A s {}")
    try await world.settle()
    let tables = try world.sqlite("SELECT count(DISTINCT documents) FROM moondance_projections")
    #expect(tables == "\(names.count)")
    // Two of the names are equal to Swift's String, and still two.
    for (number, name) in names.enumerated() {
      #expect(try world.documents(name) == ["s": "{\"number\":\(number)}"], "\(name)")
    }
    try await world.stop()
  }
}
