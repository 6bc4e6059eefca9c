import Events
import Testing

@testable import Scripts

@Suite("Schedules: what is made when a time has come")
struct ScheduleWordTests {
  private func schedule(_ body: String) throws -> ScheduleDeclaration {
    let generation = try Generation.load([SourceFile(path: "a.lua", text: "schedule \"s\" { \(body) }")]).get()
    return try #require(generation.schedules.first)
  }

  private func error(_ body: String, _ more: String = "") -> String {
    Generation.errors([("a.lua", "schedule \"s\" {\n\(body) }\n\(more)")]).joined(separator: "\n")
  }

  @Test func `keys and their defaults`() throws {
    let daily = try schedule(#"cron = "30  2 * * *", emit = "DayClosed""#)
    #expect(daily.recurrence.description == "cron 30 2 * * *, UTC")
    #expect(daily.effect == .init(type: "DayClosed", subject: "s", data: Array("{}".utf8)))
    #expect(daily.missed == .once && daily.summary == "emits DayClosed")
    let more = try schedule(
      #"cron = "@weekly", zone = "Europe/Berlin", emit = "A", subject = "x", data = { 1, null }, missed = "all""#)
    #expect(more.recurrence.description == "cron @weekly, Europe/Berlin")
    #expect(more.effect == .init(type: "A", subject: "x", data: Array("[1,null]".utf8)))
    #expect(more.missed == .all && more.summary == "emits A on x")
    for (span, text) in [("900s", "15m"), ("14d", "2w"), ("1500ms", "1500ms"), ("90m", "90m")] {
      #expect(try schedule("every = \"\(span)\", emit = \"A\"").recurrence.description == "every \(text)")
    }
    let generation = try Generation.load([
      SourceFile(
        path: "a.lua",
        text: """
          schedule "s" { every = "1h", send = "Settle", to = "account-1", data = { a = 1 } }
          aggregate "account" { commands = { Settle = function(a, c) end } }
          """)
    ]).get()
    #expect(
      generation.schedules[0].effect
        == .init(isCommand: true, type: "Settle", subject: "account-1", data: Array("{\"a\":1}".utf8)))
    #expect(generation.schedules[0].summary == "sends Settle to account-1")
  }

  @Test(arguments: [
    ("emit = \"A\"", "a.lua:1: schedule \"s\" does not say when\n  write cron = \"30 2 * * *\" for every day at 02:30"),
    ("cron = \"* * * *\", emit = \"A\"", "a.lua:2: cron: \"* * * *\" has 4 fields, not five"),
    ("cron = 5, emit = \"A\"", "cron is a number; text is wanted"),
    ("cron = \"0 2 * * mno\", emit = \"A\"", "did you mean mon?"),
    ("cron = \"@daily\", every = \"1h\", emit = \"A\"", "has both cron and every"),
    ("every = \"1h\", zone = \"UTC\", emit = \"A\"", "zone goes with cron"),
    ("every = 60, emit = \"A\"", "every is a number; a span"),
    ("every = \"10ms\", emit = \"A\"", "every is \"10ms\"; a span from \"1s\" on"),
    ("cron = \"@daily\", zone = \"Berlin\", emit = \"A\"", "did you mean \"Europe/Berlin\"?"),
    ("cron = \"@daily\", zone = 1, emit = \"A\"", "write zone = \"Europe/Berlin\""),
    ("every = \"1h\"", "schedule \"s\" does nothing\n  write emit = \"DayClosed\": a consumer hears it"),
    (
      "every = \"1h\", emit = function() end",
      "emit is a function; an event type is wanted\n  write emit = \"DayClosed\": a consumer"
    ),
    ("every = \"1h\", emit = \"moondance.x\"", "are the host's"), ("every = \"1h\", emit = \"a b\"", "emit is \"a b\""),
    ("every = \"1h\", emit = \"A\", send = \"B\", to = \"c\"", "has both emit and send"),
    ("every = \"1h\", emit = \"A\", to = \"c\"", "to goes with send"),
    ("every = \"1h\", send = \"B\"", "does not say whom the command is for"),
    ("every = \"1h\", send = \"B\", subject = \"x\"", "subject goes with emit"),
    ("every = \"1h\", send = \"B\", to = \"c\"", "nobody owns \"B\""),
    ("every = \"1h\", emit = \"A\", subject = \"\"", "subject is \"\""),
    ("every = \"1h\", emit = \"A\", data = function() end", "data is a function; a value is wanted"),
    ("every = \"1h\", emit = \"A\", data = { 1 / 0 }", "data[1] is infinite"),
    ("every = \"1h\", emit = \"A\", missed = \"none\"", "write missed = \"once\", \"skip\" or \"all\""),
    ("every = \"1h\", emit = \"A\", at = \"08:00\"", "has no key \"at\"\n  write cron ="),
    ("every = \"1h\", emit = \"A\", timezone = \"UTC\"", "write zone ="),
    ("every = \"1h\", emit = \"A\", run = function() end", "a consumer hears it and does the rest"),
    ("every = \"1h\", emit = \"A\", mised = \"all\"", "did you mean missed?"),
    ("\"x\"", "has an entry without a name"),
  ])
  func `what is wrong is told`(body: String, says: String) {
    let errors = error(body)
    #expect(errors.contains(says), "\(errors)")
  }

  @Test func `data keep to the contract`() {
    let contract = "contract \"A\" { schema = { n = \"integer\" } }"
    #expect(
      error("every = \"1h\", emit = \"A\",\ndata = { n = \"x\" }", contract).contains("a.lua:3: emit(\"A\"): data.n"))
    #expect(error("every = \"1h\", emit = \"A\"", contract).contains("emit(\"A\")"))
    #expect(error("every = \"1h\", emit = \"A\",\ndata = { n = 1 }", contract) == "")
  }

