import Testing

@testable import Client

struct EventStreamParserTests {
  private static let text = """
    retry: 2000

    id: 7
    data: {"a":1}

    id: 9
    : alive

    event: cut
    id: 12
    data: one
    data: two


    """

  @Test func `however the stream is cut in two, the same messages come out`() {
    let bytes = Array(Self.text.utf8)
    for cut in 0...bytes.count {
      var parser = EventStreamParser()
      var messages: [EventStreamParser.Message] = []
      for piece in [bytes[..<cut], bytes[cut...]] {
        let goesOn = Array(piece).withUnsafeBytes { piece in
          parser.take(piece) {
            messages.append($0)
            return true
          }
        }
        #expect(goesOn)
      }
      let expected = [
        EventStreamParser.Message(event: "message", data: Array(#"{"a":1}"#.utf8)),
        EventStreamParser.Message(event: "cut", data: Array("one\ntwo".utf8)),
      ]
      #expect(messages == expected, "cut at \(cut)")
      #expect(parser.lastID == 12)
      #expect(parser.retryMilliseconds == 2000)
    }
  }

  @Test func `an id counts only when its message is whole`() {
    var parser = EventStreamParser()
    _ = Array("id: 3\ndata: x\n\nid: 4\ndata: y\n".utf8).withUnsafeBytes { parser.take($0) { _ in true } }
    #expect(parser.lastID == 3)
  }

  @Test func `a listener that has enough hears nothing more`() {
    var parser = EventStreamParser()
    var count = 0
    let goesOn = Array("data: x\n\ndata: y\n\n".utf8).withUnsafeBytes { bytes in
      parser.take(bytes) { _ in
        count += 1
        return false
      }
    }
    #expect(!goesOn)
    #expect(count == 1)
  }
}
