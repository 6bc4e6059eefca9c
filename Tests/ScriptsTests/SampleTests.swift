import Events
import Foundation
import Testing

@testable import Scripts

/// The samples in handlers/, on the shared event log when it is there and on made events otherwise, compared with a
/// count that knows nothing of scripts: the table in handlers/README.md.
@Suite struct SampleTests {
  struct Order: Sendable {
    let type: String
    let subject: String
    let data: String
  }

  private static let folder = repository.appendingPathComponent("handlers").path

  private static let shared: [Order] = {
    let path = repository.appendingPathComponent("../shared/data/orders.ndjson").path
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return [] }
    return text.split(separator: "\n").compactMap { line in
      let event = object(String(line))
      guard let type = event["type"] as? String, let subject = event["subject"] as? String, let data = event["data"],
        let bytes = try? JSONSerialization.data(withJSONObject: data)
      else { return nil }
      return Order(type: type, subject: subject, data: String(decoding: bytes, as: UTF8.self))
    }
  }()

  private static let made: [Order] = (0..<300).flatMap { number -> [Order] in
    let order = "order-\(number)"
    let other = "order-\(number + 7)"
    let package = "package-\(number / 2)"
    let orders = number % 3 == 0 ? "[\"\(order)\",\"\(other)\",\"\(order)\"]" : "[\"\(order)\"]"
    let items = "[" + (0...(number % 4)).map { "\"item-\(number)-\($0)\"" }.joined(separator: ",") + "]"
    let price = "\(number).\(number % 10)"
    return [
      Order(type: "OrderPlaced", subject: order, data: "{\"items\":\(items),\"price\":\(price)}"),
      Order(type: "OrderConfirmed", subject: order, data: "{}"),
      Order(type: "ItemOutOfStock", subject: order, data: "{\"items\":\(items)}"),
      Order(type: "PackageCreated", subject: package, data: "{\"orders\":\(orders)}"),
      Order(type: "PackageSent", subject: package, data: "{\"orders\":\(orders)}"),
      Order(type: "PackageLost", subject: package, data: "{}"),
      Order(type: "DeliveryFailed", subject: package, data: "{\"orders\":\(orders)}"),
      Order(type: "PackageDelivered", subject: package, data: "{\"orders\":\(orders)}"),
      Order(type: "PaymentReminded", subject: order, data: "{\"price\":\(price)}"),
      Order(type: "OrderPaid", subject: order, data: "{\"price\":\(price)}"),
    ]
  }

  @Test(.enabled(if: !shared.isEmpty, "../shared/data/orders.ndjson is not part of the repository"))
  func `the reactions to the shared orders are those of the table`() throws {
    #expect(Self.shared.count == 22_367)
    #expect(try reactions(to: Self.shared) == 22_407)
  }

  @Test func `the reactions to made orders are those of the table`() throws {
    #expect(try reactions(to: Self.made) > Self.made.count)
  }

  /// Compares them one by one; how many there are.
  private func reactions(to events: [Order]) throws -> Int {
    let reading = FolderReader(folder: Self.folder).read()
    #expect(reading.errors.isEmpty && reading.warnings.isEmpty)
    let generation = try Generation.load(reading.files, knownTypes: Set(events.map(\.type))).get()
    #expect(generation.warnings == [])
    let stage = try Stage(generation)
    var effects: [String: Int] = [:]
    var queue = events.map { TestEvent($0.type, $0.subject, data: $0.data) }
    var next = 0
    while next < queue.count {
      let reaction = stage.handle(queue[next])
      #expect(reaction.failures == [])
      for index in 0..<stage.lastEffects.count {
        let effect = stage.lastEffects.entry(index)
        effects["\(effect.type.text) \(effect.subject.text) \(effect.data.text)", default: 0] += 1
        queue.append(TestEvent(effect.type.text, effect.subject.text, data: effect.data.text))
      }
      next += 1
    }
    #expect(effects == Self.expected(events))
    return effects.values.reduce(0, +)
  }

  /// What the table in handlers/README.md says.
  private static func expected(_ events: [Order]) -> [String: Int] {
    var effects: [String: Int] = [:]
    func add(_ type: String, _ subject: String, _ data: String) {
      effects["\(type) \(subject) \(data)", default: 0] += 1
    }
    for event in events {
      let data = object(event.data)
      let items = data["items"] as? [String] ?? []
      var orders: [String] = []
      for order in data["orders"] as? [String] ?? [] where !orders.contains(order) { orders.append(order) }
      let price = (data["price"] as? NSNumber).map { String(format: "%.2f EUR", $0.doubleValue) } ?? ""
      switch event.type {
      case "OrderPlaced": add("OrderAccepted", event.subject, "{\"items\":\(items.count),\"total\":\"\(price)\"}")
      case "ItemOutOfStock":
        for item in items { add("ReplenishmentRequested", item, "{\"order\":\"\(event.subject)\"}") }
      case "PackageSent":
        for order in orders {
          add("OrderShipped", order, "{\"package\":\"\(event.subject)\"}")
          add("CustomerNotified", order, "{\"text\":\"Your order is on its way in \(event.subject)\"}")
        }
        add("TrackingUpdated", event.subject, "{\"status\":\"on its way\"}")
      case "PackageDelivered":
        for order in orders { add("OrderDelivered", order, "{\"package\":\"\(event.subject)\"}") }
        add("TrackingUpdated", event.subject, "{\"status\":\"delivered\"}")
      case "PackageLost": add("TrackingUpdated", event.subject, "{\"status\":\"unknown\"}")
      case "DeliveryFailed": add("TrackingUpdated", event.subject, "{\"status\":\"we try again tomorrow\"}")
      case "PaymentReminded": add("CustomerNotified", event.subject, "{\"text\":\"Please pay \(price)\"}")
      case "OrderPaid": add("ThankYouSent", event.subject, "{\"text\":\"Thank you for \(price)\"}")
      default: break
      }
    }
    return effects
  }

  private static func object(_ json: String) -> [String: Any] {
    (try? JSONSerialization.jsonObject(with: Data(json.utf8))) as? [String: Any] ?? [:]
  }

  @Test func `an order without items waits for somebody`() throws {
    let stage = try Stage(Generation.load(FolderReader(folder: Self.folder).read().files).get())
    let reaction = stage.handle(TestEvent("OrderPlaced", "order-1", data: "{\"items\":[],\"price\":0}"))
    #expect(reaction.failures == ["orders.lua:10: an order needs items"] && stage.lastFailure?.kind == .fail)
  }

  @Test func `the samples are short`() {
    for file in FolderReader(folder: Self.folder).read().files {
      let lines = file.bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).count
      #expect(lines <= 35, "\(file.path) has \(lines) lines")
    }
  }
}
