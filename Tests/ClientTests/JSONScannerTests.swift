import Testing

@testable import Client

struct JSONScannerTests {
  @Test(arguments: [
    "1", "-0.5e+3", "\"\\u00e9\\n\"", " [ ] ", "{\"a\":[true,false,null,{}]}", "\"ü\"", "0",
  ])
  func `JSON is taken`(_ text: String) throws { try JSONScanner.check(Array(text.utf8)) }

  @Test(arguments: [
    ("", 0), ("{a:1}", 1), ("{'a':1}", 1), ("{\"a\" 1}", 5), ("{\"a\":1,}", 7), ("[1 2]", 3), ("[1,]", 3), ("01", 1),
    ("1.", 2), ("\"a\nb\"", 2), ("\"\\x\"", 2), ("\"\\u12\"", 2), ("nul", 0), ("1 1", 2), ("{\"a\":", 5), ("\"a", 2),
    ("[", 1), ("{\"a\":1", 6),
  ])
  func `the place of a mistake is told`(_ text: String, _ offset: Int) {
    let mistake = #expect(throws: JSONMistake.self) { try JSONScanner.check(Array(text.utf8)) }
    #expect(mistake?.offset == offset, "\(mistake?.what ?? "")")
  }

  @Test func `endless nesting is refused and not followed`() {
    let text = [UInt8](repeating: UInt8(ascii: "["), count: 100_000)
    #expect(throws: JSONMistake.self) { try JSONScanner.check(text) }
  }

  @Test func `a page gives every event as it was written`() throws {
    let page = try EventPage(json: Array(#"{"events":[{"n":1.50,"s":"],}"},  {"a":[1,"\"}"]}],"next":12}"#.utf8))
    #expect(page.next == 12)
    #expect(page.events == [#"{"n":1.50,"s":"],}"}"#, #"{"a":[1,"\"}"]}"#].map { EventText(json: $0.utf8) })
  }

  @Test func `an event is one line`() {
    #expect(EventText(json: "{\n\"a\":\r\n1}".utf8).json == Array("{ \"a\":  1}".utf8))
  }
}
