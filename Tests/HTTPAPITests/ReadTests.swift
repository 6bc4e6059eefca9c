import Engine
import Foundation
import Testing
import Wire

@testable import Events
@testable import HTTPAPI

struct `Reading over HTTP` {
  private struct Page: Decodable {
    struct Item: Decodable { var position: UInt64 }
    var events: [Item]
    var next: UInt64
    var positions: [UInt64] { events.map(\.position) }
  }

  private func page(_ server: TestServer, _ path: String) async throws -> Page {
    let answer = try await server.get(path)
    #expect(answer.status == 200, "\(path): \(answer.text)")
    return try answer.decoded(Page.self)
  }

  @Test func `an empty log has an empty page`() async throws {
    try await TestServer.run { server in
      let answer = try await server.get("/events")
      #expect(answer.text == #"{"events":[],"next":1}"#)
    }
  }

  @Test func `pages follow one another to the end`() async throws {
    try await TestServer.run { server in
      for number in 1...25 { server.host.append("T\(number)") }
      var seen: [UInt64] = []
      var next: UInt64 = 1
      while true {
        let page = try await page(server, "/events?from=\(next)&limit=10")
        if page.events.isEmpty { break }
        seen += page.positions
        next = page.next
      }
      #expect(seen == Array(1...25))
      #expect(next == 26)
      #expect(try await page(server, "/events").next == 26)
      #expect(try await page(server, "/events?from=100").next == 100)
      #expect(try await page(server, "/events?from=0&limit=1").positions == [1])
    }
  }

  @Test func `a page ends when it has bytes enough`() async throws {
    var limits = DoorLimits()
    limits.pageBytes = 1000
    try await TestServer.run(limits) { server in
      for _ in 1...5 { server.host.append("T", data: "\"\(String(repeating: "x", count: 700))\"") }
      let page = try await page(server, "/events")
      #expect(page.positions == [1, 2] && page.next == 3)
    }
  }

  @Test func `commands, messages and timers are not events`() async throws {
    try await TestServer.run { server in
      server.host.append("A")
      for kind in [RecordKind.command, .message, .timer] { server.host.append("X", subject: "s", kind: kind) }
      server.host.append("B", subject: "s")
      let all = try await page(server, "/events")
      #expect(all.positions == [1, 5])
      #expect(try await page(server, "/events?type=X").positions == [])
      #expect(try await page(server, "/subjects/s").positions == [5])
      #expect(try await server.get("/events/2").status == 404)
    }
  }

  @Test(arguments: [UInt64(1), 2, 3, 4, 5, 6])
  func `every filter finds what a look at every event finds`(seed: UInt64) async throws {
    try await TestServer.run { server in
      var random = SystemSeed(seed)
      let types = ["Order.Placed", "Order.Paid", "Orde", "Payment"]
      let subjects = ["", "a", "b", "a/b", "é"]
      var model: [(type: String, subject: String, correlation: String, isEvent: Bool)] = []
      for position in 1...600 {
        let root = position > 1 && random.below(2) == 0 ? UInt64(1 + random.below(position - 1)) : 0
        let given = random.below(6) == 0 ? random.pick(["corr", "7", "01"]) : nil
        let entry = (
          type: random.pick(types), subject: random.pick(subjects),
          correlation: given ?? "\(root == 0 ? UInt64(position) : root)", isEvent: random.below(8) != 0
        )
        model.append(entry)
        server.host.append(
          entry.type, subject: entry.subject, kind: entry.isEvent ? .event : .timer, root: root, correlation: given)
      }
      for round in 0..<60 {
        var parts: [String] = []
        var wanted = model.indices.filter { model[$0].isEvent }
        if random.below(2) == 0 {
          let type = random.pick(["Order.Placed", "Ord*", "Orde", "Order.*", "*", "Nothing", "Payment*"])
          parts.append("type=\(type)")
          wanted.removeAll { type.hasSuffix("*") ? !model[$0].type.hasPrefix(type.dropLast()) : model[$0].type != type }
        }
        if random.below(2) == 0 {
          let subject = random.pick(["a", "b", "a/b", "é", "none"])
          parts.append("subject=\(subject.addingPercentEncoding(withAllowedCharacters: .alphanumerics)!)")
          wanted.removeAll { model[$0].subject != subject }
        }
        if random.below(2) == 0 {
          let correlation = random.pick(["corr", "7", "01", "3", "12", "none", "999"])
          parts.append("correlation=\(correlation)")
          wanted.removeAll { model[$0].correlation != correlation }
          // Looked up by root when it is the position of one: then an event that gives such a text itself is not found.
          if let root = Int(correlation), correlation.first != "0", root <= model.count,
            model[root - 1].correlation == correlation
          {
            wanted.removeAll { index in model[index].correlation == correlation && !server.host.isBelow(root, index) }
          }
        }
        let limit = 1 + random.below(30)
        if random.below(3) == 0 {
          parts.append("last=\(limit)")
          wanted = Array(wanted.suffix(limit))
        } else {
          let from = random.below(700)
          parts += ["from=\(from)", "limit=\(limit)"]
          wanted = Array(wanted.filter { $0 + 1 >= from }.prefix(limit))
        }
        let path = "/events?" + parts.joined(separator: "&")
        let page = try await page(server, path)
        #expect(page.positions == wanted.map { UInt64($0 + 1) }, "seed \(seed), round \(round): \(path)")
      }
    }
  }

