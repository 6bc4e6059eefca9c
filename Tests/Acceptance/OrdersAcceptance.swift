import Foundation
import TestKit
import Testing

/// The samples on order events: the reactions are counted here in another way, straight from the input.
@Suite("The sample choreography on real input")
struct OrdersAcceptance {
  /// The shared data set when it is there, else generated events of the same shape.
  private static func input(in folder: TemporaryFolder) throws -> URL {
    let shared = Binary.root.deletingLastPathComponent().appending(path: "shared/data/orders.ndjson")
    if FileManager.default.fileExists(atPath: shared.path) { return shared }
    let file = URL(filePath: folder.path + "/orders.ndjson")
    try generated(orders: 500).write(to: file, atomically: false, encoding: .utf8)
    return file
  }

  static func generated(orders: Int) -> String {
    var lines: [String] = []
    var time = ""
    func add(_ type: String, _ subject: String, _ data: String) {
      lines.append(
        """
        {"specversion":"1.0","id":"g\(lines.count)","source":"/generated","type":"\(type)","subject":"\(subject)",\
        "time":"\(time)","datacontenttype":"application/json","data":\(data)}
        """)
    }
    for order in 0..<orders {
      let subject = "order-\(order)"
      // One every ten minutes, so that there are days.
      func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
      time = "2026-01-\(two(1 + order / 144 % 28))T\(two(order / 6 % 24)):\(two(order % 6 * 10 + 5)):00Z"
      let price = Double(order * 37 % 1000) + 0.25
      add("OrderPlaced", subject, #"{"items":["item-\#(order)a","item-\#(order)b"],"weight":1.5,"price":\#(price)}"#)
      add("OrderConfirmed", subject, #"{"weight":1.5,"price":\#(price)}"#)
      if order % 5 == 0 { add("ItemOutOfStock", subject, #"{"items":["item-\#(order)a"],"weight":0.5,"price":1.0}"#) }
      if order % 3 == 0 { add("PaymentReminded", subject, #"{"weight":1.5,"price":\#(price)}"#) }
      if order % 2 == 1 {
        let package = "package-\(order)"
        let orders = #"{"orders":["order-\#(order - 1)","order-\#(order)"],"items":[],"weight":3.0,"price":1.0}"#
        for type in ["PackageCreated", "PackageSent", "DeliveryFailed", "PackageDelivered"] {
          if type != "DeliveryFailed" || order % 7 == 0 { add(type, package, orders) }
        }
      }
      add("OrderPaid", subject, #"{"weight":1.5,"price":\#(price)}"#)
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// What the table in handlers/README.md says of one input event: (type, subject) of each effect, and theirs.
  private static func expected(of event: [String: Any]) -> [String] {
    let subject = event.text("subject")
    let data = event["data"] as? [String: Any] ?? [:]
    func names(_ field: String) -> [String] { data[field] as? [String] ?? [] }
    switch event.text("type") {
    case "OrderPlaced": return names("items").isEmpty ? [] : ["OrderAccepted \(subject)"]
    case "ItemOutOfStock": return names("items").map { "ReplenishmentRequested \($0)" }
    case "PackageSent":
      return Set(names("orders")).flatMap { ["OrderShipped \($0)", "CustomerNotified \($0)"] } + [
        "TrackingUpdated \(subject)"
      ]
    case "PackageDelivered": return Set(names("orders")).map { "OrderDelivered \($0)" } + ["TrackingUpdated \(subject)"]
    case "PackageCreated": return []
    case "DeliveryFailed": return ["TrackingUpdated \(subject)"]
    case "PaymentReminded": return ["CustomerNotified \(subject)"]
    case "OrderPaid": return ["ThankYouSent \(subject)"]
    default: return event.text("type").hasPrefix("Package") ? ["TrackingUpdated \(subject)"] : []
    }
  }

  @Test(.timeLimit(.minutes(3)))
  func `every reaction is there exactly once, in order per subject, and the same file again appends nothing`()
    async throws
  {
    let folder = TemporaryFolder()
    let file = try Self.input(in: folder)
    let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
    let input = try lines.map { try JSONSerialization.jsonObject(with: Data($0.utf8)) as! [String: Any] }
    let daemon = try DaemonProcess(handlers: Binary.root.appending(path: "handlers").path, data: folder.path + "/data")

    let first = try daemon.run("emit", "--file", file.path)
    #expect(first.code == 0, "\(first.err)")
    #expect(first.out.contains("\(input.count) events"), "\(first.out)")
    try await daemon.settle()
    let events = try await daemon.allEvents()
    #expect(daemon.output.contains("error") == false, "\(daemon.output)")

    let identities = Set(input.map { $0.text("source") + " " + $0.text("id") })
    let came = events.filter { identities.contains($0.text("source") + " " + $0.text("id")) }
    let made = events.filter { !identities.contains($0.text("source") + " " + $0.text("id")) }
    #expect(came.map { $0.text("id") } == input.map { $0.text("id") })
    #expect(
      zip(came, input).allSatisfy {
        NSDictionary(dictionary: $0["data"] as! [String: Any]).isEqual(to: $1["data"] as! [String: Any])
      })

    let expected = input.flatMap(Self.expected)
    #expect(Self.counts(made.map { "\($0.text("type")) \($0.text("subject"))" }) == Self.counts(expected))
    try Self.checkOrder(of: made)

    let again = try daemon.run("emit", "--file", file.path)
    #expect(again.code == 0, "\(again.err)")
    #expect(again.out.contains("\(input.count) duplicates"), "\(again.out)")
    try await daemon.settle()
    #expect(try await daemon.allEvents().count == events.count)
    #expect(daemon.stop() == 0)
  }

  private static func counts(_ texts: [String]) -> [String: Int] {
    texts.reduce(into: [:]) { $0[$1, default: 0] += 1 }
  }

  /// For each reaction's type and subject, causes never go back: the events of a key were handled in log order.
  private static func checkOrder(of made: [[String: Any]]) throws {
    for (kind, some) in Dictionary(grouping: made, by: { "\($0.text("type")) \($0.text("subject"))" }) {
      // A customer is notified by one consumer that hears three types; its key is the subject, so one order holds.
      let causes = some.map(\.cause)
      #expect(causes == causes.sorted(), "\(kind)")
      #expect(zip(some, causes).allSatisfy { $0.position > $1 }, "\(kind)")
    }
  }

  @Test func `a loyalty consumer is one new file and touches no other`() async throws {
    let folder = TemporaryFolder()
    let handlers = folder.path + "/handlers"
    try FileManager.default.copyItem(atPath: Binary.root.appending(path: "handlers").path, toPath: handlers)
    let daemon = try DaemonProcess(handlers: handlers, data: folder.path + "/data")
    let readme = try String(contentsOf: Binary.root.appending(path: "handlers/README.md"), encoding: .utf8)
    let source = try #require(readme.firstMatch(of: /```lua\n([\s\S]*?)```/)).1
    try String(source).write(toFile: handlers + "/loyalty.lua", atomically: true, encoding: .utf8)
    try await eventually("generation 2") {
      let generation = try await daemon.status()["generation"] as? [String: Any]
      return generation?["number"] as? Int == 2 ? nil : daemon.output
    }
    _ = try daemon.run("emit", "OrderPaid", "--subject", "order-1", "--data", #"{"price":524.96}"#)
    try await daemon.settle()
    let points = try await daemon.allEvents().filter { $0.text("type") == "PointsEarned" }
    #expect(points.count == 1)
    #expect((points.first?["data"] as? [String: Any])?["points"] as? Int == 52)
    daemon.stop()
  }
}
