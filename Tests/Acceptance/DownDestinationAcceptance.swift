import Foundation
import ServerKit
import TestKit
import Testing

/// A far side that is away for the whole run costs nothing but its own backlog, which lies in the log.
@Suite("A destination that is down")
struct DownDestinationAcceptance {
  static let backlog = ProcessInfo.processInfo.environment["MOONDANCE_OUTBOX_BACKLOG"].flatMap { Int($0) } ?? 100_000
  static let keys = 1000
  static let batch = 1000

  private static let handlers = [
    "outbox.lua": """
    destination "there" { file = "there.ndjson", concurrency = 256 }
    destination "away" { http = env "AWAY_URL", concurrency = 64 }
    consumer "orders" {
      from = "start",
      on = {
        Both = function(event) publish("there", { n = event.data.n })  publish("away", { n = event.data.n }) end,
        One  = function(event) publish("there", { n = event.data.n }) end,
      },
    }
    """
  ]

  private static func batch(_ type: String, _ numbers: Range<Int>) -> Data {
    let events = numbers.map { number in
      """
      {"specversion":"1.0","id":"\(number)","source":"/down","type":"\(type)","subject":"k\(number % keys)",\
      "data":{"n":\(number)}}
      """
    }
    return Data("[\(events.joined(separator: ","))]".utf8)
  }

  private func pending(_ destination: String, _ daemon: DaemonProcess) async throws -> Int {
    let outbox = try await daemon.status()["outbox"] as? [[String: Any]] ?? []
    return outbox.first { $0.text("destination") == destination }?["pending"] as? Int ?? -1
  }

  /// Sends events and waits until all messages to `there` are delivered; gives how long it took.
  private func run(_ type: String, _ numbers: Range<Int>, _ daemon: DaemonProcess) async throws -> Duration {
    let began = ContinuousClock.now
    let connection = try DoorConnection(port: daemon.port)
    for start in stride(from: numbers.lowerBound, to: numbers.upperBound, by: Self.batch) {
      let response = try connection.postBatch(Self.batch(type, start..<min(start + Self.batch, numbers.upperBound)))
      try #require(response.status == 201)
    }
    try await eventually(within: 120, "all messages to be there") {
      let head = (try await daemon.status()["consumers"] as? [[String: Any]] ?? []).allSatisfy {
        $0["lag"] as? Int == 0
      }
      let pending = try await pending("there", daemon)
      return head && pending == 0 ? nil : "\(pending)"
    }
    return ContinuousClock.now - began
  }

  private static func residentMegabytes(_ daemon: DaemonProcess) throws -> Int {
    let status = try String(contentsOfFile: "/proc/\(daemon.identifier)/status", encoding: .utf8)
    let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") })
    return try #require(Int(line.filter(\.isNumber))) / 1024
  }

  @Test(.timeLimit(.minutes(5)))
  func `others keep their rate, memory stays flat, and the backlog drains in order`() async throws {
    let folder = TemporaryFolder()
    let receiver = try WebhookReceiver()
    receiver.stop()
    defer { receiver.stop() }
    let daemon = try DaemonProcess(
      handlers: try folder.write(Self.handlers, below: "handlers"), data: folder.path + "/data",
      environment: ["AWAY_URL": receiver.url])
    let alone = try await run("One", 0..<Self.backlog, daemon)
    let before = try Self.residentMegabytes(daemon)
    let beside = try await run("Both", Self.backlog..<2 * Self.backlog, daemon)
    #expect(try await pending("away", daemon) == Self.backlog)
    let after = try Self.residentMegabytes(daemon)
    #expect(after < before + 48, "\(before) MB before, \(after) MB with \(Self.backlog) pending")
    #expect(
      beside < alone * 3, "\(beside) with a destination down, \(alone) without: each event makes one message more")
    let letters = try await daemon.get("/outbox").json["deadLetters"] as? [Any]
    #expect(letters?.isEmpty == true)
    try receiver.start()
    let began = ContinuousClock.now
    try await eventually(within: 120, "the backlog to drain") {
      let pending = try await pending("away", daemon)
      return pending == 0 ? nil : "\(pending)"
    }
    let drained = ContinuousClock.now - began
    var last: [Int: Int] = [:]
    var seen: Set<Int> = []
    for request in receiver.requests {
      let n = try #require(Int(request.text.filter(\.isNumber)))
      guard seen.insert(n).inserted else { continue }
      try #require(last[n % Self.keys, default: -1] < n)
      last[n % Self.keys] = n
    }
    #expect(seen.count == Self.backlog)
    print(
      "\(Self.backlog) pending: others \(alone) alone, \(beside) beside; \(before) MB before, \(after) MB after; "
        + "drained in \(drained)")
    #expect(daemon.stop() == 0)
  }
}
