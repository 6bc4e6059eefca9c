import Events
import Foundation
import LogStorage
import TestKit
import Testing

@testable import Views

@Suite struct `A past moment` {
  private static let source =
    ordersSource + """

      projection "by order" {
        key = { Sent = "data.orders" },
        index = { "n" },
        on  = { Sent = function(d, e) d.n = (d.n or 0) + 1  d.at = e.position end },
      }
      """

  /// Feeds random events and compares every moment with a model that is kept by hand.
  @Test func `of any document at any position is what the events up to it make of it`() async throws {
    let world = try ViewWorld()
    world.start()
    try await world.deploy(Self.source)
    var random = Seed(11)
    var orders: [[String: Int]] = [[:]]
    var sent: [[String: Int]] = [[:]]
    for _ in 0..<120 {
      let key = "k\(random.below(4))"
      var (order, package) = (orders.last!, sent.last!)
      switch random.below(6) {
      case 0:
        order[key] = nil
        try await world.emit("OrderDropped \(key) {}")
      case 1, 2:
        package[key, default: 0] += 1
        package["k9", default: 0] += 1
        try await world.emit("Sent p {\"orders\":[\"\(key)\",\"k9\"]}")
      default:
        order[key, default: 0] += 1
        try await world.emit("ItemPicked \(key) {}")
      }
      orders.append(order)
      sent.append(package)
    }
    try await world.settle()
    let durable = world.durable
    for position in stride(from: 0, through: 120, by: 7) {
      for key in ["k0", "k1", "k2", "k3", "k9", "never"] {
        let order = try? world.views.document(of: "orders", key: key, at: .position(UInt64(position)), durable: durable)
        #expect(order?.page.documents.first?.text == orders[position][key].map { "{\"picked\":\($0)}" })
        let package = try? world.views.document(
          of: "by order", key: key, at: .position(UInt64(position)), durable: durable)
        #expect(
          package?.page.documents.first?.text.contains("\"n\":\(sent[position][key] ?? 0)}")
            == (sent[position][key] != nil ? true : nil), "\(key) \(position)")
      }
      let all = try world.views.page(of: "orders", ViewQuery(), at: .position(UInt64(position)), durable: durable)
      #expect(
        Dictionary(uniqueKeysWithValues: all.page.documents.map { ($0.key, $0.text) })
          == orders[position].mapValues { "{\"picked\":\($0)}" })
      #expect(all.page.position == UInt64(position))
    }
    try await world.stop()
  }

  @Test func `says how it was found`() async throws {
    let world = try ViewWorld()
    world.start()
    try await world.deploy(Self.source)
    try await world.emit(
      "ItemPicked a {}", "ItemPicked b {}", "ItemPicked a {}", #"Sent p {"orders":["a"]}"#, "ItemPicked a {}",
      #"Sent p {"orders":["a"]}"#)
    try await world.settle()
    let durable = world.durable
    func found(_ view: String, _ key: String, _ position: UInt64) throws -> String {
      try world.views.document(of: view, key: key, at: .position(position), durable: durable).found
    }
    #expect(try found("orders", "a", 3) == "the subject index, 2 events")
    #expect(try found("orders", "a", 1) == "the subject index, 1 event")
    #expect(try found("orders", "a", 5) == "the view, where the document is unchanged since position 5")
    #expect(try found("by order", "a", 4) == "folding 1 event again, 1 of this key")
    #expect(try found("by order", "a", 5) == "folding 1 event again, 1 of this key")
    var query = ViewQuery()
    query.conditions = [.init(field: "n", value: "1")]
    let page = try world.views.page(of: "by order", query, at: .position(5), durable: durable)
    #expect(page.page.documents.map(\.key) == ["a"] && page.found == "folding everything up to position 5 again")
    let late = #expect(throws: ViewError.self) {
      try world.views.page(of: "orders", ViewQuery(), at: .position(900), durable: durable)
    }
    #expect(late?.code == .badQuery)
    let none = #expect(throws: ViewError.self) {
      try world.views.document(of: "orders", key: "zzz", at: .position(3), durable: durable)
    }
    #expect(none?.code == .noDocument)
    try await world.stop()
  }

  @Test func `by time is the longest part of the log that was committed by then`() async throws {
    let world = try ViewWorld(clockMode: .events)
    world.start()
    try await world.deploy(Self.source)
    for day in 1...5 { try await world.emit(["ItemPicked a {}"], time: "2019-06-0\(day)T12:00:00Z") }
    try await world.settle()
    let durable = world.durable
    for (time, count) in [("2019-06-03", 2), ("2019-06-03T12:00:00Z", 3), ("2019-06-09", 5)] {
      let moment = RunningViews.Moment.time(try #require(Timestamp.microseconds(time)))
      let found = try world.views.document(of: "orders", key: "a", at: moment, durable: durable)
      #expect(found.page.documents.first?.text == "{\"picked\":\(count)}", "\(time)")
      #expect(found.page.position == UInt64(count))
      let page = try world.views.page(of: "orders", ViewQuery(), at: moment, durable: durable)
      #expect(page.page.documents.map(\.text) == ["{\"picked\":\(count)}"])
    }
    try await world.stop()
  }

  @Test func `of a frozen key is its last good document, with the failure`() async throws {
    let world = try ViewWorld()
    world.start()
    try await world.deploy(Self.source)
    try await world.emit("ItemPicked a {}", #"Bad a {"n":1}"#, "ItemPicked a {}", "ItemPicked b {}")
    try await world.settle()
    let durable = world.durable
    let before = try world.views.document(of: "orders", key: "a", at: .position(1), durable: durable)
    #expect(before.page.documents.first?.frozen == nil && before.page.documents.first?.text == #"{"picked":1}"#)
    for position: UInt64 in [2, 3, 4] {
      let after = try world.views.document(of: "orders", key: "a", at: .position(position), durable: durable)
      #expect(after.page.documents.first?.frozen?.position == 2 && after.page.documents.first?.text == #"{"picked":1}"#)
      let page = try world.views.page(of: "orders", ViewQuery(), at: .position(position), durable: durable)
      #expect(page.page.documents.first?.frozen?.position == 2)
    }
    try await world.stop()
  }
}
