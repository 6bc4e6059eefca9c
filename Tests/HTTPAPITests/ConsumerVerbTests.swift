import Engine
import Events
import Foundation
import HTTPTypes
import Testing
import Wire

@testable import HTTPAPI

struct `Verbs on consumers over HTTP` {
  private func receipt(_ server: TestServer, _ path: String, _ body: String? = nil) async throws -> ConsumerReceipt {
    let answer = try await server.act("/consumers/" + path, body)
    #expect(answer.status == 200, "\(answer.text)")
    return try answer.decoded(ConsumerReceipt.self)
  }

  @Test func `consumers are listed as the status lists them, with notes`() async throws {
    try await TestServer.run { server in
      var full = reader("full", 2, state: "full")
      full.note = "too much waits"
      server.host.consumers([reader("a"), full])
      let all = try await server.get("/consumers").decoded(ConsumerList.self).consumers
      #expect(all.map(\.name) == ["a", "full"] && all.map(\.note) == [nil, "too much waits"])
      #expect(try await server.get("/consumers/full").decoded(StatusReport.Consumer.self) == all[1])
      #expect(try await server.get("/status").decoded(StatusReport.self).consumers == all)
    }
  }

  @Test func `pause and resume say how it is now, and whether that is new`() async throws {
    try await TestServer.run { server async throws in
      #expect(
        try await server.act("/consumers/hello/pause").text
          == #"{"changed":true,"consumer":"hello","cursor":5,"droppedDeadLetters":0,"droppedEvents":0,"state":"paused"}"#)
      #expect(try await !receipt(server, "hello/pause", "{}").changed)
      #expect(try await server.get("/consumers/hello").decoded(StatusReport.Consumer.self).state == "paused")
      #expect(try await receipt(server, "hello/resume").state == "running")
      #expect(try await !receipt(server, "hello/resume").changed)
    }
  }

  @Test func `forget says what was dropped`() async throws {
    try await TestServer.run { server in
      server.host.giveUp("1")
      server.host.giveUp("2")
      let forgotten = try await receipt(server, "hello/forget")
      #expect(forgotten.droppedEvents == 4 && forgotten.droppedDeadLetters == 2 && forgotten.changed)
      #expect(try await !receipt(server, "hello/forget").changed)
    }
  }

  @Test func `a rewind goes to a position, or behind what was committed up to a time`() async throws {
    try await TestServer.run { server async throws in
      server.host.consumers([reader("a")])
      server.host.setUp { $0.times = [(1_767_225_600_000_000, Position(9)), (1_767_312_000_000_000, Position(20))] }
      #expect(try await receipt(server, "a/rewind", #"{"to":30}"#).cursor == 29)
      #expect(try await receipt(server, "a/rewind", #"{"to":"2026-01-02T00:00:00Z"}"#).cursor == 20)
      #expect(try await receipt(server, "a/rewind", #"{"to":"2026-01-01T23:59:59.999+00:00","dryRun":false}"#).cursor == 9)
      #expect(try await receipt(server, "a/rewind", #"{"to":"2025-12-31"}"#).cursor == 0)
    }
  }

