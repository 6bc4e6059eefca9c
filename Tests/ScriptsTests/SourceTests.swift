import Events
import Testing

@testable import Scripts

@Suite struct SourceTests {
  @Test(arguments: [
    ("200ms", 200_000), ("1s", 1_000_000), ("15m", 900_000_000), ("2h", 7_200_000_000), ("14d", 1_209_600_000_000),
    ("1w", 604_800_000_000), ("0s", 0), ("3650d", 315_360_000_000_000),
  ])
  func `a span is digits and a unit`(text: String, microseconds: Int64) {
    #expect(Span.microseconds(text) == microseconds)
  }

  @Test(arguments: ["", "5", "s", "-1s", "1.5h", "1 s", "1S", "60sec", "99999999999999999999s", "3651d", "1s ", "１s"])
  func `what is not a span is refused`(text: String) { #expect(Span.microseconds(text) == nil) }

  @Test(arguments: [
    ("1970-01-01", 0), ("1970-01-01T00:00:00Z", 0), ("2019-05-20T07:07:47.000Z", 1_558_336_067_000_000),
    ("2019-05-20T09:07:47.5+02:00", 1_558_336_067_500_000), ("2000-02-29T23:59:59.999999999Z", 951_868_799_999_999),
    ("1969-12-31T23:59:59Z", -1_000_000), ("2024-12-31 23:59:60z", 1_735_689_600_000_000),
    ("0001-01-01T00:00:00-00:30", -62_135_595_000_000_000), ("9999-12-31t23:59:59Z", 253_402_300_799_000_000),
  ])
  func `a time is RFC 3339 or a date`(text: String, microseconds: Int64) {
    #expect(Timestamp.microseconds(text) == microseconds)
  }

  @Test(arguments: [
    "", "now", "2019", "2019-13-01", "2019-02-29", "1900-02-29", "2019-05-20T", "2019-05-20T07:07:47",
    "2019-05-20T24:00:00Z",
    "2019-05-20T07:07:47.Z", "2019-05-20T07:07:47Zx", "2019-5-20", "2019-05-20T07:07:47+2", "+019-05-20",
  ])
  func `what is not a time is refused`(text: String) { #expect(Timestamp.microseconds(text) == nil) }

  @Test func `the nearest name is close and the closest`() {
    let words = ["consumer", "emit", "fail", "log", "json", "random", "require", "print"]
    #expect(NearestName.of("emitt", among: words) == "emit")
    #expect(NearestName.of("Consumer", among: words) == "consumer")
    #expect(NearestName.of("cosnumer", among: words) == "consumer")
    #expect(NearestName.of("projection", among: words) == nil)
    #expect(NearestName.of("lgo", among: words) == "log")
    #expect(NearestName.of("x", among: words) == nil)
    #expect(NearestName.of("emit", among: words) == nil)
  }

  @Test func `a warning needs more likeness than a hint`() {
    #expect(NearestName.likely("OrderPlacd", among: ["OrderPlaced"]) == "OrderPlaced")
    #expect(NearestName.likely("Step1", among: ["Step2", "Step3"]) == nil)
    #expect(NearestName.likely("OrderPaid", among: ["OrderPlaced"]) == nil)
    #expect(NearestName.likely("Ping", among: ["Pong"]) == "Pong")
  }

  @Test func `tokens skip comments and keep strings whole`() {
    let tokens = Tokens(
      Array(
        #"""
        local a = "x -- no" -- comment
        --[[ long
        comment ]] b = [==[ ]] ]==] .. 'it\'s' ~= 1e-3
        """#.utf8))
    #expect(
      tokens.all.map(tokens.text) == [
        "local", "a", "=", #""x -- no""#, "b", "=", "[==[ ]] ]==]", "..", #"'it\'s'"#, "~=", "1e-3",
      ])
    #expect(tokens.all.map(\.line) == [1, 1, 1, 1, 3, 3, 3, 3, 3, 3, 3])
    #expect(tokens.literal(3) == "x -- no")
    #expect(tokens.literal(8) == nil)
  }

  @Test func `every cut of a source gives tokens without failing`() {
    let source = Array("local s = [==[ a ]] ]==] --[[ x ]] f('\\' .. \"\\z\n\") t = { [1] = 0x1p-4, ['a'] = ... }".utf8)
    for count in 0...source.count {
      let tokens = Tokens(Array(source[..<count]))
      #expect(tokens.all.allSatisfy { $0.start < $0.end && $0.end <= count }, "cut at \(count)")
      _ = SourceOutline(tokens).repeatedKeys
    }
  }

  @Test func `the outline knows the line of a key, however deep`() {
    let outline = SourceOutline(
      Tokens(
        Array(
          """
          local t = { a = 1, f(2, b), c = function() local d, e = 1, 2 return { g = 1 } end,
            ["h i"] = 3 }
          consumer "one" {
            retry = { attempts = 3,
              frist = "1s" },
            on = {
              A = function() if x then y = 1 end return 1, z end,
              ["B*"] = function() end,
            },
          }
          consumer("two", {
            on = {} })
          """.utf8)))
    #expect(outline.line(of: ["retry"], in: "one", near: 3) == 4)
    #expect(outline.line(of: ["retry", "frist"], in: "one", near: 3) == 5)
    #expect(outline.line(of: ["on", "A"], in: "one", near: 3) == 7)
    #expect(outline.line(of: ["on", "B*"], in: "one", near: 3) == 8)
    #expect(outline.line(of: ["on", "C"], in: "one", near: 3) == 6)
    #expect(outline.line(of: ["nothing"], in: "one", near: 3) == nil)
    #expect(outline.line(of: ["on"], in: "two", near: 1) == 12)
    #expect(outline.line(of: ["on"], in: "three", near: 1) == nil)
    #expect(outline.repeatedKeys.isEmpty)
  }

  @Test func `keys that stand twice are found, but not locals and arguments`() {
    let outline = SourceOutline(
      Tokens(
        Array(
          """
          f(a, b, a) local a, b, a = 1, 2, 3
          t = { A = function() local x, A = 1, 2 return A end, B = 2,
            ["A"] = 3, { B = 1 }, [A] = 4 }
          """.utf8)))
    #expect(outline.repeatedKeys.map { [$0.key, "\($0.first)", "\($0.last)"] } == [["A", "2", "3"]])
  }
}
