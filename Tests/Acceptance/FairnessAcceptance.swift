import Foundation
import TestKit
import Testing

@Suite("Consumers that spin")
struct FairnessAcceptance {
  private static let handlers = [
    "spin.lua": """
    for _, name in ipairs({ "spin one", "spin two" }) do
      consumer(name, { retry = false, exhausted = "skip", on = { Work = function() while true do end end } })
    end
    """,
    "good.lua": """
    consumer "good" { on = { Work = function(event) emit("Done", { n = event.data.n }) end } }
    """,
    "chain.lua": """
    consumer "chain" { on = { Step = function(event)
      if event.data.left > 0 then emit("Step", { left = event.data.left - 1 }) else emit("Arrived", {}) end
    end } }
    """,
  ]

  private static func body(_ range: Range<Int>) -> Data {
    let lines = range.map { number in
      """
      {"specversion":"1.0","id":"w\(number)","source":"/fair","type":"Work","subject":"s-\(number % 500)","data":{"n":\(number)}}
      """
    }
    return Data(lines.joined(separator: "\n").utf8)
  }

  @Test(.timeLimit(.minutes(3)))
  func `two consumers that spin in every call keep neither a third nor a chain of reactions nor HTTP from going on`()
    async throws
  {
    let folder = TemporaryFolder()
    let handlers = try folder.write(Self.handlers, below: "handlers")
    let daemon = try DaemonProcess(handlers: handlers, data: folder.path + "/data", arguments: ["--workers", "2"])
    defer { daemon.kill() }
    // The spinning ones have begun before the rest comes.
    _ = try await daemon.request(
      "POST", "/events", body: Self.body(0..<200), headers: ["content-type": "application/x-ndjson"])
    try await eventually("both spinning consumers to be killed in a call") {
      let dead = try await Self.consumers(of: daemon).filter { $0.text("name").hasPrefix("spin") }
        .map { $0["deadLetters"] as? Int ?? 0 }
      return dead.count == 2 && dead.allSatisfy { $0 > 0 } ? nil : "\(dead)"
    }

    let began = ContinuousClock.now
    let response = try await daemon.request(
      "POST", "/events", body: Self.body(200..<20_000), headers: ["content-type": "application/x-ndjson"])
    #expect(response.status == 201)
    var slowest = Duration.zero
    try await eventually(within: 20, "the good consumer at the head") {
      let asked = ContinuousClock.now
      let good = try await Self.consumers(of: daemon).first { $0.text("name") == "good" }
      slowest = max(slowest, ContinuousClock.now - asked)
      return (good?["cursor"] as? Int ?? 0) >= 20_000 ? nil : "\(good ?? [:])"
    }
    let took = ContinuousClock.now - began
    print("20,000 events beside two spinning consumers: \(took); slowest status: \(slowest)")
    #expect(took < .seconds(8))
    #expect(slowest < .seconds(2))

    // A hundred reactions, each waiting for the one before: each of them needs a worker at once.
    let chained = ContinuousClock.now
    _ = try daemon.run("emit", "Step", "--subject", "c", "--data", #"{"left":100}"#)
    try await eventually(within: 20, "the end of the chain") {
      let page = try await daemon.get("/events?type=Arrived&limit=1").json
      return (page["events"] as? [Any])?.isEmpty == false ? nil : "nothing yet"
    }
    let arrived = ContinuousClock.now - chained
    print("a chain of 100 reactions beside them: \(arrived)")
    #expect(arrived < .seconds(6), "with a spinning call before each step it takes ten seconds at least")

    // They still spin: what they have not come to yet would take them half an hour.
    let consumers = try await Self.consumers(of: daemon)
    for spinning in consumers where spinning.text("name").hasPrefix("spin") {
      #expect(spinning["lag"] as? Int ?? 0 > 1000, "\(spinning)")
      #expect(spinning["deadLetters"] as? Int ?? 0 > 0)
    }
    let done = try await daemon.get("/events?type=Done&from=1&limit=1000").json["events"] as? [[String: Any]] ?? []
    #expect(done.count == 1000)
    #expect(Set(done.map(\.cause)).count == 1000)
    #expect(daemon.stop() == 0)
  }

  private static func consumers(of daemon: DaemonProcess) async throws -> [[String: Any]] {
    try await daemon.status()["consumers"] as? [[String: Any]] ?? []
  }
}
