import Events
import Testing

@testable import Scripts

@Suite("Sources: where events come in")
struct SourceWordTests {
  private func source(_ body: String) throws -> SourceDeclaration {
    let generation = try Generation.load([SourceFile(path: "a.lua", text: "source \"s\" { \(body) }")]).get()
    return try #require(generation.sources.first)
  }

  private func error(_ body: String) -> String {
    Generation.errors([("a.lua", "source \"s\" { \(body) }")]).joined(separator: "\n")
  }

  private static let event = "event = function(request) return nil end"

  @Test func `places and their defaults`() throws {
    let http = try source("http = \"psp\", verify = false, \(Self.event)")
    #expect(http.place == .http(.init(path: "psp", verification: nil, line: 1)))
    let table = try source(#"postgres = env "DB", table = "shop.outbox""#)
    #expect(table.place == .postgres(.init(connection: Template([.environment("DB")]), table: "shop.outbox")))
    let more = try source(
      #"postgres = "host={env:H}", table = "t", every = "5s", batch = 9, done = "mark", columns = { type = "kind" }"#)
    #expect(
      more.place
        == .postgres(
          .init(
            connection: Template([.text("host="), .environment("H")]), table: "t", every: 5_000_000, batch: 9,
            removal: .mark, columns: ["type": "kind"])))
  }

  @Test func `schemes of verification`() throws {
    func verification(_ verify: String) throws -> Verification? {
      guard case .http(let place) = try source("http = \"p\", verify = \(verify), \(Self.event)").place else {
        return nil
      }
      return place.verification
    }
    let secret = Template([.environment("A")])
    #expect(
      try verification(#"{ scheme = "standard-webhooks", secret = { env "A", env "B" } }"#)
        == .standardWebhooks(secrets: [secret, Template([.environment("B")])]))
    #expect(
      try verification(#"{ scheme = "hmac", secret = env "A", header = "X-Sig" }"#)
        == .mac(.init(header: "x-sig"), secrets: [secret]))
    #expect(
      try verification(
        #"{ scheme = "hmac", secret = env "A", header = "h", algorithm = "sha512", prefix = "p=", encoding = "base64" }"#
      )
        == .mac(.init(header: "h", algorithm: .sha512, prefix: "p=", encoding: .base64), secrets: [secret]))
    #expect(
      try verification(#"{ scheme = "token", secret = env "A", header = "authorization", prefix = "Bearer " }"#)
        == .token(header: "authorization", prefix: "Bearer ", secrets: [secret]))
  }

  @Test(arguments: [
    ("verify = {}", "verify has no secret"), ("verify = { secret = env \"A\" }", "verify has no scheme"),
    ("verify = { scheme = \"hmca\", secret = env \"A\" }", "did you mean \"hmac\"?"),
    ("verify = { scheme = \"hmac\", secret = env \"A\" }", "verify has no header"),
    ("verify = { scheme = \"token\", secret = env \"A\", header = \"a b\" }", "no name of a header"),
    ("verify = { scheme = \"token\", secret = env \"A\", header = \"a\", encoding = \"hex\" }", "does not go with"),
    ("verify = { scheme = \"hmac\", secret = env \"A\", header = \"a\", algorithm = \"md5\" }", "verify.algorithm is"),
    ("verify = { scheme = \"hmac\", secret = \"x{env:A}\", header = \"a\" }", "a secret that is written out"),
    ("verify = { scheme = \"token\", secret = { env \"A\", \"b\" }, header = \"a\" }", "a secret that is written out"),
    ("verify = { sceme = \"token\" }", "did you mean scheme?"), ("verify = true", "a table or false is wanted"),
    ("verify = false, table = \"t\"", "table does not go with http"),
    ("verify = false, postgres = env \"A\"", "has two places"),
  ])
  func `what is wrong with a source of requests is told`(more: String, says: String) {
    let errors = error("http = \"p\", \(Self.event), \(more)")
    #expect(errors.contains(says), "\(errors)")
  }

  @Test(arguments: [
    ("postgres = \"postgres://u:p@h/d\", table = \"t\"", "is a secret that is written out"),
    ("postgres = \"host=h password=p\", table = \"t\"", "is a secret that is written out"),
    ("postgres = env \"A\", table = \"a.b.c\"", "a table's name is wanted"),
    ("postgres = env \"A\", table = \"t\", every = 5", "every is 5"),
    ("postgres = env \"A\", table = \"t\", batch = 0", "batch is 0"),
    ("postgres = env \"A\", table = \"t\", done = \"drop\"", "done = \"mark\""),
    ("postgres = env \"A\", table = \"t\", columns = { typ = \"x\" }", "did you mean type?"),
    ("postgres = \"{key}\", table = \"t\"", "a connection string is wanted"),
    ("every = \"1s\"", "says no place"),
  ])
  func `what is wrong with a table is told`(body: String, says: String) {
    #expect(error(body).contains(says), "\(error(body))")
  }

