import Foundation
import TestKit
import Testing

/// A check that looks at what was before, with the real binary: how events come in, and how often the daemon ends
/// meanwhile, changes nothing of what it says.
@Suite("A fraud check that reads the customer's last ten orders")
struct ReadAcceptance {
  private static let handlers = [
    "orders.lua": """
    projection "recent orders" {
      key = { OrderPlaced = "data.customer" },
      initial = { prices = array {}, count = 0 },
      on = { OrderPlaced = function(recent, event)
        local prices = recent.prices
        prices[#prices + 1] = event.data.price
        if #prices > 10 then table.remove(prices, 1) end
        recent.count = recent.count + 1
      end },
    }
    projection "orders" { on = {
      OrderPlaced    = function(order, event) order.price = event.data.price end,
      OrderCancelled = function() return remove() end,
    } }
    """,
    "fraud.lua": """
    consumer "fraud check" {
      reads = { "recent orders", "orders" },
      on = {
        OrderPlaced = function(event)
          local recent = read("recent orders", event.data.customer)
          local sum = 0
          for _, price in ipairs(recent.prices) do sum = sum + price end
          if sum > 600 then emit("OrderSuspicious", { sum = sum, number = recent.count }) end
        end,
        OrderCancelled = function(event)
          emit("Forgotten", { gone = read("orders", event.subject) == nil })
        end,
      },
    }
    """,
  ]

  private struct Order {
    var number: Int
    var customer: Int
    var price: Int
    var isCancelled: Bool

    var event: [String: any Sendable] {
      [
        "specversion": "1.0", "id": "e\(number)", "source": "/shop",
        "type": isCancelled ? "OrderCancelled" : "OrderPlaced",
        "subject": "order-\(isCancelled ? number - 1 : number)",
        "data": ["customer": "c-\(customer)", "price": price] as [String: any Sendable],
      ]
    }
  }

  private static let orders: [Order] = {
    var random = Seed(4)
    return (0..<1000).map { number in
      Order(
        number: number, customer: random.below(15), price: random.below(120),
        isCancelled: number > 0 && number % 50 == 0)
    }
  }()

  /// Computed here, from the orders alone.
  private static let expected: [String] = {
    var known: [Int: [Int]] = [:]
    return orders.compactMap { order in
      if order.isCancelled { return "Forgotten e\(order.number) gone" }
      known[order.customer, default: []].append(order.price)
      let all = known[order.customer]!
      let sum = all.suffix(10).reduce(0, +)
      return sum > 600 ? "OrderSuspicious e\(order.number) \(sum) \(all.count)" : nil
    }
  }()

  /// What the check has said, with the order that it said it of.
  private static func said(_ daemon: DaemonProcess) async throws -> [String] {
    let events = try await daemon.allEvents()
    let ids = Dictionary(uniqueKeysWithValues: events.map { ($0.position, $0.text("id")) })
    let made = events.filter { ["OrderSuspicious", "Forgotten"].contains($0.text("type")) }
    return made.sorted { $0.cause < $1.cause }.map { event in
      let data = event["data"] as? [String: Any] ?? [:]
      let what = data["gone"] as? Bool == true ? "gone" : "\(data["sum"] ?? "") \(data["number"] ?? "")"
      return "\(event.text("type")) \(ids[event.cause] ?? "?") \(what)"
    }
  }

  @Test(.timeLimit(.minutes(3)))
  func `says the same one by one, in one batch of a thousand, and across ten restarts`() async throws {
    #expect(Self.expected.count > 100)
    let feeding = Feeding(handlers: Self.handlers, events: Self.orders.map(\.event))
    for (size, restarts) in [(1000, false), (100, true), (1, false)] {
      #expect(try await feeding.run(parts: size, restarts: restarts, Self.said) == Self.expected, "\(size)")
    }
  }
}