  @Test func `a subject may be any text`() async throws {
    try await TestServer.run { server in
      for subject in ["a/b c", "é", "e\u{301}", "100%", "?#&"] { server.host.append("T", subject: subject) }
      let encoded = try await page(server, "/subjects/a%2Fb%20c")
      #expect(encoded.positions == [1])
      #expect(try await page(server, "/subjects/a/b%20c").positions == [1])
      #expect(try await page(server, "/subjects/%C3%A9").positions == [2])
      #expect(try await page(server, "/subjects/e%CC%81").positions == [3])
      #expect(try await page(server, "/subjects/100%25").positions == [4])
      #expect(try await page(server, "/subjects/%3F%23%26").positions == [5])
      #expect(try await page(server, "/events?subject=a%2Fb+c").positions == [1])
      for _ in 0..<30 { server.host.append("T", subject: "many") }
      let first = try await page(server, "/subjects/many?limit=20")
      let second = try await page(server, "/subjects/many?limit=20&from=\(first.next)")
      #expect(first.positions + second.positions == Array(6...35))
    }
  }

  @Test(arguments: [
    ("/events?limit=0", 400), ("/events?limit=1001", 400), ("/events?limit=x", 400), ("/events?from=-1", 400),
    ("/events?from=18446744073709551616", 400), ("/events?type=a%20b", 400), ("/events?type=a*b", 400),
    ("/events?type=", 400), ("/events?subject=", 400), ("/events?subject=%00", 400), ("/events?subject=%ff", 400),
    ("/events?subject=%C3%28", 400), ("/events?subject=%4", 400), ("/events?typ=T", 400),
    ("/events?from=1&from=2", 400),
    ("/events?from=1&last=2", 400), ("/subjects/a?subject=b", 400), ("/status?x=1", 400),
    ("/subjects/%FF", 400), ("/subjects/%00", 400), ("/subjects/", 404), ("/events/", 404), ("/events/x", 400),
    ("/events/0", 404), ("/events/99", 404), ("/events/18446744073709551615", 404), ("/events/-1", 400), ("/", 404),
    ("/nothing", 404), ("/events/../status", 404), ("//events", 404), ("/EVENTS", 404),
  ])
  func `what cannot be is a problem`(path: String, status: Int) async throws {
    try await TestServer.run { server in
      let answer = try await server.get(path)
      #expect(answer.status == status, "\(answer.text)")
      #expect(answer.headers["content-type"] == "application/problem+json")
      let problem = try answer.decoded(Problem.self)
      #expect(problem.status == status && problem.kind != nil)
    }
  }

  @Test func `an unreadable log is a problem, never a gap`() async throws {
    struct Secret: Error { var path = "/var/lib/secret.seg" }
    try await TestServer.run { server in
      server.host.append("T", subject: "s")
      server.host.failReads(with: Secret())
      for path in ["/events", "/events/1", "/subjects/s", "/events?last=1"] {
        let answer = try await server.get(path)
        #expect(answer.status == 500)
        #expect(!answer.text.contains("secret"))
      }
      server.host.failReads(with: nil)
      #expect(try await page(server, "/events").positions == [1])
    }
  }

