import Events
import Testing

@testable import Scripts

@Suite("Destinations: where messages go")
struct DestinationTests {
  private func destination(_ body: String) throws -> ConsumerDeclaration {
    let generation = try Generation.load([SourceFile(path: "a.lua", text: "destination \"d\" { \(body) }")]).get()
    return try #require(generation.consumers.first)
  }

  private func failure(_ handler: String, destination: String = "http = env \"URL\"") throws -> String {
    let stage = try Stage(
      "destination \"d\" { \(destination) }\nconsumer \"c\" { on = { E = function(event) \(handler) end } }")
    return stage.handle(TestEvent("E", "s", data: "{}")).failures.joined()
  }

  @Test func `the places and their defaults`() throws {
    let http = try destination(#"http = env "URL", headers = { a = "{env:A} b" }"#)
    #expect(
      http.destination?.place
        == .http(
          .init(
            url: Template([.environment("URL")]),
            headers: [.init(name: "a", value: Template([.environment("A"), .text(" b")]))])))
    #expect(http.retry == .delivery && http.exhausted == .block && http.destination?.concurrency == 16)
    #expect(http.destination?.timeout == 10_000_000 && http.destination?.body == .own)
    let nats = try destination(#"nats = "nats://h", subject = "o.{type}", stream = true, concurrency = 7"#)
    #expect(
      nats.destination?.place
        == .nats(
          .init(
            url: Template([.text("nats://h")]), subject: Template([.text("o."), .field(["type"])]), isStream: true)))
    #expect(nats.destination?.concurrency == 7)
    let postgres = try destination(#"postgres = env "DB", table = "app.inbox", retry = { attempts = 3 }"#)
    #expect(
      postgres.destination?.place
        == .postgres(
          .init(
            connection: Template([.environment("DB")]), table: "app.inbox")))
    #expect(postgres.retry.attempts == 3 && postgres.retry.first == 500_000)
    #expect(try destination(#"file = "o.ndjson""#).destination?.place == .file("o.ndjson"))
  }

  @Test(arguments: [
    ("a{b}c", "a{b}c"), ("{env:X}", "{env:X}"), ("{{}}", "{{}}"), ("{body.a.b}", "{body.a.b}"), ("", ""),
  ])
  func `a template reads as it was written`(text: String, shown: String) throws {
    #expect(try Template(parsing: text).description == shown)
  }

  @Test(arguments: ["{", "}", "a{b", "{}", "{a..b}", "{env:}", "{env:1A}", "{env:A B}"])
  func `a template that makes no sense is refused`(text: String) {
    #expect(throws: Template.Mistake.self) { try Template(parsing: text) }
  }

  @Test func `a message has the key, the type of what was handled, and its own headers`() throws {
    let stage = try Stage(
      """
      destination "d" { http = env "URL" }
      consumer "c" { on = { E = function(event)
        publish("d", { 1, 2 }, { key = "k", headers = { ["x-a"] = "b", n = 3 } })
        publish("d", "text")
        publish("d")
      end } }
      """)
    let reaction = stage.handle(TestEvent("E", "s", data: "{}"))
    #expect(reaction.publishes == ["d k [1,2]", #"d s "text""#, "d s {}"])
    let message = stage.lastEffects.entry(0)
    #expect(message.attributes[.about]?.text == "E" && message.attributes[.sender]?.text == "s")
    #expect(message.attributes[.headers]?.text == #"{"n":"3","x-a":"b"}"#)
    #expect(message.cause == 1 && message.depth == 1)
  }

  @Test func `a request carries what is asked, and which event answers`() throws {
    let stage = try Stage(
      """
      destination "d" { http = env "URL" }
      consumer "c" { on = { E = function(event)
        request("d", { method = "PUT", path = "/a", query = { q = 1 }, form = { x = "y" }, key = "i" }, { reply = "R" })
      end } }
      """)
    #expect(stage.handle(TestEvent("E", "s", data: "{}")).publishes == [#"d s {"x":"y"}"#])
    let message = stage.lastEffects.entry(0)
    #expect(
      message.attributes[.request]?.text == #"{"method":"PUT","path":"/a","query":{"q":"1"},"form":true,"key":"i"}"#)
    #expect(message.attributes[.reply]?.text == "R")
  }

  @Test func `what cannot go out is an error of the handler that says why`() throws {
    #expect(try failure("publish('x', {})").contains("there is no destination \"x\""))
    #expect(try failure("publish('D', {})").contains("did you mean \"d\"?"))
    #expect(try failure("publish()").contains("publish wants a destination first"))
    #expect(try failure("publish('d', function() end)").contains("publish(\"d\")"))
    #expect(try failure("publish('d', {}, { kye = 'a' })").contains("no option \"kye\": did you mean key?"))
    #expect(try failure("publish('d', {}, { key = {} })").contains("key is"))
    #expect(try failure("publish('d', {}, { to = 'a' })").contains("leave to out"))
    #expect(try failure("publish('d', {}, { headers = { host = 'a' } })").contains("headers is"))
    #expect(try failure("publish('d', {}, { headers = { a = 'b\\nc' } })").contains("headers is"))
    #expect(try failure("request('d', {})").contains("a consumer cannot wait for an answer"))
    #expect(try failure("request('d', { path = 'a' }, { reply = 'R' })").contains("begins with \"/\""))
    #expect(try failure("request('d', { body = 1, form = {} }, { reply = 'R' })").contains("one of them"))
    #expect(try failure("request('d', {}, { reply = 'moondance.x' })").contains("reply is"))
    #expect(
      try failure("request('d', {}, { reply = 'R' })", destination: "file = 'f'").contains(
        "only a destination with http"))
    #expect(try failure("env 'A'").contains("env works in a destination or a source"))
  }

  @Test func `a destination for each document wants to know which`() throws {
    let stage = try Stage(
      """
      projection "p" { on = { E = function() end } }
      destination "d" { http = "{url}", each = "p" }
      consumer "c" { on = { E = function(event) publish("d", {}) end, F = function() publish("d", {}, { to = 7 }) end } }
      """)
    #expect(stage.handle(TestEvent("E", "s", data: "{}")).failures.joined().contains("write { to = key }"))
    #expect(stage.handle(TestEvent("F", "s", data: "{}")).publishes == ["d 7 {}"])
  }

  @Test(arguments: [
    "http = \"https://u:p@h/\"", "postgres = \"host=h password=p\", table = \"t\"",
    "nats = \"nats://u:p@h\", subject = \"s\"",
    "http = env \"U\", headers = { [\"x-api-key\"] = \"abc\" }",
  ])
  func `a secret that is written out does not load`(body: String) {
    #expect { try destination(body) } throws: { "\($0)".contains("is a secret that is written out") }
  }
}
