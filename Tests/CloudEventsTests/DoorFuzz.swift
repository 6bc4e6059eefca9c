import TestKit
import Testing

@testable import Events

/// The CloudEvents door in all its forms.
@Suite struct DoorFuzz {
  @Test func `an event, a batch and a body with headers come in whole or not at all`() throws {
    let door = Door()
    let batch = door.newBatch()
    var taken = 0
    try Fuzz.run("door", corpus: try Corpus.lines("door"), words: Self.words, rounds: 5000) { bytes, seed in
      let before = batch.mark
      do {
        switch seed.below(4) {
        case 0: try bytes.withUnsafeBytes { try door.decoder.decode(batch: $0, into: batch) }
        case 1: try Self.decodeBinary(bytes, door, batch, &seed)
        case 2:
          try ([UInt8(ascii: "[")] + bytes + [UInt8(ascii: ",")] + bytes + [UInt8(ascii: "]")]).withUnsafeBytes {
            try door.decoder.decode(batch: $0, into: batch)
          }
        default: try bytes.withUnsafeBytes { try door.decoder.decode($0, into: batch) }
        }
        for index in before.entries..<batch.count { try Self.check(batch, index, door) }
        taken += batch.count - before.entries
      } catch let error as CloudEventError {
        if batch.mark != before { throw Fuzz.Wrong("it is refused and something is in the batch") }
        let isClean = !error.message.isEmpty && !error.message.unicodeScalars.contains { $0.value < 0x20 }
        if !isClean { throw Fuzz.Wrong("the refusal says \(error.message.debugDescription)") }
        if let offset = error.offset, offset > 2 * bytes.count + 3 { throw Fuzz.Wrong("the error lies at \(offset)") }
      }
      if batch.count > 1000 { batch.truncate(to: (bytes: 0, entries: 0)) }
    }
    #expect(taken > 200, "hardly anything was taken, so hardly anything was tried")
  }

  /// The input as the body, or as the values of attributes.
  private static func decodeBinary(
    _ bytes: [UInt8], _ door: Door, _ batch: EntryBatch, _ seed: inout Seed
  ) throws {
    let text = String(decoding: bytes.prefix(300), as: UTF8.self)
    var attributes = [(name: "specversion", value: "1.0"), (name: "type", value: "T")]
    let names = ["id", "source", "subject", "time", "dataschema", "traceparent", "x", "", "A", "position", text]
    for _ in 0..<seed.below(4) {
      attributes.append((name: names[seed.below(names.count)], value: seed.oneIn(2) ? text : "a"))
    }
    let types = [nil, "application/json", "text/plain", "application/cloudevents+json", text]
    let type = types[seed.below(types.count)]
    try bytes.withUnsafeBytes {
      try door.decoder.decode(attributes: attributes, contentType: type, data: $0, into: batch)
    }
  }

  private static func check(_ batch: EntryBatch, _ index: Int, _ door: Door) throws {
    let entry = batch.entry(index)
    guard EntryView.isValid(entry.whole) else { throw Fuzz.Wrong("its record is not one") }
    guard NameRule.type.allows(entry.type), NameRule.subject.allows(entry.subject) else {
      throw Fuzz.Wrong("its type or subject may not be that")
    }
    let written = door.encode(batch, index)
    guard StrictJSON.isValue(Array(written.utf8), depth: 65) else { throw Fuzz.Wrong("it is written as \(written)") }
  }

  private static let words = [
    "\"specversion\":\"1.0\"", "\"type\":\"T\"", "\"id\":\"1\"", "\"source\":\"s\"", "\"subject\":", "\"data\":",
    "\"data_base64\":\"AAAA\"", "\"datacontenttype\":\"text/plain\"", "\"time\":\"2026-01-01T00:00:00Z\"", "\\u0000",
    "\\ud800", "😀", "null", "{", "}", "[", "]", ",", ":", "\"",
  ]
}
