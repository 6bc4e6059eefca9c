import Foundation
import TestKit
import Testing

/// The checkout of ten thousand orders as a process, with everything going wrong that can, and the daemon killed meanwhile.
@Suite("A checkout as a process")
struct CheckoutAcceptance {
  /// What becomes of an order, step by step.
  private enum Fate: String, CaseIterable {
    case ok
    /// The owner refuses.
    case declined
    /// The owner's script fails until an operator gives the command up.
    case failing
    /// What is awaited never comes.
    case late
  }

  private static let steps = ["Reserve", "Charge", "Ship"]
  /// Daemons that are killed, each with its share of the orders under way and what those before it have left.
  private static let lives = 25

  private static let handlers: [String: String] = [
    "owners.lua": """
    local function owner(name, command, done, undo, undone)
      aggregate(name, {
        retry = false,
        commands = {
          [command] = function(state, c)
            if c.data.fate == "declined" then reject("no " .. name) end
            if c.data.fate == "failing" then error("the " .. name .. " is broken") end
            emit(done, { order = c.data.order, fate = c.data.fate })
          end,
          [undo] = function(state, c) emit(undone, { order = c.data.order }) end,
        },
        events = { [done] = function(state, e) state.n = (state.n or 0) + 1 end },
      })
    end
    owner("stock", "Reserve", "Reserved", "Unreserve", "Unreserved")
    owner("payment", "Charge", "Charged", "Refund", "Refunded")
    owner("shipping", "Ship", "Shipped", "Unship", "Unshipped")
    """,
    "packer.lua": """
    consumer "packer" {
      on = { Charged = function(event)
        if event.data.fate ~= "late" then emit("Packed", {}, { subject = event.data.order }) end
      end },
    }
    """,
    "checkout.lua": """
    process "checkout" {
      starts = "OrderPlaced",
      hears = "Packed",
      run = function(order)
        local function take(command, undo)
          local data = { order = order.subject, fate = order.data[command] }
          local events, why = ask(command, data, { to = command .. order.data.n % 50 })
          if not events then rollback(why, "OrderFailed") end
          compensate(function() ask(undo, data, { to = command .. order.data.n % 50 }) end)
        end
        take("Reserve", "Unreserve")
        take("Charge", "Refund")
        local packed, late = await { "Packed", within = "3s" }
        if not packed then rollback(late, "OrderFailed") end
        take("Ship", "Unship")
        emit("OrderConfirmed", {})
      end,
    }
    """,
  ]

  @Test(.timeLimit(.minutes(10)))
  func `every order is confirmed or taken back in reverse order, once, whatever fails and whenever it is killed`()
    async throws
  {
    let count = ProcessInfo.processInfo.environment["MOONDANCE_ORDERS"].flatMap { Int($0) } ?? 10_000
    var random = Seed.printed()
    let folder = TemporaryFolder()
    let handlers = try folder.write(Self.handlers, below: "handlers")
    let data = folder.path + "/data"
    let fates = (0..<count).map { _ in Self.steps.map { Self.fate(of: $0, &random) } }
    var sent = 0
    for life in 1...Self.lives {
      let daemon = try DaemonProcess(handlers: handlers, data: data)
      let killer = daemon.kill(after: .milliseconds(Int.random(in: 20...1500, using: &random)))
      sent = await Self.place(sent..<count * life / Self.lives, fates, at: daemon)
      try? await Self.discardAll(at: daemon)
      try await killer.value
    }
    let daemon = try DaemonProcess(handlers: handlers, data: data)
    sent = await Self.place(sent..<count, fates, at: daemon)
    #expect(sent == count)
    try await eventually(within: 240, "all orders at an end") {
      try await Self.discardAll(at: daemon)
      let list = try await daemon.get("/processes?limit=1").json
      let process = (list["processes"] as? [[String: Any]])?.first
      return process?["instances"] as? Int == 0 ? nil : "\(list)"
    }
    try await daemon.settle()
    #expect(daemon.stop() == 0)
    let verified = try Binary.run(["log", "verify", data])
    #expect(verified.code == 0, "\(verified.out)\(verified.err)")
    let stories = try Self.stories(of: data, folder)
    #expect(stories.count == count)
    var confirmed = 0
    for (index, fates) in fates.enumerated() {
      let story = stories["order-\(index)"] ?? []
      let expected = Self.endings(fates)
      #expect(expected.contains(story), "order-\(index) \(fates): \(story)")
      if story.last == "OrderConfirmed" { confirmed += 1 }
    }
    print("\(count) orders, \(confirmed) confirmed, killed \(Self.lives) times")
    #expect(confirmed > count / 10)
  }