  @Test func `names and addresses belong to one source`() {
    let one = "source \"a\" { http = \"p\", verify = false, \(Self.event) }\n"
    #expect(Generation.errors([("a.lua", one + one)])[0].contains("there is another source \"a\": a.lua:1"))
    let other = one.replacing("\"a\"", with: "\"b\"")
    #expect(
      Generation.errors([("a.lua", one + other)])
        == [
          "a.lua:2: requests to /in/p belong to source \"a\": a.lua:1\n  an address has one source: give one of them another"
        ])
  }

  // MARK: events of requests

  private func receive(
    _ body: String, _ request: IncomingRequest = IncomingRequest(path: "/in/p", body: [])
  ) throws -> (outcome: ReceiveOutcome, events: [String], batch: EntryBatch) {
    let stage = try Stage("source \"s\" { http = \"p\", verify = false, event = function(request)\n\(body)\nend }")
    let batch = EntryBatch(hash: StableHash(seed: 7))
    let outcome = stage.worker.receive(source: 0, request, into: batch)
    return (outcome, (0..<batch.count).map { batch.entry($0).shown }, batch)
  }

  private func failure(_ body: String) throws -> String {
    let received = try receive(body)
    #expect(received.batch.count == 0)
    guard case .failed(let failure) = received.outcome else { return "\(received.outcome)" }
    return failure.message
  }

  private func json(_ body: String) -> IncomingRequest {
    IncomingRequest(
      path: "/in/p", query: [("a", "1")], headers: [("content-type", "application/json"), ("x-kind", "k")],
      body: Array(body.utf8))
  }

  @Test func `an event has what the function says, and the source's name`() throws {
    let received = try receive(
      """
      return { type = "Paid", subject = request.body.order, id = request.body.n, time = 1767225600123,
        data = { kind = request.headers["x-kind"], q = request.query.a, m = request.method, p = request.path,
          raw = #request.raw } }
      """, json(#"{"order":"o-1","n":12345678901}"#))
    #expect(received.events == [#"Paid o-1 {"kind":"k","m":"POST","p":"/in/p","q":"1","raw":31}"#])
    let event = received.batch.entry(0)
    #expect(event.attributes[.id]?.text == "12345678901" && event.attributes[.source]?.text == "s")
    #expect(event.attributes[.time]?.text == "2026-01-01T00:00:00.123000Z")
    #expect(received.batch.infos[0].identityHash != 0)
  }

  @Test func `nothing, a list, and a body that is text`() throws {
    #expect(try receive("return nil").events == [])
    #expect(try receive("return array {}").events == [])
    #expect(
      try receive("return { { type = 'A', id = 'a' }, { type = 'B', id = 2, data = { 1 } } }").events
        == ["A  {}", "B  [1]"])
    let text = IncomingRequest(path: "/in/p", headers: [("content-type", "text/plain")], body: Array("[1]".utf8))
    #expect(try receive("return { type = 'A', id = 1, data = request.body }", text).events == ["A  \"[1]\""])
  }

  @Test func `what is no event is an error that says why, and nothing of a list is kept`() throws {
    #expect(try failure("return { type = 'A' }").hasPrefix("script.lua:1: the event has no id\n"))
    #expect(
      try failure("return { { type = 'A', id = 1 }, { id = 2 } }").contains("event 2 of the list: type is missing"))
    #expect(try failure("return { type = 'A', id = 1, subjct = 'x' }").contains("did you mean subject?"))
    #expect(try failure("return { type = 'A b', id = 1 }").contains("the event:"))
    #expect(try failure("return { type = 'moondance.x', id = 1 }").contains("moondance."))
    #expect(try failure("return { type = 'A', id = '' }").contains("id"))
    #expect(try failure("return { type = 'A', id = '\\255' }").contains("text is wanted"))
    #expect(try failure("return { type = 'A', id = 1, time = 'noon' }").contains("time"))
    #expect(try failure("return { type = 'A', id = 1, data = { f = function() end } }").contains("data.f"))
    #expect(try failure("return 7").contains("this is a number"))
    #expect(try failure("error('no')").hasPrefix("script.lua:2: no"))
  }

  @Test(arguments: ["emit('A')", "now()", "random()", "uuid()", "log.info('x')", "read('x', 'y')", "fail('x')"])
  func `a source only looks at the request`(call: String) throws {
    #expect(try failure(call).contains("works in a handler, not in a source"))
  }

  @Test func `a body that is not the JSON it is said to be is refused before the function`() throws {
    guard case .malformed = try receive("error('called')", json("{")).outcome else {
      Issue.record("it was not refused")
      return
    }
  }

  @Test func `a function that does not end is ended`() throws {
    #expect(try failure("while true do end").isEmpty == false)
  }
}

extension EntryView {
  fileprivate var shown: String { "\(type.text) \(subject.text) \(data.text)" }
}
