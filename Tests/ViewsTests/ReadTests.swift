import Engine
import Events
import LogStorage
import TestKit
import Testing

@testable import Views

@Suite struct `What handlers read` {
  private static let source = """
    projection "baskets" { on = {
      Put     = function(basket, e) basket.n = (basket.n or 0) + e.data.n  basket.at = e.position end,
      Emptied = function() return remove() end,
      Broken  = function(basket, e) basket.n = basket.n + nil end,
    } }
    projection "lists" { key = { Put = "data.lists" }, on = {
      Put = function(list, e) list.n = (list.n or 0) + e.data.n  list.at = e.position end,
    } }
    consumer "reader" { reads = { "baskets", "lists" }, on = { ["*"] = function(event)
      if event.type == "Read" then return end
      for _, key in ipairs { "k0", "k1", "k2", "k3" } do
        emit("Read", { key = key, basket = read("baskets", key) or null, list = read("lists", key) or null })
      end
    end } }
    """

  /// Everything that the consumer read while events came, against what the view says of that position.
  @Test func `is what the view says of that position`() async throws {
    let world = try ViewWorld()
    world.start()
    try await world.deploy(Self.source)
    var random = Seed(23)
    var fed = 0
    while fed < 150 {
      let events = (0...random.below(7)).map { _ in
        let key = "k\(random.below(4))"
        return switch random.below(12) {
        case 0: "Emptied \(key) {}"
        case 1 where fed > 100: "Broken \(key) {}"
        default: "Put \(key) {\"n\":\(random.below(9)),\"lists\":[\"k\(random.below(4))\",\"\(key)\"]}"
        }
      }
      fed += events.count
      try await world.emit(events)
    }
    let reads = fed * 4
    try await eventually {
      let end = world.engine.durable.rawValue
      return end >= UInt64(fed + reads) ? nil : "\(end) of \(fed + reads)"
    }
    let durable = world.engine.durable
    world.views.durableAdvanced(to: durable)
    try await world.views.wait(for: "lists", toRead: durable, timeout: Slowness.stretch(.seconds(30)))
    var compared = 0
    try world.engine.reader.replay(fromCommit: 1) { commit in
      for record in commit.records where record.takesPosition && record.entry.type.text == "Read" {
        let (cause, data) = (record.entry.cause, record.entry.data.text)
        let key = String(try #require(data.firstMatch(of: /"key":"(k\d)"/)).1)
        func document(_ view: String) -> String {
          let found = try? world.views.document(
            of: view, key: key, at: .position(cause), durable: durable)
          return found?.page.documents.first?.text ?? "null"
        }
        #expect(
          data == #"{"basket":\#(document("baskets")),"key":"\#(key)","list":\#(document("lists"))}"#, "at \(cause)")
        compared += 1
      }
      return true
    }
    #expect(compared == reads)
    try await world.stop()
  }
}
