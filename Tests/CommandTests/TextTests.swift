import Client
import Testing
import Wire

@testable import Command

struct TextTests {
  private static let event = EventText(
    json: """
      {"specversion":"1.0","type":"OrderPlaced","subject":"o-1","position":7,"time":"2026-07-01T09:30:00Z",\
      "data":{"price":20.50}}
      """.utf8)

  @Test func `an event is a line of position, time, type, subject and data as it was written`() {
    #expect(
      EventLine.text(Self.event, width: nil)
        == #"7  2026-07-01T09:30:00Z  OrderPlaced       o-1  {"price":20.50}"#)
  }

  @Test(arguments: 1...80) func `no line is wider than the terminal`(_ width: Int) {
    let whole = EventLine.text(Self.event, width: nil)
    let line = EventLine.text(Self.event, width: width)
    #expect(line == (whole.count <= width ? whole : whole.prefix(width - 1) + "…"))
  }

  @Test func `an event cannot steer the terminal`() {
    let event = EventText(json: "{\"type\":\"T\",\"subject\":\"a\\u001b[2J\",\"data\":\"\u{9B}2J\"}".utf8)
    let line = EventLine.text(event, width: nil)
    #expect(!line.unicodeScalars.contains { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) })
    #expect(line.contains("a\u{FFFD}[2J"))
  }

  @Test func `a summary says how many events and how many duplicates there were`() {
    func text(_ first: UInt64?, _ last: UInt64?, _ count: Int, _ duplicates: Int) -> String {
      EmitSummary.text(AppendReceipt(first: first, last: last, count: count, duplicates: duplicates))
    }
    #expect(text(1, 22_367, 22_367, 0) == "22367 events, positions 1–22367, 0 duplicates")
    #expect(text(1, 22_367, 22_367, 22_367) == "22367 events, 22367 duplicates, nothing appended")
    #expect(text(nil, nil, 0, 0) == "0 events, 0 duplicates, nothing appended")
    #expect(text(90, 5, 2, 1) == "2 events, the first at position 90, the last at 5, 1 duplicates")
  }

  @Test func `a mistake in data is shown where it is, counted in characters`() {
    func text(_ json: String) -> String {
      let mistake = #expect(throws: JSONMistake.self) { try JSONScanner.check(Array(json.utf8)) }
      return mistake.map { MistakeText.text($0, in: json) } ?? ""
    }
    #expect(text("{a:1}") == "position 2: here should be a name in double quotes\n  {a:1}\n   ^")
    #expect(text("[\"üü\" 1]").hasPrefix("position 7: "))
    #expect(text("{\n  \"a\": x}").hasPrefix("line 2, position 8: "))
    #expect(text("{\"a\":1").hasPrefix("position 7: "))
  }

  @Test func `the status has every reader in line with notes below, and a failed load stands out`() {
    let report = StatusReport(
      version: "0.1.0",
      generation: .init(
        number: 3, scripts: [.init(path: "a.lua", hash: "0123456789abcdef")], error: "a.lua:3: no\nb.lua:1: oh"),
      log: .init(head: 12, durable: 11, bytes: 12_345_678, id: "x", name: "shop"),
      warnings: ["the disk is full: appends are refused until there is room"],
      consumers: [
        .init(
          name: "loyalty", kind: "consumer", script: "a.lua", state: "running", cursor: 10, lag: 2, blocked: 1,
          queued: 4, deadLetters: 0),
        .init(
          name: "b", kind: "consumer", script: "a.lua", state: "full", cursor: 1234, lag: 0, blocked: 0, queued: 0,
          deadLetters: 3, note: "1000000 events wait"),
      ])
    #expect(
      StatusText.text(report) == """
        moondance 0.1.0, log shop (x)
        log: head 12, durable 11, 12.3 MB
        generation 3, 1 scripts
          a.lua  0123456789ab

        THE LAST LOAD FAILED; generation 3 goes on:
          a.lua:3: no
          b.lua:1: oh

        WARNING: the disk is full: appends are refused until there is room

        READER   STATE    CURSOR  LAG  BLOCKED  DEAD LETTERS
        loyalty  running      10    2        1             0
        b        full       1234    0        0             3

        b: 1000000 events wait
        """)
  }
}