  @Test func `the status keeps its contract`() async throws {
    try await TestServer.run { server in
      server.host.append("T")
      let answer = try await server.get("/status")
      #expect(answer.status == 200)
      let json = try answer.json()
      #expect(
        Set(json.keys) == [
          "version", "generation", "log", "warnings", "consumers", "outbox", "views", "timers", "processes",
        ])
      let generation = try #require(json["generation"] as? [String: Any])
      #expect(generation["number"] as? Int == 3)
      #expect(generation["error"] as? String == "a.lua:1: no\nb.lua:2: no")
      #expect((generation["scripts"] as? [[String: String]]) == [["path": "hello.lua", "hash": "ab12"]])
      let log = try #require(json["log"] as? [String: Any])
      #expect(log["head"] as? Int == 1 && log["durable"] as? Int == 1 && log["bytes"] as? Int == 4096)
      let consumer = try #require((json["consumers"] as? [[String: Any]])?.first)
      #expect(
        Set(consumer.keys) == ["name", "kind", "script", "state", "cursor", "lag", "blocked", "queued", "deadLetters"])
      #expect(consumer["deadLetters"] as? Int == 3 && consumer["lag"] as? Int == 2)
      #expect((json["outbox"] as? [Any])?.isEmpty == true && (json["views"] as? [Any])?.isEmpty == true)
      let again = try answer.decoded(StatusReport.self)
      #expect(again.consumers[0].blocked == 1 && again.log.id == "00ff")
    }
  }

  @Test func `a reload answers with its generation or with every error`() async throws {
    try await TestServer.run { server in
      server.host.reloads([
        .loaded(generation: 8, isNew: true, warnings: ["w"]), .refused(errors: ["a.lua:1: no", "b.lua:2: nor"]),
      ])
      let good = try await server.request("POST", "/reload")
      #expect(good.status == 200)
      #expect(try good.decoded(ReloadReceipt.self) == ReloadReceipt(generation: 8, changed: true, warnings: ["w"]))
      let bad = try await server.request(
        "POST", "/reload", [("Content-Type", "application/json")], body: Array("{}".utf8))
      #expect(bad.status == 422)
      #expect(try bad.decoded(Problem.self).errors == ["a.lua:1: no", "b.lua:2: nor"])
    }
  }

  @Test func `health is live and ready, or says why not`() async throws {
    try await TestServer.run { server in
      let live = try await server.get("/health/live")
      #expect(live.text == #"{"status":"live"}"#)
      #expect(try await server.get("/health/ready").text == #"{"status":"ready"}"#)
      server.host.isOutOfSpace = true
      #expect(try await server.get("/health/live").status == 200)
      #expect(try await server.get("/health/ready").status == 507)
    }
  }

  @Test func `older events are given as the newest version of their contract when that is asked for`() async throws {
    try await TestServer.run { server in
      for type in ["T", "Old", "Broken"] {
        #expect(try await server.post(event: event(type, #""subject":"\#(type)","data":{"old":1}"#)).status == 201)
      }
      let plain = try await server.get("/events").text
      #expect(plain.contains(#""data":{"old":1}"#) && !plain.contains("new"))
      #expect(try await server.get("/events/2?upcast=true").text.contains(#""data":{"new":2}"#))
      #expect(try await server.get("/events/1?upcast=true").text.contains(#""data":{"old":1}"#))
      #expect(try await server.get("/subjects/Old?upcast=true").text.contains(#""data":{"new":2}"#))
      #expect(try await server.get("/events?upcast=true&type=Old").text.contains(#""data":{"new":2}"#))
      for path in ["/events?upcast=true", "/events/3?upcast=true"] {
        let refused = try await server.get(path)
        #expect(refused.status == 409 && refused.text.contains("position 3") && refused.text.contains("a.lua:1: no"))
      }
      #expect(try await server.get("/events?upcast=yes").status == 400)
      #expect(try await server.get("/events?upcast=true", [("Accept", "text/event-stream")]).status == 400)
    }
  }
}

extension MemoryHost {
  /// Whether the entry at `index` is the root at position `root`, or below it.
  func isBelow(_ root: Int, _ index: Int) -> Bool {
    var isBelow = index + 1 == root
    try? visit([Position(UInt64(index + 1))]) { entry, _, _ in
      isBelow = isBelow || entry.root == UInt64(root)
      return false
    }
    return isBelow
  }
}

/// A generator that a seed repeats.
struct SystemSeed {
  private var state: UInt64
  init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

  mutating func below(_ bound: Int) -> Int {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return Int(state % UInt64(bound))
  }
  mutating func pick<Element>(_ from: [Element]) -> Element { from[below(from.count)] }
}
