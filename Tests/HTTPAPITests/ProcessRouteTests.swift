import Events
import Foundation
import Synchronization
import Testing
import Wire

@testable import Engine
@testable import HTTPAPI

struct `Instances of processes over HTTP` {
  private static func report(
    _ key: KeyBytes, _ place: UInt64, of process: String = "checkout", generation: UInt32 = 3,
    state: ProcessReport.State = .waiting
  ) -> ProcessReport {
    var wait = ProcessInstance.Wait(kind: .events, since: 1_767_225_600_000_000)
    wait.types = ["Paid"]
    wait.deadline = 1_767_225_630_000_000
    var instance = ProcessInstance(generation: generation, start: place, wait: wait)
    instance.steps = [ProcessStep(kind: .start, position: place, now: 0, effects: 0, digest: 0)]
    instance.compensations = [7, 5]
    var report = ProcessReport(
      process: process, key: key, instance: instance, state: state,
      place: ProcessReport.Place(place: place, keyHash: 1, reader: 1))
    if state == .stuck { report.failure = LetterID("9.0") }
    return report
  }

  /// A host with the processes checkout and returns, and these instances.
  private static func host(_ reports: [ProcessReport] = [report(KeyBytes("order-1"), 5)]) -> MemoryHost {
    let host = MemoryHost()
    host.instances.withLock { state in
      for (index, name) in ["checkout", "returns"].enumerated() {
        state.control.readers.append(
          ReaderState(number: UInt32(index + 1), kind: .process, name: name, cursor: 0, hearing: [], keyRule: ""))
      }
      state.control.generation = 3
      state.reports = reports
    }
    host.consumers(
      ["checkout", "returns"].map {
        HostStatus.Reader(
          name: $0, kind: "process", script: "a.lua", state: "running", cursor: 5, lag: 0, blockedKeys: 0, queued: 0,
          deadLetters: 0)
      })
    return host
  }

  /// The data of what tells instances something, in order.
  private static func told(_ host: MemoryHost) throws -> [[String: String]] {
    var told: [[String: String]] = []
    guard host.durable.rawValue > 0 else { return [] }
    try host.visit(from: Position(1), through: host.durable) { entry, _, _ in
      var data = (try? JSONDecoder().decode([String: String].self, from: Data(entry.data))) ?? [:]
      data["type"] = entry.type.text
      data["subject"] = entry.subject.text
      data["for"] = entry.replyAddress.map { "\($0.reader) \($0.key.map { KeyBytes($0).description } ?? "#")" }
      told.append(data)
      return true
    }
    return told
  }

  private static func encoded(_ text: String) -> String {
    text.utf8.map { "%" + String(Int($0) + 0x100, radix: 16).suffix(2) }.joined()
  }

  // MARK: reading

  @Test func `the list has every process counted, and pages of instances`() async throws {
    let reports = (1...5).map { Self.report(KeyBytes("order-\($0)"), UInt64($0)) }
    try await TestServer.run(host: Self.host(reports)) { server in
      let first = try await server.get("/processes?limit=3").decoded(ProcessList.self)
      #expect(first.processes.map(\.name) == ["checkout", "returns"])
      #expect(first.instances.map(\.key) == ["order-1", "order-2", "order-3"])
      let next = try #require(first.next)
      let second = try await server.get("/processes?limit=3&after=\(next)").decoded(ProcessList.self)
      #expect(second.instances.map(\.key) == ["order-4", "order-5"] && second.next == nil)
      let one = try #require(second.instances.first)
      #expect(one.process == "checkout" && one.state == "waiting" && one.version == 3 && one.steps == 1)
      #expect(
        one.waitsFor
          == ProcessList.Wait(
            kind: "events", types: ["Paid"], since: "2026-01-01T00:00:00.000000Z",
            deadline: "2026-01-01T00:00:30.000000Z"))
      #expect(one.compensations == [7, 5])
    }
  }

  @Test func `the list goes by process, state and version`() async throws {
    let reports = [
      Self.report(KeyBytes("a"), 1), Self.report(KeyBytes("b"), 2, of: "returns"),
      Self.report(KeyBytes("c"), 3, generation: 2), Self.report(KeyBytes("d"), 4, state: .stuck),
    ]
    try await TestServer.run(host: Self.host(reports)) { server in
      for (query, keys) in [
        ("process=returns", ["b"]), ("state=stuck", ["d"]), ("version=2", ["c"]),
        ("process=checkout&state=waiting&version=3", ["a"]), ("state=retrying", []),
      ] {
        let list = try await server.get("/processes?\(query)").decoded(ProcessList.self)
        #expect(list.instances.map(\.key) == keys, "\(query)")
      }
      let stuck = try await server.get("/processes?state=stuck").decoded(ProcessList.self).instances.first
      #expect(stuck?.deadLetter == "9")
      let unsaid = try #require(server.host.instances.withLock { $0.asked.first })
      #expect(unsaid.limit == 100 && unsaid.after == nil)
    }
  }

