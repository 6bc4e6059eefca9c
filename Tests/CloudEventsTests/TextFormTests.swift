import Foundation
import Testing

@testable import Events

struct `Times in text` {
  private func isValid(_ text: String) -> Bool { Array(text.utf8).withUnsafeBytes { Timestamp.isValid($0) } }

  @Test(arguments: [
    "2026-07-01T09:30:00Z", "2026-07-01t09:30:00z", "2026-07-01T09:30:00.1Z", "2026-07-01T09:30:00.123456789123+14:00",
    "2024-02-29T00:00:00-23:59", "2000-02-29T00:00:00Z", "2016-12-31T23:59:60Z", "2017-01-01T00:59:60+01:00",
  ])
  func `of RFC 3339 are taken`(text: String) { #expect(isValid(text)) }

  @Test(arguments: [
    "", "2026-07-01", "2026-07-01T09:30:00", "2026-07-01 09:30:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
    "2026-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2026-01-00T00:00:00Z",
    "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:61Z", "2026-01-01T12:00:60Z",
    "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00+1:00", "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+0100",
    "2026-01-01T00:00:00Zx", "2026-1-01T00:00:00Z", "+026-01-01T00:00:00Z", "2026-01-01T00:00:00.5",
  ])
  func `of another form are refused`(text: String) { #expect(!isValid(text)) }

  @Test func `are written as Foundation writes them`() {
    let formatter = ISO8601DateFormatter()
    var random = SeededGenerator(seed: 20)
    for _ in 0..<2000 {
      let microseconds = Int64.random(in: 0..<253_402_300_800_000_000, using: &random)
      var writer = ByteWriter()
      Timestamp.write(microseconds, into: &writer)
      let whole = formatter.string(from: Date(timeIntervalSince1970: Double(microseconds / 1_000_000)))
      let fraction = String(String(microseconds % 1_000_000 + 1_000_000).dropFirst())
      #expect(writer.bytes.text == whole.dropLast() + "." + fraction + "Z")
      #expect(Timestamp.isValid(writer.bytes))
    }
  }

  @Test func `before 1970 are written too`() {
    var writer = ByteWriter()
    Timestamp.write(-1, into: &writer)
    #expect(writer.bytes.text == "1969-12-31T23:59:59.999999Z")
  }
}

struct `Numbers and base64` {
  @Test func `decimals are written as Swift writes them`() {
    for value in [UInt64(0), 1, 9, 10, 99, 100, 12345, .max, .max / 10, .max / 10 + 1, 10_000_000_000_000_000_000] {
      var writer = ByteWriter()
      writer.appendDecimal(value)
      #expect(writer.bytes.text == "\(value)")
    }
    for value in [Int64.min, -1, 0, .max] {
      var writer = ByteWriter()
      writer.appendDecimal(value)
      #expect(writer.bytes.text == "\(value)")
    }
  }

  @Test func `base64 is Foundation's, and comes back`() throws {
    let door = Door()
    for length in 0..<70 {
      let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ length &* 11) }
      let text = Data(bytes).base64EncodedString()
      let batch = try door.decode(#"{"specversion":"1.0","type":"T","data_base64":"\#(text)"}"#)
      #expect(batch.with { Array($0.data) } == bytes)
      #expect(door.encode(batch).hasSuffix("\"data_base64\":\"\(text)\"}"))
    }
  }

  @Test(arguments: [
    "A", "AA", "AAA", "A===", "====", "AA=A", "AB==", "AAB=", "AA==AA==", "A A=", "AA-_", "AAA\\n", "AAAAAA==",
  ])
  func `what is not canonical base64 is refused`(text: String) {
    let door = Door()
    let refusal = door.refusal(#"{"specversion":"1.0","type":"T","data_base64":"\#(text)"}"#)
    #expect((refusal != nil) == (text != "AAAAAA=="), "\(text)")
  }
}
