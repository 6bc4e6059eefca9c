import Delivery
import Engine
import Events
import Scripts
import TestKit
import Testing

/// Requests to sources, with a real engine behind them.
struct IntakeTests {
  private static let scripts = """
    contract "Paid" { schema = { amount = "number" } }
    source "psp" {
      http = "psp", verify = { scheme = "token", header = "x-token", secret = env "TOKEN" },
      event = function(request)
        local body = request.body
        if body.skip then return nil end
        if body.fail then error("no " .. body.fail) end
        if body.spin then while true do end end
        local events = {}
        for i, amount in ipairs(body.amounts or {}) do
          events[i] = { type = "Paid", subject = body.order, id = body.id .. "-" .. i, data = { amount = amount } }
        end
        return array(events)
      end,
    }
    source "open" { http = "open", verify = false, event = function(request) return { type = "Seen", id = 1 } end }
    """

  private func send(_ world: IntakeWorld, _ json: String, token: String = "secret") async -> IntakeOutcome {
    await world.intake.receive(
      IncomingRequest(
        path: "/in/psp", headers: [("content-type", "application/json"), ("x-token", token)], body: Array(json.utf8)),
      at: "psp")
  }

  private func run(_ environment: [String: String] = ["TOKEN": "secret"], _ body: (IntakeWorld) async throws -> Void)
    async throws
  {
    let folder = TemporaryFolder()
    let world = try await IntakeWorld(Self.scripts, in: folder, environment: environment)
    try await body(world)
    try await world.stop()
  }

  @Test func `events of a request are in once, however often it comes`() async throws {
    try await run { (world) async throws in
      let request = #"{"order":"o-1","id":"e","amounts":[1,2.5]}"#
      for round in 0..<3 {
        guard case .appended(.appended(_, _, 2, let duplicates), 2) = await send(world, request) else {
          Issue.record("round \(round) was not appended")
          return
        }
        #expect(duplicates == (round == 0 ? 0 : 2))
      }
      let events = try world.events()
      #expect(
        events.map { "\($0.type) \($0.subject) \($0.data) \($0.source) \($0.id)" } == [
          #"Paid o-1 {"amount":1} psp e-1"#, #"Paid o-1 {"amount":2.5} psp e-2"#,
        ])
      let status = await world.status("psp")
      #expect(status?.received == 3 && status?.duplicates == 2 && status?.failed == 0 && status?.error == nil)
    }
  }

  @Test func `who does not know the secret gets nothing in, and the function is not called`() async throws {
    try await run { (world) async throws in
      #expect(await send(world, #"{"fail":"called"}"#, token: "wrong") == .unverified)
      #expect(await world.status("psp")?.failed == 1)
      #expect(!world.told.contains { $0.contains("called") || $0.contains("secret") })
    }
    try await run([:]) { (world) async throws in
      #expect(await send(world, "{}") == .failed)
      #expect(world.told.contains { $0.contains("{env:TOKEN} is not set") })
    }
  }

  @Test func `each way in which a request is no event has an outcome of its own`() async throws {
    try await run { (world) async throws in
      #expect(await send(world, #"{"skip":true}"#) == .nothing)
      #expect(await send(world, #"{"amounts":[]}"#) == .nothing)
      #expect(await send(world, #"{"fail":"luck"}"#) == .failed)
      #expect(world.told.contains { $0.hasPrefix("error psp a.lua:7: no luck") })
      guard case .malformed = await send(world, "{") else {
        Issue.record("half a document was taken")
        return
      }
      guard case .contractBroken = await send(world, #"{"order":"o","id":"e","amounts":[1,"x"]}"#) else {
        Issue.record("a contract was broken and nobody minded")
        return
      }
      #expect(try world.events().isEmpty)
      guard case .appended(.appended, 1) = await send(world, #"{"order":"o","id":"e","amounts":[1]}"#),
        case .appended(.conflict, _) = await send(world, #"{"order":"o","id":"e","amounts":[2]}"#)
      else {
        Issue.record("another event took the id")
        return
      }
      #expect(await world.intake.receive(IncomingRequest(path: "/in/x", body: []), at: "x") == .unknown)
    }
  }

  @Test func `a function that does not end harms no other request`() async throws {
    try await run { (world) async throws in
      async let spinning = send(world, #"{"spin":true}"#)
      async let other = send(world, #"{"order":"o","id":"e","amounts":[1]}"#)
      #expect(await spinning == .failed)
      guard case .appended(.appended, 1) = await other else {
        Issue.record("the other request was not appended")
        return
      }
      guard case .appended(.appended, 1) = await send(world, #"{"order":"o","id":"f","amounts":[1]}"#) else {
        Issue.record("the next request was not appended")
        return
      }
    }
  }

  @Test func `a deploy changes who listens and what is made of requests`() async throws {
    try await run { (world) async throws in
      #expect(world.intake.gate(at: "psp") == .verified && world.intake.gate(at: "open") == .open)
      try await world.deploy(
        "source \"new\" { http = \"open\", verify = false, event = function() return { type = \"Other\", id = 1 } end }"
      )
      #expect(world.intake.gate(at: "psp") == nil)
      guard
        case .appended(.appended, 1) = await world.intake.receive(
          IncomingRequest(path: "/in/open", body: []), at: "open")
      else {
        Issue.record("the new source takes nothing")
        return
      }
      #expect(try world.events().map { "\($0.type) \($0.source)" } == ["Other new"])
      #expect(await world.intake.sources().map(\.name) == ["new"])
    }
  }
}
