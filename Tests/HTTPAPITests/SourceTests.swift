import Engine
import Events
import Synchronization
import Testing
import Wire

@testable import HTTPAPI
@testable import Scripts

/// Sources as the door sees them.
private final class MemoryIntake: RequestIntake {
  let received = Mutex<[IncomingRequest]>([])
  let outcome = Mutex(IntakeOutcome.nothing)

  func gate(at path: String) -> IntakeGate? { path == "psp" ? .verified : path == "open" ? .open : nil }

  func receive(_ request: IncomingRequest, at path: String) async -> IntakeOutcome {
    received.withLock { $0.append(request) }
    return outcome.withLock { $0 }
  }

  func sources() async -> [SourceStatus] {
    var status = SourceStatus(
      SourceDeclaration(
        name: "p", file: "a.lua", line: 1, place: .http(.init(path: "psp", verification: nil, line: 1))))
    (status.received, status.error) = (3, "no")
    return [status]
  }
}

struct `Requests to sources` {
  private func run(
    _ outcome: IntakeOutcome = .nothing, limits: DoorLimits = DoorLimits(), tokens: TokenList? = nil,
    _ body: (TestServer, MemoryIntake) async throws -> Void
  ) async throws {
    let intake = MemoryIntake()
    intake.outcome.withLock { $0 = outcome }
    try await TestServer.run(limits, tokens: tokens, sources: intake) { try await body($0, intake) }
  }

  private func post(
    _ server: TestServer, _ path: String = "/in/psp", _ headers: [(String, String)] = [], _ body: String = "{}"
  ) async throws -> RawClient.Response {
    try await server.request("POST", path, headers, body: Array(body.utf8))
  }

  @Test func `the source gets the whole request`() async throws {
    try await run { (server, intake) async throws in
      let answer = try await post(
        server, "/in/psp?a=1&b=x%20y&a", [("X-One", "1"), ("x-one", "2"), ("Content-Type", "text/plain")], "raw ä")
      #expect(answer.status == 204 && answer.body.isEmpty)
      let request = try #require(intake.received.withLock { $0.first })
      #expect((request.method, request.path, request.body.text) == ("POST", "/in/psp", "raw ä"))
      #expect(request.query.map { "\($0.name)=\($0.value)" } == ["a=1", "b=x y", "a="])
      #expect(request.header("x-one") == "1, 2" && request.header("content-type") == "text/plain")
    }
  }

  private static let outcomes: [(IntakeOutcome, Int)] = [
    (.nothing, 204), (.unknown, 404), (.unverified, 401), (.malformed("x"), 400), (.failed, 500), (.overloaded, 503),
    (.appended(.appended(first: Position(4), last: Position(5), count: 2, duplicates: 1), count: 2), 201),
    (.appended(.appended(first: Position(4), last: Position(5), count: 2, duplicates: 2), count: 2), 200),
    (.appended(.conflict(index: 0, position: Position(4)), count: 1), 409), (.appended(.noSpace, count: 1), 507),
    (.appended(.stopped(maybeIn: true), count: 1), 503), (.appended(.tooLarge(limit: 9), count: 1), 413),
    (
      .contractBroken(
        .init(index: 0, type: "T", violation: SchemaViolation(path: "data.n", what: "is no number"))), 422
    ),
  ]

  @Test func `every outcome has a status of its own`() async throws {
    for (outcome, status) in Self.outcomes {
      try await run(outcome) { (server, _) async throws in
        let answer = try await post(server)
        #expect(answer.status == status, "\(outcome)")
        if status == 201 { #expect(answer.text == #"{"first":4,"last":5,"count":2,"duplicates":1}"#) }
        if status == 401 { #expect(answer.problem == .unverified) }
        if status >= 400 { #expect(Operation.receive.problems.contains(status)) }
      }
    }
  }

  @Test func `a verified source needs no token and no name of this host; everything else does`() async throws {
    let tokens = try TokenList(text: "append,read,admin 0123456789abcdef0123")
    try await run(tokens: tokens) { (server, intake) async throws in
      #expect(try await post(server, "/in/psp", [("Host", "hooks.example.com")]).status == 204)
      #expect(try await post(server, "/in/open").status == 204)
      #expect(try await post(server, "/in/open", [("Host", "hooks.example.com")]).status == 403)
      #expect(try await post(server, "/in/open", [("Origin", "https://evil.example")]).status == 403)
      #expect(try await post(server, "/in/nobody").status == 404)
      #expect(try await post(server, "/in/psp/more").status == 401)
      #expect(try await server.get("/sources").status == 401)
      #expect(try await server.get("/in/psp").status == 401)
      #expect(intake.received.withLock { $0.count } == 2)
    }
  }

  @Test func `too much is refused before the source sees it`() async throws {
    var limits = DoorLimits()
    limits.eventBytes = 100
    try await run(limits: limits) { (server, intake) async throws in
      let answer = try await post(server, "/in/psp", [], String(repeating: "x", count: 101))
      #expect(answer.status == 413)
      #expect(intake.received.withLock { $0.isEmpty })
      server.host.isOverloaded = true
      #expect(try await post(server).status == 503)
    }
  }

  @Test func `sources are listed`() async throws {
    try await run { (server, _) async throws in
      let list = try await server.get("/sources").decoded(SourceList.self)
      #expect(list.sources.map(\.name) == ["p"] && list.sources[0].received == 3 && list.sources[0].error == "no")
      #expect(list.sources[0].place == "http POST /in/psp, not verified")
    }
  }
}