  @Test func `a name is one schedule's, and it declares in the file only`() throws {
    #expect(
      error("every = \"1h\", emit = \"A\"", "schedule \"s\" { every = \"2h\", emit = \"A\" }").contains(
        "there is another schedule \"s\": a.lua:1"))
    #expect(
      Generation.errors([("a.lua", "schedule \"s\"")]) == [
        "a.lua:1: schedule \"s\" has no body\n  write schedule \"s\" { cron = \"30 2 * * *\", emit = \"…\" }"
      ])
    let stage = try Stage("consumer \"a\" { on = { A = function() schedule(\"b\", {}) end } }")
    #expect(
      stage.handle(TestEvent("A")).failures == [
        "script.lua:1: schedule declares: it stands in the file, not in a handler"
      ])
  }

  @Test func `what it emits is made by somebody, so it may be heard`() throws {
    let heard = "consumer \"c\" { on = { DayClosd = function() end } }"
    let generation = try Generation.load([
      SourceFile(path: "a.lua", text: "schedule \"s\" { every = \"1h\",\n emit = \"DayClosed\" }\n\(heard)")
    ]).get()
    #expect(
      generation.warnings.contains {
        $0.hasPrefix("a.lua:3: c hears \"DayClosd\", which nobody makes: did you mean DayClosed?")
      })
    #expect(generation.warnings.contains { $0.hasPrefix("a.lua:2: \"DayClosed\" is emitted, which nobody hears") })
  }

  // MARK: times

  @Test func `every counts from 1970, before it too`() {
    let hourly = Recurrence.every(3_600_000_000)
    #expect(hourly.next(after: 0) == 3_600_000_000)
    #expect(hourly.next(after: 3_599_999_999) == 3_600_000_000)
    #expect(hourly.next(after: -1) == 0)
    #expect(hourly.next(after: -3_600_000_000) == 0)
    #expect(hourly.next(after: .max) == nil)
  }

  @Test(arguments: ["*/7 2-4 * * *", "0 0 29 2 *", "30 2 * * *", "* * 1 1 *"])
  func `the last time of a span is the one before the first that is later`(text: String) throws {
    let recurrences: [Recurrence] = [
      .cron(try Cron(text), text: text, try #require(Zone("Europe/Berlin"))), .every(1_234_567_000),
    ]
    var random = SystemRandomNumberGenerator()
    for recurrence in recurrences {
      for _ in 0..<200 {
        let start = Int64.random(in: 1_600_000_000_000_000...1_700_000_000_000_000, using: &random)
        let end = start + Int64.random(in: 0...100_000_000_000_000, using: &random)
        guard let last = recurrence.last(after: start, through: end) else {
          #expect(try #require(recurrence.next(after: start)) > end)
          continue
        }
        #expect(last > start && last <= end)
        #expect(try #require(recurrence.next(after: last)) > end)
        #expect(recurrence.next(after: last - 1) == last)
      }
    }
  }
}
