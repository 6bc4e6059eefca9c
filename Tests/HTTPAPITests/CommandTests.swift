import Engine
import Events
import Synchronization
import Testing
import Wire

@testable import HTTPAPI

struct `Commands over HTTP` {
  private func send(
    _ server: TestServer, _ outcome: CommandOutcome?, _ body: String = #"{"to":"account-1","data":{"amount":20}}"#,
    path: String = "/commands/Withdraw"
  ) async throws -> RawClient.Response {
    if let outcome { server.host.commands.withLock { $0.outcomes = [outcome] } }
    return try await server.request("POST", path, [("Content-Type", "application/json")], body: Array(body.utf8))
  }

  @Test func `an accepted command is answered with its events`() async throws {
    try await TestServer.run { server in
      server.host.append("Deposited", subject: "account-1")
      server.host.append("Withdraw", subject: "account-1", kind: .command)
      server.host.append("Withdrawn", subject: "account-1", data: #"{"amount":20}"#, cause: 2)
      server.host.append("Audit", subject: "account-1", kind: .command, cause: 2)
      let answer = try await send(server, .accepted(position: Position(2), first: Position(3), count: 2))
      #expect(answer.status == 200)
      #expect(answer.text.hasPrefix(#"{"position":2,"events":[{"#))
      let events = try #require(try answer.json()["events"] as? [[String: Any]])
      #expect(events.map { $0["type"] as? String } == ["Withdrawn"])
      let sent = try #require(server.host.commands.withLock { $0.sent.first }).entry(0)
      #expect(sent.rawKind == RecordKind.command.rawValue)
      #expect((sent.type.text, sent.subject.text, sent.data.text) == ("Withdraw", "account-1", #"{"amount":20}"#))
    }
  }

  @Test func `a command that makes no events is accepted too`() async throws {
    try await TestServer.run { server in
      let answer = try await send(server, .accepted(position: Position(2), first: .start, count: 0))
      #expect(answer.text == #"{"position":2,"events":[]}"#)
    }
  }

  @Test func `a rejection is 422 with the reason`() async throws {
    try await TestServer.run { server in
      let answer = try await send(server, .rejected(position: Position(7), reason: "insufficient funds"))
      #expect(answer.status == 422)
      let problem = try answer.decoded(Problem.self)
      #expect(problem.kind == .rejected && problem.detail == "insufficient funds" && problem.position == 7)
    }
  }

  @Test func `a command that is not decided in time is 202 with its position`() async throws {
    try await TestServer.run { server in
      let pending = try await send(
        server, .pending(position: Position(7), letter: nil), path: "/commands/Withdraw?wait=500ms")
      #expect(pending.status == 202)
      #expect(pending.text == #"{"position":7,"state":"pending"}"#)
      let dead = try await send(server, .pending(position: Position(7), letter: LetterID(commit: 8, index: 1)))
      #expect(dead.text == #"{"deadLetter":"8.1","position":7,"state":"dead-letter"}"#)
      #expect(server.host.commands.withLock { $0.waits } == [.milliseconds(500), .seconds(10)])
    }
  }

  @Test func `the same command again is answered from the log`() async throws {
    try await TestServer.run { server in
      server.host.commands.withLock { $0.decided[Position(7)] = .rejected(position: Position(7), reason: "no") }
      let body = #"{"to":"a","id":"1","source":"till"}"#
      let answer = try await send(server, .decidedBefore(position: Position(7)), body)
      #expect(answer.status == 422)
      #expect(try answer.decoded(Problem.self).detail == "no")
      let sent = try #require(server.host.commands.withLock { $0.sent.first })
      #expect(sent.infos[0].identityHash != 0)
      #expect(sent.entry(0).data.text == "{}")
    }
  }

  @Test func `a command that nobody owns names the one that was meant`() async throws {
    try await TestServer.run { server in
      let answer = try await send(server, .unowned(near: "Withdraw (aggregate account)"), path: "/commands/Witdraw")
      #expect(answer.status == 404)
      #expect(
        try answer.decoded(Problem.self).detail
          == "No aggregate owns the command Witdraw. Did you mean Withdraw (aggregate account)?")
    }
  }

  @Test(arguments: [
    (#"{"data":{}}"#, 400), (#"{"to":""}"#, 400), (#"{"to":7}"#, 400), (#"{"to":"a","id":"1"}"#, 400),
    (#"{"to":"a","subject":"a"}"#, 400), (#"{"to":"a","id":"","source":"s"}"#, 400), (#"["a"]"#, 400), ("{", 400),
  ])
  func `what is no command is refused before it reaches the engine`(body: String, status: Int) async throws {
    try await TestServer.run { server in
      let answer = try await send(server, nil, body)
      #expect(answer.status == status)
      #expect(server.host.commands.withLock { $0.sent.isEmpty })
    }
  }

  @Test(arguments: [
    (CommandOutcome.conflict(position: Position(3)), 409), (.tooLarge(limit: 9), 413), (.overloaded, 503),
    (.noSpace, 507), (.stopped(maybeIn: true), 503), (.stopped(maybeIn: false), 503), (.readFailed("x"), 500),
    (.discarded(position: Position(3)), 422),
  ])
  func `what keeps a command from its outcome has a status of its own`(outcome: CommandOutcome, status: Int)
    async throws
  {
    try await TestServer.run { server in
      let answer = try await send(server, outcome)
      #expect(answer.status == status)
    }
  }

  @Test func `data are stored as they stand`() async throws {
    try await TestServer.run { server in
      for data in [#"{"a": 1.50}"#, "[1, 2]", #""text \"q\"""#, "1e3", "true", "null"] {
        _ = try await send(server, .overloaded, #"{"to":"a","data":\#(data)}"#)
      }
      let sent = server.host.commands.withLock { $0.sent.map { $0.entry(0).data.text } }
      #expect(sent == [#"{"a": 1.50}"#, "[1, 2]", #""text \"q\"""#, "1e3", "true", "null"])
    }
  }

  // MARK: states

  @Test func `a state at a position says how it was found`() async throws {
    try await TestServer.run { server in
      for _ in 0..<9 { server.host.append("A") }
      let report = SubjectReport(
        state: Array(#"{"balance":80}"#.utf8), position: Position(5), kept: Position(3), events: 2)
      server.host.commands.withLock { $0.states = [.found(report), .failed("a.lua:3: no")] }
      let answer = try await server.get("/aggregates/account?subject=account-1&at=5")
      #expect(answer.status == 200)
      #expect(
        answer.text
          == #"{"aggregate":"account","subject":"account-1","position":5,"state":{"balance":80},"keptAt":3,"folded":2}"#
      )
      #expect(try await server.get("/aggregates/account?subject=account-1&at=5000").status == 409)
      #expect(server.host.commands.withLock { $0.asked } == ["account account-1 5", "account account-1 9"])
    }
  }

  @Test func `a state that cannot be asked for says why`() async throws {
    try await TestServer.run { server in
      #expect(try await server.get("/aggregates/account").status == 400)
      #expect(try await server.get("/aggregates/account?subject=a&at=yesterday").status == 400)
      let unknown = try await server.get("/aggregates/acount?subject=a")
      #expect(unknown.status == 404)
      #expect(
        try unknown.decoded(Problem.self).detail == "There is no aggregate of this name. Did you mean \"account\"?")
    }
  }
}
