import Events
import LuaRuntime
import Testing

@testable import Scripts

@Suite("The words of time")
struct TimeWordTests {
  /// The value of an expression in a handler at 2026-01-01T00:00:00Z, as JSON; or why there is none.
  private func value(_ expression: String) throws -> String {
    let stage = try Stage(
      "consumer \"a\" { on = { A = function() emit(\"V\", { v = \(expression) }) end } }")
    let reaction = stage.handle(TestEvent("A", "s"))
    if let failure = reaction.failures.first { return String(failure.trimmingPrefix("script.lua:1: ")) }
    return String(reaction.emits[0].dropFirst("V s {\"v\":".count).dropLast())
  }

  @Test(arguments: [
    (#"time.parse("2026-01-31T12:00:00Z")"#, "1769860800000"), (#"time.parse("1970-01-01")"#, "0"),
    (#"time.parse("2026-01-31T12:00:00.1239+01:00")"#, "1769857200123"),
    (#"time.parse("1969-12-31T23:59:59.9999Z")"#, "-1"),
    (#"time.parse("2026-07-01", "Europe/Berlin")"#, "1782856800000"),
    (#"time.parse("2026-07-01 00:00", "Europe/Berlin")"#, "1782856800000"),
    (#"time.parse("2026-07-01T00:00:00Z", "Europe/Berlin")"#, "1782864000000"),
    (#"time.text(time.parse("2026-03-29T02:30", "Europe/Berlin"))"#, #""2026-03-29T01:00:00Z""#),
    (#"time.text(time.parse("2026-10-25T02:30", "Europe/Berlin"))"#, #""2026-10-25T00:30:00Z""#),
    (#"time.text(0)"#, #""1970-01-01T00:00:00Z""#), (#"time.text(1.0)"#, #""1970-01-01T00:00:00.001Z""#),
    (#"time.text(0, "America/New_York")"#, #""1969-12-31T19:00:00-05:00""#),
    (#"time.text(0, "Asia/Kolkata")"#, #""1970-01-01T05:30:00+05:30""#),
    (#"time.text(0, "Africa/Monrovia")"#, #""1969-12-31T23:16:00-00:44""#),
    (
      #"time.parts(1767225600123)"#,
      #"{"day":1,"hour":0,"millisecond":123,"minute":0,"month":1,"offset":0,"second":0,"weekday":4,"year":2026,"yearday":1}"#
    ),
    (
      #"time.parts(1735689599000, "Europe/Berlin")"#,
      #"{"day":1,"hour":0,"millisecond":0,"minute":59,"month":1,"offset":3600000,"second":59,"weekday":3,"year":2025,"yearday":1}"#
    ),
    (#"time.parts(1735603200000).yearday"#, "366"), (#"time.parts(1767484800000).weekday"#, "7"),
    (#"time.add(5, "90m")"#, "5400005"), (#"time.add(5, "-3ms")"#, "2"), (#"time.add(0, "2w")"#, "1209600000"),
    (#"time.days(time.parse("2026-03-28T23:59:59Z"), time.parse("2026-03-29T00:00:00Z"))"#, "1"),
    (#"time.days(time.parse("2026-03-29"), time.parse("2026-03-28"))"#, "-1"),
    (#"time.days(time.parse("2026-03-28T22:30:00Z"), time.parse("2026-03-28T23:30:00Z"), "Europe/Berlin")"#, "1"),
    (#"time.text(time.next("08:00"))"#, #""2026-01-01T08:00:00Z""#),
    (#"time.text(time.next("08:00:30", "Europe/Berlin"))"#, #""2026-01-01T07:00:30Z""#),
    (#"time.text(time.next("00:00", "UTC", now()))"#, #""2026-01-02T00:00:00Z""#),
    (
      #"time.text(time.next("0 8 * * mon-fri", "UTC", time.parse("2026-01-02T08:00:00Z")))"#,
      #""2026-01-05T08:00:00Z""#
    ),
    (#"time.text(time.next("@monthly"))"#, #""2026-02-01T00:00:00Z""#),
  ])
  func `a value is`(expression: String, expected: String) throws {
    #expect(try value(expression) == expected)
  }

  @Test func `months keep the day that is meant`() throws {
    func after(_ date: String, _ span: String, _ options: String = "") throws -> String {
      String(try value("time.text(time.add(time.parse(\"\(date)\"), \"\(span)\"\(options)))").dropFirst().prefix(10))
    }
    #expect(try after("2026-01-31", "1mo") == "2026-02-28")
    #expect(try after("2026-02-28", "1mo") == "2026-03-28")
    #expect(try after("2026-02-28", "1mo", ", { day = 31 }") == "2026-03-31")
    #expect(try after("2024-02-29", "1y") == "2025-02-28")
    #expect(try after("2027-02-28", "1y", ", { day = 29 }") == "2028-02-29")
    #expect(try after("2024-02-29", "4y") == "2028-02-29")
    #expect(try after("2026-03-31", "-1mo") == "2026-02-28")
    #expect(try after("2026-01-15", "-13mo") == "2024-12-15")
    #expect(try after("2096-02-29", "4y") == "2100-02-28")
  }

  @Test func `days go by the calendar of the zone, hours do not`() throws {
    func add(_ span: String, _ zone: String?) throws -> String {
      let options = zone.map { ", { zone = \"\($0)\" }" } ?? ""
      return try value(
        "time.text(time.add(time.parse(\"2026-03-28T12:00:00+01:00\"), \"\(span)\"\(options)), \"Europe/Berlin\")")
    }
    #expect(try add("1d", "Europe/Berlin") == "\"2026-03-29T12:00:00+02:00\"")
    #expect(try add("1d", nil) == "\"2026-03-29T13:00:00+02:00\"")
    #expect(try add("24h", "Europe/Berlin") == "\"2026-03-29T13:00:00+02:00\"")
    #expect(try add("1w", "Europe/Berlin") == "\"2026-04-04T12:00:00+02:00\"")
    // The second of the two times stays the second.
    #expect(
      try value(#"time.text(time.add(time.parse("2026-10-25T01:30:00Z"), "0d", { zone = "Europe/Berlin" }))"#)
        == "\"2026-10-25T01:30:00Z\"")
  }

  @Test(arguments: [
    (
      #"time.parse("tomorrow")"#,
      "time.parse: \"tomorrow\" is no time\n  write \"2026-01-31T12:00:00Z\", or a date such as \"2026-01-31\""
    ),
    (#"time.parse("2026-01-31T12:00")"#, "it says no offset: add Z, +01:00, or a zone"),
    (#"time.parse("2026-02-29")"#, "is no time"), (#"time.parse(5)"#, "time.parse wants text"),
    (
      #"time.text("x")"#,
      "time.text wants a time: whole milliseconds since 1970, such as now() or event.time; this is text"
    ),
    (#"time.text(1.5)"#, "this is 1.5"), (#"time.text(1e18)"#, "is not in the years 1 to 9999"),
    (#"time.text(0, "berlin")"#, "there is no zone \"berlin\"\n  did you mean \"Europe/Berlin\"?"),
    (#"time.text(0, "PST")"#, "a zone is a place of the IANA database"), (#"time.text(0, 1)"#, "the zone is a number"),
    (#"time.text(0, "GMT+3")"#, "there is no zone \"GMT+3\""),
    (#"time.add(0, 60)"#, "a number is no span\n  a span is text with a unit"),
    (#"time.add(0, "1q")"#, "\"1q\" is no span"),
    (#"time.add(0, "99999999999999999999d")"#, "is no span"),
    (#"time.add(0, "9000y")"#, "is not in the years 1 to 9999"),
    (#"time.add(0, "1d", { day = 31 })"#, "day goes with months and years"),
    (#"time.add(0, "1mo", { day = 32 })"#, "day is 32"),
    (#"time.add(0, "1mo", { zon = "UTC" })"#, "did you mean zone?"),
    (#"time.add(0, "1mo", { zone = "x/y" })"#, "there is no zone \"x/y\""), (#"time.add(0, "1mo", 5)"#, "is a table"),
    (#"time.days(0)"#, "time.days wants a time"), (#"time.next("8")"#, "\"8\" is no time of day\n  write \"08:00\""),
    (#"time.next("24:00")"#, "is no time of day"), (#"time.next("0 25 * * *")"#, "\"25\" is no hour"),
  ])
  func `what is wrong is told`(expression: String, says: String) throws {
    let said = try value(expression)
    #expect(said.contains(says), "\(said)")
  }

  @Test func `they work while the file loads, in keys and in projections`() throws {
    let stage = try Stage(
      """
      local first = time.parse("2026-01-01")
      consumer "a" {
        key = function(event) return time.text(first + event.data) end,
        on = { A = function(event) emit("V", { at = time.text(first) }) end },
      }
      """)
    let reaction = stage.handle(TestEvent("A", "s", data: "1000"))
    #expect(reaction.keys == ["2026-01-01T00:00:01Z"])
    #expect(reaction.emits == ["V s {\"at\":\"2026-01-01T00:00:00Z\"}"])
    #expect(
      Generation.errors([("a.lua", "local t = time.next(\"08:00\")\nconsumer \"a\" { on = { A = function() end } }")])
        == [
          "a.lua:1: time.next wants to know after which time here\n  write time.next(\"08:00\", zone, t)"
        ])
    #expect(
      Generation.errors([("a.lua", "consumer \"a\" { on = { A = function() emit(\"x\", time.now()) end } }")]) == [
        "a.lua:1: there is no word \"time.now\"\n  write now()"
      ])
  }

  @Test func `they count towards the call's instructions`() throws {
    var limits = LuaLimits()
    limits.nanoseconds = 60_000_000_000
    let source =
      "consumer \"a\" { on = { A = function() while true do time.next(\"08:00\", \"Europe/Berlin\") end end } }"
    let stage = try Stage(Generation.load([SourceFile(path: "a.lua", text: source)], limits: limits).get())
    let failures = stage.handle(TestEvent("A", "s")).failures
    #expect(failures.count == 1 && failures[0].contains("instructions"), "\(failures)")
  }
}
