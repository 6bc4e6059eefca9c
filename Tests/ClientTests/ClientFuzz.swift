import TestKit
import Testing

@testable import Client

/// What a daemon, or whatever stands at its address, may answer.
@Suite struct ClientFuzz {
  @Test func `an answer is taken apart within its bounds or refused`() throws {
    let corpus = try Corpus.lines("json") + Corpus.lines("page")
    try Fuzz.run("client-json", corpus: corpus, words: Self.words, rounds: 5000) { bytes, _ in
      do {
        try JSONScanner.check(bytes)
      } catch let mistake as JSONMistake {
        if mistake.offset > bytes.count || mistake.what.isEmpty { throw Fuzz.Wrong("\(mistake)") }
      }
      if let members = try? JSONScanner.members(bytes) {
        for member in members {
          guard member.value.upperBound <= bytes.count else { throw Fuzz.Wrong("a member at \(member.value)") }
          _ = try? JSONScanner.elements(bytes, in: member.value)
        }
      }
      if let page = try? EventPage(json: bytes) {
        for event in page.events where event.json.contains(UInt8(ascii: "\n")) {
          throw Fuzz.Wrong("an event has lines")
        }
      }
    }
  }

  @Test func `a stream says the same however it is cut`() throws {
    try Fuzz.run(
      "event-stream", corpus: try Corpus.files("event-stream").map(\.bytes), words: Self.fields, rounds: 3000
    ) {
      bytes, seed in
      let whole = Self.messages(of: bytes) { _ in bytes.count }
      let parts = Self.messages(of: bytes) { left in 1 + seed.below(min(left, 20)) }
      if whole != parts { throw Fuzz.Wrong("in parts it says \(parts.count) messages, whole \(whole.count)") }
    }
  }

  private static func messages(
    of bytes: [UInt8], cutting length: (Int) -> Int
  ) -> [EventStreamParser.Message] {
    var parser = EventStreamParser()
    var messages: [EventStreamParser.Message] = []
    var at = 0
    while at < bytes.count {
      let count = length(bytes.count - at)
      _ = bytes[at..<(at + count)].withUnsafeBytes { part in
        parser.take(part) {
          messages.append($0)
          return true
        }
      }
      at += count
    }
    return messages
  }

  private static let words = [
    "\"events\":[", "\"next\":", "{", "}", "[", "]", ",", "\"", "\\u12", "1e9", "-", "\u{FF}",
  ]
  private static let fields = ["data:", "id:", "event:", "retry:", ": ", "\n", "\r\n", "\n\n", "18446744073709551616"]
}
