import Foundation
import Testing

@testable import Events

struct `A CloudEvent on its way out` {
  let door = Door()

  @Test func `goes out as it came, with its place in the log`() throws {
    let batch = try door.decode(
      #"{"type":"OrderPlaced","specversion":"1.0","source":"/shop","id":"e1","subject":"order-\"1\"","#
        + #""time":"2026-07-01T09:30:00Z","datacontenttype":"application/json","n":-3,"b":false,"data":{"a": [1.0]}}"#)
    #expect(
      door.encode(batch)
        == #"{"specversion":"1.0","id":"e1","source":"/shop","type":"OrderPlaced","subject":"order-\"1\"","#
        + #""time":"2026-07-01T09:30:00Z","datacontenttype":"application/json","n":-3,"b":false,"#
        + #""position":7,"correlationid":"7","data":{"a": [1.0]}}"#)
  }

  @Test func `gets what the sender left out from the log`() throws {
    let batch = try door.decode(#"{"specversion":"1.0","type":"Tick"}"#)
    #expect(
      door.encode(batch, position: 18_446_744_073_709_551_615, committed: 1_782_898_200_000_042)
        == #"{"specversion":"1.0","id":"18446744073709551615","source":"moondance:test","type":"Tick","#
        + #""time":"2026-07-01T09:30:00.000042Z","position":18446744073709551615,"#
        + #""correlationid":"18446744073709551615"}"#)
  }

  @Test func `names its cause and its root`() {
    let batch = door.newBatch()
    let empty = UnsafeRawBufferPointer(start: nil, count: 0)
    for text in ["T"] {
      Array(text.utf8).withUnsafeBytes { type in
        batch.begin(kind: .event, type: type, subject: empty, data: empty, encoding: .none, cause: 6, root: 3, depth: 2)
        batch.end()
      }
    }
    #expect(door.encode(batch).contains(#""position":7,"causationid":"6","correlationid":"3"}"#))
  }

  @Test func `keeps a correlation that was given`() throws {
    let batch = try door.decode(#"{"specversion":"1.0","type":"T","correlationid":"order-9"}"#)
    #expect(door.encode(batch).contains(#""correlationid":"order-9","position":7}"#))
  }

  @Test(arguments: [
    (#""datacontenttype":"text/plain","data":"a\"é""#, #""data":"a\"é"}"#),
    (#""datacontenttype":"application/xml","data":"<a/>""#, #""data":"<a/>"}"#),
    (#""datacontenttype":"text/plain","data_base64":"/w==""#, #""data_base64":"/w=="}"#),
    (#""datacontenttype":"image/png","data_base64":"AAEC""#, #""data_base64":"AAEC"}"#),
    (#""data_base64":"""#, #""data_base64":""}"#), (#""data":null"#, #""data":null}"#),
    (#""data":"x""#, #""data":"x"}"#),
  ])
  func `data of any type go out so that they can come in again`(given: String, ending: String) throws {
    let batch = try door.decode(#"{"specversion":"1.0","type":"T",\#(given)}"#)
    let text = door.encode(batch)
    #expect(text.hasSuffix(ending), "\(text)")
    let again = try door.decode(text)
    defer { withExtendedLifetime((batch, again)) {} }
    #expect(again.entry(0).isSameEvent(as: batch.entry(0)))
  }

  @Test(arguments: [UInt64(11), 12, 13, 14])
  func `coming in and going out loses nothing`(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    for round in 0..<500 {
      let sample = RandomEvent(&random)
      let batch = try door.decode(sample.document)
      let entry = batch.entry(0)
      let trace: Comment = "seed \(seed), round \(round): \(sample.document)"
      #expect(entry.data.text == sample.data, trace)
      #expect(entry.attributeTexts == sample.attributes, trace)
      let written = door.encode(batch, position: UInt64(round + 1))
      #expect(StrictJSON.isValue(Array(written.utf8)), trace)
      #expect(written.hasSuffix(",\"data\":" + sample.data + "}"), trace)
      let again = try door.decode(written)
      defer { withExtendedLifetime((batch, again)) {} }
      #expect(again.entry(0).isSameEvent(as: entry), trace)
      let added = ["id": "\(round + 1)", "source": "moondance:test", "correlationid": "\(round + 1)"]
      var expected = sample.attributes.merging(added) { given, _ in given }
      expected["time"] = again.entry(0).attributeTexts["time"]
      #expect(again.entry(0).attributeTexts == expected, trace)
      let parsed = try JSONSerialization.jsonObject(with: Data(written.utf8)) as? [String: Any]
      #expect(parsed?["subject"] as? String == sample.subject, trace)
    }
  }
}

/// An event with attributes drawn from a seed, and what must come of them.
private struct RandomEvent {
  var document: String
  var subject: String
  var data: String
  var attributes: [String: String] = [:]

  init(_ random: inout SeededGenerator) {
    subject = "s" + Self.text(&random)
    data = random.pick([
      "{}", "[1, 2.50,\t3]", "\"\\u0041\\n\"", "1e300", "-0.0", "null", "{\"a\":{\"b\":[{}]} , \"é\":\"😀\"}", "[\r\n]",
    ])
    var members = [
      "\"specversion\":\"1.0\"", "\"type\":\"Type.\(random.below(9))\"", "\"subject\":\(Self.quoted(subject, &random))",
    ]
    if Bool.random(using: &random) {
      attributes["source"] = "/" + Self.text(&random)
      if Bool.random(using: &random) { attributes["id"] = "i" + Self.text(&random) }
    }
    if Bool.random(using: &random) { attributes["time"] = "2026-02-28T23:59:59.123456789+01:30" }
    for name in ["correlationid", "traceparent", "tracestate", "dataschema", "ext1", "a", "zz9"]
    where random.below(3) == 0 {
      attributes[name] = Self.text(&random)
    }
    if random.below(3) == 0 { attributes["datacontenttype"] = "application/vnd.x+json" }
    members += attributes.map { "\"\($0.key)\":\(Self.quoted($0.value, &random))" }
    if random.below(3) == 0 {
      attributes["count"] = "\(Int64.random(in: .min ... .max, using: &random))"
      members.append("\"count\":\(attributes["count"]!)")
    }
    members.append("\"data\": \(data) ")
    members.shuffle(using: &random)
    document = "{" + members.joined(separator: ",") + "}"
  }

  private static func text(_ random: inout SeededGenerator) -> String {
    let pieces = ["a", "Z", "9", " ", "/", "\"", "\\", "é", "e\u{301}", "😀", "日", "<", "'", "\u{FFFD}"]
    return (0..<random.below(12)).map { _ in random.pick(pieces) }.joined()
  }

  private static func quoted(_ text: String, _ random: inout SeededGenerator) -> String {
    var out = "\""
    for unit in text.utf16 {
      let scalar = UnicodeScalar(unit)
      if unit == 0x22 || unit == 0x5C {
        out += "\\" + String(scalar!)
      } else if let scalar, random.below(4) > 0 {
        out += String(scalar)
      } else {
        out += "\\u" + String(0x10000 + Int(unit), radix: 16).dropFirst()
      }
    }
    return out + "\""
  }
}