  /// Sends orders until the daemon does not answer; the first that has no answer. It is sent again to the next daemon, with
  /// the same source and id.
  private static func place(_ orders: Range<Int>, _ fates: [[Fate]], at daemon: DaemonProcess) async -> Int {
    var sent = orders.lowerBound
    while sent < orders.upperBound {
      let some = sent..<min(sent + 100, orders.upperBound)
      guard (try? await daemon.postBatch(batch(some, fates)))?.status == 201 else { break }
      sent = some.upperBound
    }
    return sent
  }

  /// What is broken is given up, whatever it is.
  private static func discardAll(at daemon: DaemonProcess) async throws {
    _ = try await daemon.request(
      "POST", "/dead-letters/discard", body: Data(#"{"all":true}"#.utf8),
      headers: ["content-type": "application/json"])
  }

  private static func fate(of step: String, _ random: inout Seed) -> Fate {
    switch Int.random(in: 0..<100, using: &random) {
    case 0..<12: .declined
    case 12..<14: .failing
    case 14..<22 where step == "Charge": .late
    default: .ok
    }
  }

  /// What may stand in the log of an order, in this order and once. A daemon that was killed may come back too late.
  private static func endings(_ fates: [Fate]) -> [[String]] {
    let (done, undone) = (["Reserved", "Charged", "Shipped"], ["Unreserved", "Refunded", "Unshipped"])
    func failed(after count: Int) -> [String] { done[..<count] + undone[..<count].reversed() + ["OrderFailed"] }
    var endings: [[String]] = []
    if let stop = fates.firstIndex(where: { $0 != .ok && $0 != .late }) {
      endings.append(failed(after: stop))
      if stop < 2 { return endings }
    }
    if !fates.contains(where: { $0 != .ok }) { endings.append(done + ["OrderConfirmed"]) }
    if fates[1] == .late { return [failed(after: 2)] }
    return endings + [failed(after: 2)]
  }

  /// By order: the types of what happened to it, in the order of the log.
  private static func stories(of data: String, _ folder: TemporaryFolder) throws -> [String: [String]] {
    let exported = try Binary.run(["log", "export", data])
    #expect(exported.code == 0)
    var stories: [String: [String]] = [:]
    for line in exported.out.split(separator: "\n") {
      guard let event = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] else { continue }
      let type = event.text("type")
      switch type {
      case "OrderPlaced": stories[event.text("subject"), default: []] += []
      case "OrderConfirmed", "OrderFailed": stories[event.text("subject"), default: []].append(type)
      case "Reserved", "Charged", "Shipped", "Unreserved", "Refunded", "Unshipped":
        stories[(event["data"] as? [String: Any])?.text("order") ?? "", default: []].append(type)
      default: break
      }
    }
    return stories
  }

  private static func batch(_ orders: Range<Int>, _ fates: [[Fate]]) -> Data {
    let events = orders.map { order in
      let data = zip(steps, fates[order]).map { "\"\($0)\":\"\($1.rawValue)\"" }.joined(separator: ",")
      return """
        {"specversion":"1.0","id":"\(order)","source":"/shop","type":"OrderPlaced","subject":"order-\(order)",\
        "data":{"n":\(order),\(data)}}
        """
    }
    return Data("[\(events.joined(separator: ","))]".utf8)
  }
}