  @Test(arguments: [
    "limit=0", "limit=1001", "limit=x", "state=dead", "version=0", "version=4294967296", "after=x", "after=1.2",
    "from=1", "limit=1&limit=2",
  ])
  func `a query that means nothing is refused`(query: String) async throws {
    try await TestServer.run(host: Self.host()) { server in
      let answer = try await server.get("/processes?\(query)")
      #expect(answer.status == 400 && answer.problem == .badRequest, "\(answer.text)")
      #expect(server.host.instances.withLock { $0.asked.isEmpty })
    }
  }

  @Test func `one instance is told with its steps`() async throws {
    let host = Self.host()
    let order = ProcessTimeline.Entry(
      position: Position(5), kind: "event", type: "OrderPlaced", about: "order-1", time: 1_767_225_600_000_000)
    var step = ProcessTimeline.Step(number: 1, kind: .start, heard: order, time: 1_767_225_600_000_000)
    step.effects = [
      ProcessTimeline.Entry(
        position: Position(6), kind: "command", type: "Reserve", about: "stock", time: 1_767_225_600_000_000)
    ]
    let steps = [step]
    host.instances.withLock { $0.steps = steps }
    try await TestServer.run(host: host) { server in
      let shown = try await server.get("/processes/checkout/order-1").decoded(ProcessTimelineReport.self)
      #expect(shown.instance.key == "order-1" && shown.omitted == 0 && shown.mailbox.isEmpty)
      #expect(shown.steps.map(\.kind) == ["start"] && shown.steps.first?.heard?.type == "OrderPlaced")
      #expect(
        shown.steps.first?.made.map { "\($0.position) \($0.kind) \($0.type) \($0.about)" } == [
          "6 command Reserve stock"
        ])
    }
  }

  @Test func `a name that is not known is answered with the one that was probably meant, a key with where to look`()
    async throws
  {
    try await TestServer.run(host: Self.host()) { server in
      for path in ["", "/cancel", "/move", "/retry"] {
        let address = "/processes/chekout/order-1\(path)"
        let answer = path.isEmpty ? try await server.get(address) : try await server.act(address)
        #expect(answer.status == 404, "\(path)")
        #expect(
          try answer.decoded(Problem.self).detail == #"There is no process "chekout". Did you mean "checkout"?"#,
          "\(path)")
      }
      for path in ["", "/cancel", "/move"] {
        let address = "/processes/checkout/order-2\(path)"
        let answer = path.isEmpty ? try await server.get(address) : try await server.act(address)
        #expect(
          answer.status == 404 && answer.text.contains("No instance of \\\"checkout\\\" runs for this key"), "\(path)")
      }
      // What could not begin is retried by its key, and no instance runs for it.
      let retried = try await server.act("/processes/checkout/order-2/retry")
      #expect(try retried.decoded(ResolveReceipt.self) == ResolveReceipt())
      #expect(try await server.get("/processes?process=chekout").status == 404)
      let moved = try await server.act("/processes/move", #"{"process":"chekout"}"#)
      #expect(moved.status == 404)
      let hostile = try await server.get("/processes/a%0D%0Ab%1B/x")
      #expect(hostile.status == 404 && !hostile.text.contains("\\u001b"))
      #expect(try Self.told(server.host).isEmpty)
    }
  }

  @Test(arguments: [
    "üben/😀 100 %", "a/cancel", "a/retry", "cancel", "..", "a?b#c", "move", "a+b", "50%25", "/", "e\u{301}",
  ])
  func `any key has an address`(key: String) async throws {
    let reports = [Self.report(KeyBytes(key), 5), Self.report(KeyBytes("another"), 6)]
    try await TestServer.run(host: Self.host(reports)) { server in
      let path = "/processes/checkout/\(Self.encoded(key))"
      let shown = try await server.get(path).decoded(ProcessTimelineReport.self)
      #expect(shown.instance.key == key)
      #expect(try await server.act(path + "/cancel").status == 200)
      #expect(try Self.told(server.host).map { $0["for"] } == ["1 \(key)"])
    }
  }

  @Test func `an instance without a key goes by its start, one with such a key by that`() async throws {
    let reports = [Self.report(.own(Position(12)), 5), Self.report(KeyBytes("#13"), 6)]
    try await TestServer.run(host: Self.host(reports)) { server in
      for key in ["#12", "#13"] {
        let shown = try await server.get("/processes/checkout/\(Self.encoded(key))").decoded(ProcessTimelineReport.self)
        #expect(shown.instance.key == key)
      }
      server.host.giveUp("1", on: "#13", of: "checkout")
      let retried = try await server.act("/processes/checkout/%2313/retry").decoded(ResolveReceipt.self)
      #expect(retried.resolved == 1 && server.host.openLetters.isEmpty)
    }
  }

  @Test(arguments: ["/processes/checkout/%ff", "/processes/checkout/a%2", "/processes/%c3%28/a"])
  func `a path that is no text is refused`(path: String) async throws {
    try await TestServer.run(host: Self.host()) { server in
      let answer = try await server.get(path)
      #expect(answer.status == 400 && answer.problem == .badRequest)
    }
  }

  @Test func `reads that fail say so`() async throws {
    let host = Self.host()
    host.failReads(with: MemoryHost.ReadError())
    try await TestServer.run(host: host) { server in
      for path in ["/processes", "/processes/checkout/order-1"] {
        let answer = try await server.get(path)
        #expect(answer.status == 500 && answer.problem == .readFailed)
      }
      #expect(try await server.act("/processes/checkout/order-1/cancel").status == 500)
    }
  }

  // MARK: verbs

  @Test func `an instance is cancelled with a rollback, without one, and moved, by an event that it hears`()
    async throws
  {
    try await TestServer.run(host: Self.host()) { server in
      let path = "/processes/checkout/order-1"
      for (verb, body) in [
        ("cancel", nil), ("cancel", #"{"rollback":true,"by":"anna"}"#), ("cancel", #"{"rollback":false}"#),
        ("move", nil), ("move", "{}"),
      ] as [(String, String?)] {
        let receipt = try await server.act("\(path)/\(verb)", body).decoded(ProcessReceipt.self)
        #expect(receipt.told == 1 && receipt.position == server.host.durable.rawValue)
      }
      let told = try Self.told(server.host)
      #expect(told.map { $0["verb"] } == ["cancel", "cancel", "end", "move", "move"])
      #expect(told.map { $0["by"] } == ["local", "local (anna)", "local", "local", "local"])
      #expect(told.allSatisfy { $0["type"] == "moondance.process" && $0["subject"] == "subject of order-1" })
      #expect(told.allSatisfy { $0["process"] == "checkout" && $0["key"] == "order-1" && $0["for"] == "1 order-1" })
    }
  }

  @Test func `one that is stuck is not told to end, and may be moved and called again`() async throws {
    try await TestServer.run(host: Self.host([Self.report(KeyBytes("order-1"), 5, state: .stuck)])) { server in
      let refused = try await server.act("/processes/checkout/order-1/cancel")
      #expect(refused.status == 409 && refused.problem == .refused)
      #expect(refused.text.contains("the dead letter 9,"))
      #expect(try await server.act("/processes/checkout/order-1/move").status == 200)
      server.host.giveUp("9", on: "order-1", of: "checkout")
      server.host.giveUp("10", on: "order-2", of: "checkout")
      let retried = try await server.act("/processes/checkout/order-1/retry", #"{"by":"anna"}"#)
      #expect(try retried.decoded(ResolveReceipt.self).resolved == 1)
      #expect(server.host.openLetters.map { $0.prefix(2) } == ["10"])
      #expect(server.host.acts == [.init(what: "retry", by: "local (anna)")])
    }
  }

  @Test func `all that run on older scripts are told to move, however many they are`() async throws {
    let host = Self.host(
      (1...2500).map { Self.report(KeyBytes("o-\($0)"), UInt64($0), generation: $0 % 5 == 0 ? 3 : 2) }
        + [Self.report(KeyBytes("r"), 3000, of: "returns", generation: 2)])
    host.instances.withLock { state in
      for (key, generation) in [(UInt64(1), UInt32(2)), (2, 3)] {
        var record = InstanceRecord(reader: 1, key: [1], keyHash: key, state: [1], version: 1, previous: 0)
        (record.generation, record.life) = (generation, .open)
        state.control.readers[0].apply(record, commit: 1)
      }
    }
    try await TestServer.run(host: host) { server in
      let some = try await server.act("/processes/move", #"{"process":"returns"}"#).decoded(ProcessReceipt.self)
      #expect(some.told == 1)
      let all = try await server.act("/processes/move").decoded(ProcessReceipt.self)
      #expect(all.told == 2001 && all.position == server.host.durable.rawValue)
      #expect(server.host.batchSizes.allSatisfy { $0 <= 1000 })
    }
  }

  @Test(arguments: [
    ("cancel", #"{"rollback":"no"}"#), ("cancel", #"{"rollback":0}"#), ("cancel", #"{"roll":true}"#),
    ("cancel", "[]"), ("cancel", "null"), ("cancel", #"{"by":""}"#), ("cancel", #"{"rollback":true,"rollback":false}"#),
    ("move", #"{"rollback":true}"#), ("move", #"{"process":"checkout"}"#), ("retry", #"{"all":true}"#),
    ("retry", #"{"by":5}"#), ("retry", "x"),
  ])
  func `a body that says nothing clear is refused, and nobody is told`(verb: String, body: String) async throws {
    try await TestServer.run(host: Self.host()) { server in
      let answer = try await server.act("/processes/checkout/order-1/\(verb)", body)
      #expect(answer.status == 400, "\(answer.text)")
      #expect(try Self.told(server.host).isEmpty && server.host.acts.isEmpty)
    }
  }

  @Test func `a body of another type, or too large a one, is refused`() async throws {
    var limits = DoorLimits()
    limits.eventBytes = 1000
    try await TestServer.run(limits, host: Self.host()) { server in
      for path in ["/processes/checkout/order-1/cancel", "/processes/checkout/order-1/move", "/processes/move"] {
        let other = try await server.request("POST", path, [("Content-Type", "text/plain")], body: Array("{}".utf8))
        #expect(other.status == 415, "\(path)")
        let large = try await server.act(path, #"{"by":"\#(String(repeating: "x", count: 2000))"}"#)
        #expect(large.status == 413, "\(path)")
      }
      #expect(try Self.told(server.host).isEmpty)
    }
  }

  @Test func `another method is not allowed, and says which is`() async throws {
    try await TestServer.run(host: Self.host()) { server in
      for (method, path, allowed) in [
        ("POST", "/processes", "GET"), ("DELETE", "/processes/checkout/order-1", "GET"),
        ("POST", "/processes/checkout/order-1", "GET"), ("PUT", "/processes/checkout/order-1/cancel", "POST"),
        ("DELETE", "/processes/checkout/order-1/move", "POST"), ("PUT", "/processes/checkout/order-1/retry", "POST"),
        ("PUT", "/processes/move", "POST"),
      ] {
        let answer = try await server.request(method, path)
        #expect(answer.status == 405, "\(method) \(path)")
        #expect(answer.headers["allow"]?.contains(allowed) == true, "\(method) \(path): \(answer.headers)")
      }
      // There is no such verb: it is an instance of a key that ends so.
      #expect(try await server.get("/processes/checkout/order-1/skip").status == 404)
      #expect(try Self.told(server.host).isEmpty)
    }
  }

  @Test(arguments: [
    (AppendOutcome.noSpace, ProblemKind.outOfSpace), (.overloaded(retryAfterSeconds: 1), .overloaded),
    (.stopped(maybeIn: true), .stopping),
  ])
  func `what keeps an instance from being told is said`(outcome: AppendOutcome, kind: ProblemKind) async throws {
    try await TestServer.run(host: Self.host()) { server in
      server.host.script([outcome])
      let answer = try await server.act("/processes/checkout/order-1/cancel")
      #expect(answer.status == kind.status && answer.problem == kind, "\(answer.text)")
    }
  }

  // MARK: who may

  private static let tokens = """
    append append-token-0123456789
    read read-token-0123456789 bert
    admin admin-token-0123456789 anna
    """

  @Test func `lists need the scope read, verbs the scope admin, and who acts is the token's name`() async throws {
    try await TestServer.run(tokens: TokenList(text: Self.tokens), host: Self.host()) { server async throws in
      for (token, read, admin) in [("append", 403, 403), ("read", 200, 403), ("admin", 403, 200), ("no", 401, 401)] {
        let headers = [("Authorization", "Bearer \(token)-token-0123456789")]
        for path in ["/processes", "/processes/checkout/order-1"] {
          #expect(try await server.get(path, headers).status == read, "\(token) \(path)")
        }
        for path in ["checkout/order-1/cancel", "checkout/order-1/move", "checkout/order-1/retry", "move"] {
          #expect(try await server.act("/processes/\(path)", nil, headers).status == admin, "\(token) \(path)")
        }
      }
      #expect(try await server.get("/processes").status == 401)
      #expect(try Set(Self.told(server.host).map { $0["by"] }) == ["anna"])
      #expect(server.host.acts.map(\.by) == ["anna"])
    }
  }
}
