import Foundation
import ServerKit
import Synchronization
import TestKit
import Testing

/// Section 7 of the design with the real binary: a daemon that is killed, far sides that come and go.
@Suite("The outbox over kills")
struct OutboxAcceptance {
  static let messages = ProcessInfo.processInfo.environment["MOONDANCE_OUTBOX_MESSAGES"].flatMap { Int($0) } ?? 50_000
  static let keys = max(1, messages / 50)
  static let kills = 5
  static let batch = 500

  private static func handlers(_ destinations: [String]) -> [String: String] {
    let publishes = destinations.map { #"publish("\#($0)", { n = event.data.n })"# }
    let place = [
      "hook": #"http = env "HOOK_URL""#, "file": #"file = "messages.ndjson""#,
    ]
    let declared = destinations.map {
      """
      destination "\($0)" {
        \(place[$0]!), concurrency = 64, timeout = "5s", retry = { attempts = 1000, first = "20ms", cap = "500ms" }
      }
      """
    }
    return [
      "outbox.lua": declared.joined(separator: "\n") + """

        consumer "orders" {
          from = "start",
          on = { Ping = function(event) \(publishes.joined(separator: " ")) end },
        }
        """
    ]
  }

  private static func batch(_ numbers: Range<Int>) -> Data {
    let events = numbers.map { number in
      """
      {"specversion":"1.0","id":"\(number)","source":"/outbox","type":"Ping","subject":"k\(number % keys)",\
      "data":{"n":\(number)}}
      """
    }
    return Data("[\(events.joined(separator: ","))]".utf8)
  }

  /// What a far side got, in order: the id of the message, its key and its number.
  typealias Arrival = (id: String, key: String, n: Int)

  /// Answers most, refuses some before and some after it has kept them, and hangs up on some.
  private static func misbehave(_ number: UInt64) -> WebhookReceiver.Behaviour {
    let seed = Mutex(Seed(number))
    return { _ in
      switch seed.withLock({ $0.below(200) }) {
      case 0: .answer(500)
      case 1: .close
      case 2: .answer(429, headers: ["retry-after": "0"])
      case 3: .reset
      default: .answer(204)
      }
    }
  }

  @Test(.timeLimit(.minutes(10)))
  func `every message arrives, each key in order, repeats with the same id, over five kills and five restarts`()
    async throws
  {
    let number = UInt64.random(in: 0...UInt64.max)
    print("seed \(number)")
    var seed = Seed(number)
    let folder = TemporaryFolder()
    let receiver = try WebhookReceiver(Self.misbehave(number))
    defer { receiver.stop() }
    let destinations = ["hook", "file"]
    let handlers = try folder.write(Self.handlers(destinations), below: "handlers")
    let data = folder.path + "/data"
    let began = ContinuousClock.now
    var sent = 0
    for kill in 0...Self.kills {
      let daemon = try DaemonProcess(
        handlers: handlers, data: data, environment: ["HOOK_URL": receiver.url + "/hook"])
      let isLast = kill == Self.kills
      let limit = min(Self.messages, Self.messages * (kill + 1) / (Self.kills + 1) + Self.batch)
      while sent < limit {
        let connection = try DoorConnection(port: daemon.port)
        let next = min(sent + Self.batch, Self.messages)
        let response = try connection.postBatch(Self.batch(sent..<next))
        try #require(response.status == 201, "\(String(decoding: response.body, as: UTF8.self))")
        sent = next
      }
      if isLast {
        try await eventually(within: 300, "nothing to be pending") {
          let outbox = try await daemon.status()["outbox"] as? [[String: Any]] ?? []
          let pending = outbox.map { "\($0["destination"] ?? ""): \($0["pending"] ?? "")" }
          return outbox.count == destinations.count && outbox.allSatisfy { $0["pending"] as? Int == 0 }
            ? nil : "\(pending)"
        }
        #expect(daemon.stop() == 0)
      } else {
        // The far side goes away in the middle of it, and comes back; then the daemon is killed.
        try await Task.sleep(for: .milliseconds(seed.below(300)))
        receiver.stop()
        try await Task.sleep(for: .milliseconds(seed.below(300)))
        try receiver.start()
        try await Task.sleep(for: .milliseconds(seed.below(1500)))
        daemon.kill()
      }
    }
    let ran = ContinuousClock.now - began
    let hooked = try Self.check("hook", Self.arrivals(at: receiver))
    let filed = try Self.check("file", Self.arrivals(inFile: data + "/outbox/messages.ndjson"))
    print("\(Self.messages) messages to each: \(ran); repeats: hook \(hooked), file \(filed)")
  }

  private static func arrivals(at receiver: WebhookReceiver) throws -> [Arrival] {
    try receiver.requests.map { request in
      let id = try #require(request.headers["idempotency-key"])
      let n = try #require(Int(request.text.filter(\.isNumber)))
      return (id, "k\(n % keys)", n)
    }
  }

  private static func arrivals(inFile path: String) throws -> [Arrival] {
    try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map { line in
      let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      let n = try #require((object["body"] as? [String: Any])?["n"] as? Int)
      return (object.text("id"), object.text("key"), n)
    }
  }

  /// Nothing missing, each key in order, one id for each message; gives how many came more than once.
  static func check(_ name: String, _ arrivals: [Arrival]) throws -> Int {
    var ids: [Int: String] = [:]
    var last: [String: Int] = [:]
    var repeats = 0
    for arrival in arrivals {
      if let known = ids[arrival.n] {
        try #require(known == arrival.id, "\(name): \(arrival.n) came with two ids")
        repeats += 1
        continue
      }
      ids[arrival.n] = arrival.id
      let before = last[arrival.key, default: -1]
      try #require(before < arrival.n, "\(name): \(arrival.n) of \(arrival.key) came after \(before)")
      last[arrival.key] = arrival.n
    }
    #expect(ids.count == messages, "\(name): \(messages - ids.count) are missing")
    return repeats
  }
}
