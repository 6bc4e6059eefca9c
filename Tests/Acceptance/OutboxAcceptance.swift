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
      "table": #"postgres = env "DATABASE_URL", table = "inbox""#,
      "stream": #"nats = env "NATS_URL", subject = "orders.{type}", stream = true"#,
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

  /// The far sides, all of them with a mind of their own.
  private struct FarSides {
    let receiver: WebhookReceiver
    let database: PostgresServer
    let broker: NATSServer

    init(_ number: UInt64) throws {
      receiver = try WebhookReceiver(OutboxAcceptance.misbehave(number))
      database = try PostgresServer()
      broker = try NATSServer()
      try broker.client().makeStream("orders", subject: "orders.>")
      // As the host makes it, and with the order in which the rows came.
      _ = try database.query(
        """
        create table inbox (message_id text primary key, position bigint not null, key text not null, type text,
          body jsonb, headers jsonb not null, recorded_at timestamptz not null, arrived bigserial)
        """)
    }

    var environment: [String: String] {
      ["HOOK_URL": receiver.url + "/hook", "DATABASE_URL": database.url, "NATS_URL": broker.url]
    }

    /// They go away, in good order or as in a crash.
    func leave(abruptly: Bool) {
      receiver.stop()
      abruptly ? database.kill() : database.stop()
      abruptly ? broker.kill() : broker.stop()
    }

    func comeBack() throws {
      try receiver.start()
      try database.start()
      try broker.start()
    }

    func end() {
      receiver.stop()
      database.stop()
      broker.stop()
    }
  }

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

  @Test(
    .timeLimit(.minutes(10)), .enabled(if: PostgresServer.isInstalled, "\(PostgresServer.missing)"),
    .enabled(if: NATSServer.isInstalled, "\(NATSServer.missing)"))
  func `every message arrives, each key in order, repeats with the same id, over five kills and five restarts`()
    async throws
  {
    let number = UInt64.random(in: 0...UInt64.max)
    print("seed \(number)")
    var seed = Seed(number)
    let folder = TemporaryFolder()
    let far = try FarSides(number)
    defer { far.end() }
    let destinations = ["hook", "file", "table", "stream"]
    let handlers = try folder.write(Self.handlers(destinations), below: "handlers")
    let data = folder.path + "/data"
    let began = ContinuousClock.now
    var sent = 0
    for kill in 0...Self.kills {
      let daemon = try DaemonProcess(handlers: handlers, data: data, environment: far.environment)
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
        // The far sides go away in the middle of it, and come back; then the daemon is killed.
        try await Task.sleep(for: .milliseconds(seed.below(300)))
        far.leave(abruptly: kill % 2 == 0)
        try await Task.sleep(for: .milliseconds(seed.below(300)))
        try far.comeBack()
        try await Task.sleep(for: .milliseconds(seed.below(1500)))
        daemon.kill()
      }
    }
    let ran = ContinuousClock.now - began
    let hooked = try Self.check("hook", Self.arrivals(at: far.receiver))
    let filed = try Self.check("file", Self.arrivals(inFile: data + "/outbox/messages.ndjson"))
    #expect(try Self.check("table", Self.arrivals(in: far.database)) == 0, "the table has each once")
    #expect(try Self.check("stream", Self.arrivals(in: far.broker)) == 0, "the stream has each once")
    print("\(Self.messages) messages to each of four: \(ran); repeats: hook \(hooked), file \(filed), others 0")
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

  private static func arrivals(in database: PostgresServer) throws -> [Arrival] {
    let rows = try database.query("select message_id, key, body->>'n' from inbox order by arrived")
    return try rows.split(separator: "\n").map { row in
      let parts = row.split(separator: "|").map(String.init)
      return (parts[0], parts[1], try #require(Int(parts[2])))
    }
  }

  private static func arrivals(in broker: NATSServer) throws -> [Arrival] {
    try broker.client().messages(of: "orders").map { message in
      let n = try #require(Int(message.body.filter(\.isNumber)))
      return (try #require(message.id), "k\(n % keys)", n)
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
