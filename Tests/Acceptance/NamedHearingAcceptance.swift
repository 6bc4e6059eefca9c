import Foundation
import TestKit
import Testing

/// Instances of a process that hear about the customers of their orders, with the daemon killed meanwhile.
@Suite("Processes that hear by a name")
struct NamedHearingAcceptance {
  private static let handlers = [
    "collection.lua": """
    process "collection" {
      starts = "OrderPlaced", hears = { "OrderPaid", CardUpdated = "data.customer" },
      run = function(order)
        while true do
          local heard = await { "OrderPaid", "CardUpdated" }
          if heard.type == "OrderPaid" then emit("Closed") return end
          emit("CardCharged", { card = heard.data.card })
        end
      end,
    }
    """
  ]

  @Test(.timeLimit(.minutes(5)))
  func `every order hears of its customer's cards while it is open, once, in order, whenever the daemon is killed`()
    async throws
  {
    var random = Seed.printed()
    let folder = TemporaryFolder()
    let handlers = try folder.write(Self.handlers, below: "handlers")
    let data = folder.path + "/data"
    let count = 6000
    let bodies = stride(from: 0, to: count, by: 50).map { start in
      Self.batch(start..<start + 50, &random)
    }
    var sent = 0
    var kills = 0
    while sent < bodies.count {
      let daemon = try DaemonProcess(handlers: handlers, data: data)
      let killer = daemon.kill(after: .milliseconds(Int.random(in: 50...800, using: &random)))
      // What has no answer is sent again to the next one: its source and ids are the same.
      while sent < bodies.count {
        guard (try? await daemon.postBatch(bodies[sent]))?.status == 201 else { break }
        sent += 1
      }
      try await killer.value
      kills += 1
    }
    let daemon = try DaemonProcess(handlers: handlers, data: data)
    try await daemon.settle()
    let events = try await daemon.allEvents()
    #expect(daemon.stop() == 0)
    let verified = try Binary.run(["log", "verify", data])
    #expect(verified.code == 0, "\(verified.out)\(verified.err)")

    var (open, expected): ([String: String], [String: [Int]]) = ([:], [:])
    var told: [String: [Int]] = [:]
    var closed = 0
    var (placed, paid) = (0, 0)
    for event in events {
      let subject = event.text("subject")
      let card = (event["data"] as? [String: Any])?["card"] as? Int ?? 0
      switch event.text("type") {
      case "OrderPlaced":
        placed += 1
        if open[subject] == nil { open[subject] = (event["data"] as? [String: Any])?.text("customer") }
      case "OrderPaid":
        if open.removeValue(forKey: subject) != nil { paid += 1 }
      case "CardUpdated":
        for (order, customer) in open where customer == subject { expected[order, default: []].append(card) }
      case "CardCharged": told[subject, default: []].append(card)
      case "Closed": closed += 1
      case let other: Issue.record("\(other) in the log")
      }
    }
    #expect(told == expected)
    #expect(closed == paid)
    print("\(placed) orders, \(told.values.reduce(0) { $0 + $1.count }) charges, killed \(kills) times")
    #expect(placed > count / 10 && paid > 100 && told.count > 100)
  }

  /// Events of a few hundred orders of fifty customers.
  private static func batch(_ numbers: Range<Int>, _ random: inout Seed) -> Data {
    let events = numbers.map { number in
      let (order, customer) = (Int.random(in: 0..<300, using: &random), Int.random(in: 0..<50, using: &random))
      let (type, subject, data) =
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<3: ("OrderPlaced", "order-\(order)", #"{"customer":"c\#(customer)"}"#)
        case 3..<5: ("OrderPaid", "order-\(order)", "{}")
        default: ("CardUpdated", "c\(customer)", #"{"card":\#(number)}"#)
        }
      return
        #"{"specversion":"1.0","id":"\#(number)","source":"/t","type":"\#(type)","subject":"\#(subject)","data":\#(data)}"#
    }
    return Data("[\(events.joined(separator: ","))]".utf8)
  }
}
