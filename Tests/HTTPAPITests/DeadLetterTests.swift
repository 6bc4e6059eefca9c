import Engine
import Events
import Foundation
import Testing

@testable import HTTPAPI
@testable import Wire

struct `Dead letters over HTTP` {
  private func list(_ server: TestServer, _ query: String = "") async throws -> DeadLetterList {
    let answer = try await server.get("/dead-letters" + query)
    #expect(answer.status == 200, "\(answer.text)")
    return try answer.decoded(DeadLetterList.self)
  }

  // MARK: The list

  @Test func `the list says what failed, how, and what waits`() async throws {
    try await TestServer.run { server in
      server.host.append("Before")
      server.host.giveUp(
        "7.2", "OrderPaid", on: "order-1", error: "a \"b\"\nc", attempts: 3, data: #"{"n": 1.50}"#, log: ["info: x"],
        waiting: 4)
      let json = try await server.get("/dead-letters").json()
      #expect(json["next"] is NSNull)
      #expect(json["total"] as? Int == 1)
      let letter = try #require((json["deadLetters"] as? [[String: Any]])?.first)
      let event = try #require(letter["event"] as? [String: Any])
      #expect(event["type"] as? String == "OrderPaid" && event["position"] as? Int == 2)
      let page = try await list(server)
      #expect(
        page.deadLetters == [
          DeadLetterReport(
            id: "7.2", consumer: "hello", key: "order-1", position: 2,
            event: page.deadLetters[0].event, error: "a \"b\"\nc", kind: "error",
            traceback: "stack traceback:\n\twork.lua:3: in function", log: ["info: x"],
            scriptHash: ContentHash(of: Array("script".utf8)).description, generation: 3, attempts: 3,
            failedAt: "2026-07-01T09:30:03.000000Z", state: "blocking", waiting: 4)
        ])
      let text = try await server.get("/dead-letters").text
      #expect(text.contains(#""data":{"n": 1.50}"#), "data are returned byte for byte")
    }
  }

  @Test func `an empty list is a list`() async throws {
    try await TestServer.run { server async throws in
      #expect(try await server.get("/dead-letters").text == #"{"deadLetters":[],"next":null,"total":0}"#)
    }
  }

  @Test(arguments: 1...7) func `pages of any size give every letter once, in the order of ids`(size: Int) async throws {
    try await TestServer.run { server in
      for number in [9, 3, 7, 5, 1] { server.host.giveUp("\(number)") }
      server.host.giveUp("5.1")
      var seen: [String] = []
      var after = ""
      repeat {
        let page = try await list(server, "?limit=\(size)" + (after.isEmpty ? "" : "&after=\(after)"))
        #expect(page.deadLetters.count <= size && page.total == 6)
        seen += page.deadLetters.map(\.id)
        after = page.next ?? ""
      } while !after.isEmpty
      #expect(seen == ["1", "3", "5", "5.1", "7", "9"])
    }
  }

  @Test func `filters choose by consumer, key, type and error`() async throws {
    try await TestServer.run { server async throws in
      server.host.consumers([reader("a", 1), reader("b", 2)])
      server.host.giveUp("1", "OrderPaid", on: "x", of: "a", error: "no such customer: 7")
      server.host.giveUp("2", "OrderPlaced", on: "y", of: "a", error: "no such item")
      server.host.giveUp("3", "Other", on: "x", of: "b", error: "50 % off")
      func ids(_ query: String) async throws -> [String] { try await list(server, query).deadLetters.map(\.id) }
      #expect(try await ids("?consumer=a") == ["1", "2"])
      #expect(try await ids("?key=x") == ["1", "3"])
      #expect(try await ids("?consumer=a&key=x") == ["1"])
      #expect(try await ids("?type=Order*") == ["1", "2"])
      #expect(try await ids("?type=OrderPaid") == ["1"])
      #expect(try await ids("?error=no+such") == ["1", "2"])
      #expect(try await ids("?error=no%20such&type=OrderPlaced") == ["2"])
      #expect(try await ids("?error=50%20%25") == ["3"])
      #expect(try await ids("?error=NO") == [])
    }
  }

  @Test func `the type of a command counts as that of an event does`() async throws {
    try await TestServer.run { server async throws in
      server.host.giveUp("1", "Reserve", kind: .command)
      server.host.giveUp("2", "Reserved")
      server.host.giveUp("3", "Release", kind: .command)
      func ids(_ type: String) async throws -> [String] {
        try await list(server, "?type=\(type)").deadLetters.map(\.id)
      }
      #expect(try await ids("Reserve") == ["1"])
      #expect(try await ids("Reserve*") == ["1", "2"])
      #expect(try await ids("Re*") == ["1", "2", "3"])
      #expect(try await ids("Other") == [])
    }
  }

  @Test func `a filtered page may be empty and still have a next one`() async throws {
    try await TestServer.run { server in
      for number in 1...4 { server.host.giveUp("\(number)", number == 4 ? "Rare" : "Work") }
      let first = try await list(server, "?type=Rare&limit=2")
      #expect(first.deadLetters.isEmpty && first.next == "2")
      let second = try await list(server, "?type=Rare&limit=2&after=2")
      #expect(second.deadLetters.map(\.id) == ["4"] && second.next == nil)
    }
  }

  @Test func `a page ends early when it is large or the search takes long, and goes on where it ended`() async throws {
    var limits = DoorLimits()
    limits.pageBytes = 3000
    try await TestServer.run(limits) { server in
      for number in 1...20 { server.host.giveUp("\(number)", data: "\"\(String(repeating: "x", count: 500))\"") }
      var seen: [String] = []
      var after: String? = "0"
      while let last = after, seen.count < 100 {
        let page = try await list(server, last == "0" ? "" : "?after=\(last)")
        #expect(page.deadLetters.count < 10)
        seen += page.deadLetters.map(\.id)
        after = page.next
      }
      #expect(seen == (1...20).map(String.init))
    }
    limits.searchTime = .zero
    try await TestServer.run(limits) { server in
      for number in 1...3 { server.host.giveUp("\(number)") }
      let page = try await list(server, "?error=nowhere")
      #expect(page.deadLetters.isEmpty && page.next == "1")
    }
  }

  @Test(arguments: [
    ("?limit=0", 400), ("?limit=1001", 400), ("?limit=x", 400), ("?after=x", 400), ("?after=1.2.3", 400),
    ("?after=0", 400),
    ("?after=", 400), ("?after=1.4294967295", 400), ("?after=1.4294967294", 200), ("?after=18446744073709551615", 200),
    ("?after=18446744073709551616", 400), ("?type=a%20b", 400), ("?error=", 400), ("?nonsense=1", 400),
    ("?key=%FF", 400),
    ("?consumer=hello&consumer=hello", 400), ("?key=%00", 200), ("?consumer=helo", 404), ("?consumer=%0A", 404),
  ])
  func `a query that makes no sense is refused`(query: String, status: Int) async throws {
    try await TestServer.run { server in
      server.host.giveUp("1")
      let answer = try await server.get("/dead-letters" + query)
      #expect(answer.status == status, "\(answer.text)")
      #expect(try await server.get("/health/live").status == 200)
    }
  }

  // MARK: One letter

  @Test func `one letter shows every attempt, the oldest first, also when it is resolved`() async throws {
    try await TestServer.run { server in
      let position = server.host.giveUp("8123", "OrderPaid", on: "order-1", attempts: 3, waiting: 2)
      func letter() async throws -> DeadLetterHistory {
        try await server.get("/dead-letters/8123").decoded(DeadLetterHistory.self)
      }
      let open = try await letter()
      #expect(open.id == "8123" && open.consumer == "hello" && open.key == "order-1")
      #expect(open.position == position.rawValue && open.event?.type == "OrderPaid")
      #expect(open.state == "blocking" && open.waiting == 2 && !open.omitted)
      #expect(open.attempts.map(\.attempt) == [1, 2, 3] && open.attempts.map(\.generation) == [1, 2, 3])
      #expect(open.attempts[0].time == "2026-07-01T09:30:01.000000Z")
      #expect(open.failedAt == "2026-07-01T09:30:03.000000Z")
      _ = try await server.act("/dead-letters/8123/skip")
      #expect(try await letter().state == "skipped")
      _ = try await server.act("/dead-letters/8123/discard")
      let resolved = try await letter()
      #expect(resolved.state == "resolved" && resolved.waiting == 0 && resolved.attempts == open.attempts)
      server.host.consumers([])
      #expect(try await letter().consumer == nil, "a consumer that was forgotten has no name")
    }
  }

  @Test func `attempts that were left out are said to be`() async throws {
    try await TestServer.run { server async throws in
      server.host.giveUp("1", attempts: 2)
      server.host.setUp { $0.histories[LetterID("1")!]?.isComplete = false }
      #expect(try await server.get("/dead-letters/1").decoded(DeadLetterHistory.self).omitted)
    }
  }

  @Test(arguments: [
    "2", "1.1", "x", "1.", ".1", "-1", "0", "1.4294967295", "18446744073709551616", "1%00", "1.0.0", "%F0%9F%8C%99",
    "1%2F1",
  ])
  func `an id that the log never gave is not found`(id: String) async throws {
    try await TestServer.run { server in
      server.host.giveUp("1")
      for answer in [
        try await server.get("/dead-letters/\(id)"), try await server.act("/dead-letters/\(id)/retry"),
        try await server.act("/dead-letters/\(id)/discard", #"{"by":"anna"}"#),
      ] {
        #expect(answer.status == 404, "\(id)")
        #expect(try answer.decoded(Problem.self).kind == .notFound)
      }
      #expect(server.host.openLetters == ["1"])
    }
  }

  @Test func `a letter that is not durable yet is not there`() async throws {
    try await TestServer.run { server async throws in
      server.host.giveUp("1")
      server.host.setUp { $0.pending = [LetterID("1")!] }
      #expect(try await list(server).deadLetters.isEmpty)
      #expect(try await server.get("/dead-letters/1").status == 404)
    }
  }

  @Test func `a log that cannot be read is said, and nothing is left out`() async throws {
    try await TestServer.run { server in
      server.host.giveUp("1")
      server.host.failReads(with: MemoryHost.ReadError())
      for path in ["/dead-letters", "/dead-letters/1"] {
        let answer = try await server.get(path)
        #expect(answer.status == 500 && answer.problem == .readFailed)
      }
      #expect(try await server.act("/consumers/hello/rewind", #"{"to":1,"dryRun":true}"#).status == 500)
      #expect(try await server.act("/consumers/hello/rewind", #"{"to":"2026-01-31"}"#).status == 500)
      #expect(server.host.acts.isEmpty)
    }
  }

  // MARK: Verbs

  @Test func `a verb on one letter does it once, and again changes nothing`() async throws {
    try await TestServer.run { server async throws in
      for id in ["1", "2", "3"] { server.host.giveUp(id) }
      func resolve(_ path: String) async throws -> String { try await server.act("/dead-letters/\(path)").text }
      #expect(try await resolve("1/skip") == #"{"left":0,"notOpen":[],"resolved":1,"unchanged":0}"#)
      #expect(try await resolve("1/skip") == #"{"left":0,"notOpen":[],"resolved":0,"unchanged":1}"#)
      #expect(try await resolve("2/retry") == #"{"left":0,"notOpen":[],"resolved":1,"unchanged":0}"#)
      #expect(try await resolve("2/retry") == #"{"left":0,"notOpen":["2"],"resolved":0,"unchanged":0}"#)
      #expect(try await resolve("3/discard") == #"{"left":0,"notOpen":[],"resolved":1,"unchanged":0}"#)
      #expect(try await resolve("3/skip") == #"{"left":0,"notOpen":["3"],"resolved":0,"unchanged":0}"#)
      #expect(server.host.openLetters == ["1"])
    }
  }

  @Test func `many letters are resolved by ids, by consumer and key, or all of them`() async throws {
    try await TestServer.run { server in
      server.host.consumers([reader("a", 1), reader("b", 2)])
      for (number, consumer) in ["a", "a", "b", "b", "b"].enumerated() {
        server.host.giveUp("\(number + 1)", on: number % 2 == 0 ? "x" : "y", of: consumer)
      }
      func resolve(_ verb: String, _ body: String) async throws -> ResolveReceipt {
        try await server.act("/dead-letters/\(verb)", body).decoded(ResolveReceipt.self)
      }
      let byID = try await resolve("retry", #"{"ids":["1","9.1","1"]}"#)
      #expect(byID == ResolveReceipt(resolved: 1, notOpen: ["9.1"]))
      #expect(try await resolve("discard", #"{"consumer":"b","key":"x"}"#) == ResolveReceipt(resolved: 2))
      #expect(server.host.openLetters == ["2", "4"])
      #expect(try await resolve("skip", #"{"consumer":"b"}"#) == ResolveReceipt(resolved: 1))
      #expect(try await resolve("skip", #"{"all":true}"#) == ResolveReceipt(resolved: 1, unchanged: 1))
      #expect(try await resolve("retry", #"{"all":true}"#) == ResolveReceipt(resolved: 2))
      let unknown = try await server.act("/dead-letters/retry", #"{"consumer":"nobody"}"#)
      #expect(unknown.status == 404 && unknown.text.contains("There are: a, b."))
    }
  }

  private static let ids = "[\"1\"" + String(repeating: ",\"1\"", count: 1000) + "]"

  @Test(arguments: [
    "", "{}", "[]", "1", #"{"ids":[]}"#, #"{"ids":[1]}"#, #"{"ids":["x"]}"#, #"{"ids":"1"}"#,
    #"{"ids":["1"],"all":true}"#,
    #"{"all":false}"#, #"{"all":"true"}"#, #"{"all":null}"#, #"{"key":"x"}"#, #"{"key":"x","all":true}"#,
    #"{"ids":["1"],"key":"x"}"#, #"{"consumer":1}"#, #"{"consumer":"hello","key":1}"#, #"{"consumer":["hello"]}"#,
    #"{"all":true,"al":true}"#, #"{"all":true,"all":true}"#, #"{"all":true,}"#, #"{"all":true} x"#, "{'all':true}",
    #"{"all":true,"by":1}"#, #"{"all":true,"by":""}"#, #"{"all":true,"by":"a\nb"}"#, #"{"ids":["1",{}]}"#,
    #"{"all":true,"by":"\#(String(repeating: "x", count: 129))"}"#, "{\"ids\":\(ids)}", "\u{FEFF}{\"all\":true}",
    #"{"ids":["1.4294967295"]}"#, String(repeating: "[", count: 100_000),
  ])
  func `a body that says nothing clear is refused, and nothing is done`(body: String) async throws {
    try await TestServer.run { server in
      server.host.giveUp("1")
      let answer = try await server.act("/dead-letters/discard", body)
      #expect(answer.status == 400, "\(answer.text)")
      #expect(answer.headers["content-type"] == "application/problem+json")
      #expect(server.host.openLetters == ["1"] && server.host.acts.isEmpty)
    }
  }

  @Test func `a refused body says what is wanted`() async throws {
    try await TestServer.run { server in
      let nothing = try await server.act("/dead-letters/discard", "{}").decoded(Problem.self)
      #expect(nothing.detail.contains(#"{"ids":["8123","8123.2"]}"#) && nothing.detail.contains(#"{"all":true}"#))
      let unknown = try await server.act("/dead-letters/1/retry", #"{"ids":["1"]}"#).decoded(Problem.self)
      #expect(unknown.kind == .badRequest && unknown.detail.contains("known are by"))
    }
  }

  @Test func `a body that is not JSON by its type, or too large, is not taken`() async throws {
    var limits = DoorLimits()
    limits.eventBytes = 1000
    try await TestServer.run(limits) { server in
      server.host.giveUp("1")
      for type in [
        "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/cloudevents+json",
      ] {
        let answer = try await server.request(
          "POST", "/dead-letters/discard", [("Content-Type", type)], body: Array(#"{"all":true}"#.utf8))
        #expect(answer.status == 415, "\(type)")
      }
      let untyped = try await server.request("POST", "/dead-letters/discard", body: Array(#"{"all":true}"#.utf8))
      #expect(untyped.status == 415)
      let large = try await server.act(
        "/dead-letters/discard", #"{"all":true,"by":"\#(String(repeating: "x", count: 2000))"}"#)
      #expect(large.status == 413)
      #expect(server.host.openLetters == ["1"])
    }
  }

  @Test(arguments: [
    (LetterOutcome.noSpace, ProblemKind.outOfSpace), (.readFailed("segment 1"), .readFailed),
    (.stopped(maybeIn: true), .stopping), (.stopped(maybeIn: false), .stopping),
  ])
  func `what keeps a verb from being done is said`(outcome: LetterOutcome, kind: ProblemKind) async throws {
    try await TestServer.run { server in
      server.host.giveUp("1")
      for path in ["/dead-letters/1/retry", "/dead-letters/retry"] {
        server.host.setUp { $0.letterOutcomes = [outcome] }
        let answer = try await server.act(path, path.contains("1") ? nil : #"{"all":true}"#)
        #expect(answer.status == kind.status && answer.problem == kind)
        #expect(!answer.text.contains("segment 1"))
      }
    }
  }

  // MARK: Addresses

  @Test func `a path that is written out is never an id`() async throws {
    try await TestServer.run { server in
      let get = try await server.get("/dead-letters/retry")
      #expect(get.status == 405 && get.headers["allow"] == "POST")
      #expect(try await server.act("/dead-letters/1").status == 405)
      #expect(try await server.act("/dead-letters").status == 405)
      #expect(try await server.act("/dead-letters/1/dance").status == 404)
      #expect(try await server.act("/dead-letters/1/1/retry").status == 404)
      #expect(try await server.act("/dead-letters//retry").status == 404)
      #expect(try await server.get("/dead-letters/").status == 404)
    }
  }
}

/// A consumer that runs.
func reader(_ name: String, _ number: UInt32 = 1, state: String = "running", cursor: UInt64 = 40) -> HostStatus.Reader {
  HostStatus.Reader(
    name: name, kind: "consumer", script: "\(name).lua", state: state, cursor: cursor, lag: 0, blockedKeys: 0,
    queued: 0,
    deadLetters: 0, number: number)
}