  @Test func `a dry run counts and changes nothing`() async throws {
    try await TestServer.run { server in
      server.host.consumers([reader("a")])
      server.host.setUp { $0.times = [(1_767_225_600_000_000, Position(9))] }
      let report = try await server.act("/consumers/a/rewind", #"{"to":31,"dryRun":true}"#)
      #expect(report.text == #"{"consumer":"a","cursor":40,"effects":1,"events":10,"from":31}"#)
      let byTime = try await server.act("/consumers/a/rewind", #"{"to":"2026-01-31","dryRun":true}"#)
      #expect(try byTime.decoded(RewindReport.self).from == 10)
      #expect(server.host.previewed?.from == Position(10) && server.host.previewed?.cursor == Position(40))
      #expect(server.host.acts.isEmpty)
      #expect(try await server.get("/consumers/a").decoded(StatusReport.Consumer.self).cursor == 40)
    }
  }

  @Test(arguments: [#"{"to":41}"#, #"{"to":41,"dryRun":true}"#, #"{"to":9223372036854775807}"#])
  func `a rewind that goes ahead is refused, dry or not`(body: String) async throws {
    try await TestServer.run { server in
      server.host.consumers([reader("a")])
      let answer = try await server.act("/consumers/a/rewind", body)
      #expect(answer.status == 409)
      let problem = try answer.decoded(Problem.self)
      #expect(problem.kind == .refused && problem.detail == "A has read up to 40: a rewind goes back, to a position up to 40.")
    }
  }

  @Test func `a consumer that is not declared is not rewound, dry or not`() async throws {
    try await TestServer.run { server async throws in
      server.host.consumers([reader("a", state: "removed")])
      for body in [#"{"to":1}"#, #"{"to":1,"dryRun":true}"#] {
        #expect(try await server.act("/consumers/a/rewind", body).status == 409)
      }
    }
  }

  @Test(arguments: [
    "", "{}", #"{"to":0}"#, #"{"to":-1}"#, #"{"to":1.0}"#, #"{"to":1e3}"#, #"{"to":"1"}"#, #"{"to":"now"}"#, #"{"to":null}"#,
    #"{"to":[1]}"#, #"{"to":true}"#, #"{"to":18446744073709551616}"#, #"{"to":9223372036854775808}"#,
    #"{"to":1,"dryRun":1}"#, #"{"to":1,"dryRun":"true"}"#, #"{"to":1,"dry_run":true}"#, #"{"to":1,"to":2}"#,
    #"{"to":"2026-02-30T00:00:00Z"}"#, #"{"to":"2026-01-31T12:00:00"}"#, #"{"to":1,"by":" \u0000"}"#,
    #"{"to":1,"by":["anna"]}"#, "{\"to\":\"2026-01-31\u{0}\"}", "null", "\"to\"",
  ])
  func `a rewind that says nothing clear is refused, and nothing is done`(body: String) async throws {
    try await TestServer.run { server in
      let answer = try await server.act("/consumers/hello/rewind", body)
      #expect(answer.status == 400, "\(answer.text)")
      #expect(server.host.acts.isEmpty)
    }
  }

  @Test func `a name that is not known is answered with the one that was probably meant`() async throws {
    try await TestServer.run { server in
      server.host.consumers([reader("loyalty"), reader("stock", 2)])
      for path in ["pause", "resume", "forget", "rewind"] {
        let answer = try await server.act("/consumers/loyalti/\(path)", path == "rewind" ? #"{"to":1}"# : nil)
        #expect(answer.status == 404)
        #expect(try answer.decoded(Problem.self).detail == #"There is no consumer "loyalti". Did you mean "loyalty"?"#)
      }
      let dry = try await server.act("/consumers/loyalti/rewind", #"{"to":1,"dryRun":true}"#)
      #expect(dry.status == 404)
      let far = try await server.get("/consumers/nothing-like-it")
      #expect(far.status == 404 && far.text.contains("There are: loyalty, stock."))
      let hostile = try await server.get("/consumers/a%0D%0Ab%1B")
      #expect(hostile.status == 404 && !hostile.text.contains("\\u001b"))
      server.host.consumers([])
      #expect(try await server.get("/consumers/x").text.contains("No script declares one."))
    }
  }

  @Test(arguments: ["üben/😀 100 %", "a/b/pause", "..", "a?b#c", "pause"])
  func `any name of a consumer has an address`(name: String) async throws {
    let encoded = name.utf8.map { "%" + String(Int($0) + 0x100, radix: 16).suffix(2) }.joined()
    try await TestServer.run { server async throws in
      server.host.consumers([reader(name)])
      #expect(try await receipt(server, "\(encoded)/pause").consumer == name)
      #expect(try await server.get("/consumers/\(encoded)").decoded(StatusReport.Consumer.self).state == "paused")
    }
  }

  @Test func `two spellings of one character are two names`() async throws {
    try await TestServer.run { server async throws in
      server.host.consumers([reader("\u{E9}")])
      #expect(try await server.get("/consumers/%C3%A9").status == 200)
      #expect(try await server.get("/consumers/e%CC%81").status == 404)
    }
  }

  @Test(arguments: [
    (ReaderOutcome.noSpace, ProblemKind.outOfSpace), (.stopped(maybeIn: true), .stopping),
    (.stopped(maybeIn: false), .stopping), (.refused("not now"), .refused), (.unknown, .notFound),
  ])
  func `what keeps a verb from being done is said`(outcome: ReaderOutcome, kind: ProblemKind) async throws {
    try await TestServer.run { server in
      for path in ["pause", "resume", "forget", "rewind"] {
        server.host.setUp { $0.readerOutcomes = [outcome] }
        let answer = try await server.act("/consumers/hello/\(path)", path == "rewind" ? #"{"to":1}"# : nil)
        #expect(answer.status == kind.status && answer.problem == kind)
        if kind == .outOfSpace { #expect(answer.headers["retry-after"] == "10") }
      }
    }
  }

  @Test func `verbs come in while the door takes no events`() async throws {
    try await TestServer.run { server async throws in
      server.host.isOverloaded = true
      #expect(try await server.act("/consumers/hello/pause").status == 200)
    }
  }

  @Test func `a body that is announced and waits for an invitation is invited`() async throws {
    try await TestServer.run { server in
      let port = server.port
      let responses = try await offPool {
        let client = try RawClient(port: port)
        let headers = [("Content-Type", "application/json"), ("Expect", "100-continue")]
        try client.send(TestServer.head("POST", "/consumers/hello/pause", headers, length: 2, port: port))
        let invitation = try client.response()
        try client.send("{}")
        return [invitation?.status, try client.response()?.status]
      }
      #expect(responses == [100, 200])
    }
  }

  // MARK: Who acts

  private static let tokens = """
    append,read,admin all-token-0123456789 anna
    # a comment
    admin\tother-token-0123456789
    read read-token-0123456789 bert
    """

  @Test func `without tokens whoever acts is local, and may say more`() async throws {
    try await TestServer.run { server in
      server.host.giveUp("1")
      _ = try await server.act("/consumers/hello/pause")
      _ = try await server.act("/consumers/hello/resume", #"{"by":"anna"}"#)
      _ = try await server.act("/dead-letters/1/retry", #"{"by":"\u00FCmit (night shift)"}"#)
      _ = try await server.act("/dead-letters/retry", #"{"all":true,"by":"\#(String(repeating: "x", count: 128))"}"#)
      #expect(
        server.host.acts.map(\.by) == [
          "local", "local (anna)", "local (ümit (night shift))", "local (\(String(repeating: "x", count: 128)))",
        ])
    }
  }

  @Test func `with tokens it is the name of the token, else its line`() async throws {
    try await TestServer.run(tokens: TokenList(text: Self.tokens)) { server in
      let named = ("Authorization", "Bearer all-token-0123456789")
      let unnamed = ("Authorization", "bearer other-token-0123456789")
      _ = try await server.act("/consumers/hello/pause", nil, [named])
      _ = try await server.act("/consumers/hello/resume", #"{"by":"night shift"}"#, [named])
      _ = try await server.act("/consumers/hello/pause", nil, [unnamed])
      #expect(server.host.acts.map(\.by) == ["anna", "anna (night shift)", "token 3"])
    }
  }

  @Test func `changes need the scope admin, lists the scope read`() async throws {
    try await TestServer.run(tokens: TokenList(text: Self.tokens)) { server async throws in
      let read = ("Authorization", "Bearer read-token-0123456789")
      let admin = ("Authorization", "Bearer other-token-0123456789")
      for operation in Operation.allCases where operation.changes || "\(operation)".contains("onsumer") {
        let path = operation.path.replacing("{name}", with: "hello").replacing("{id}", with: "1")
        let body: String? = operation == .rewindConsumer ? #"{"to":1,"dryRun":true}"# : nil
        func status(_ headers: [(String, String)]) async throws -> Int {
          operation.method == .get
            ? try await server.get(path, headers).status : try await server.act(path, body, headers).status
        }
        #expect(try await status([]) == 401, "\(operation)")
        #expect(try await (status([read]) == 403) == operation.changes, "\(operation)")
        #expect(try await (status([admin]) == 403) == !operation.changes, "\(operation)")
      }
      #expect(try await server.get("/dead-letters", [read]).status == 200)
      #expect(try await server.get("/dead-letters", [admin]).status == 403)
    }
  }

  @Test func `no web page acts`() async throws {
    try await TestServer.run { server async throws in
      for headers in [[("Origin", "http://evil.example")], [("Sec-Fetch-Site", "cross-site")], [("Host", "evil.example")]] {
        #expect(try await server.act("/consumers/hello/forget", "{}", headers).status == 403)
      }
      #expect(server.host.acts.isEmpty)
    }
  }
}
