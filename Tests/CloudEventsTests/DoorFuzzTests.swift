import Testing

@testable import Events

/// Bytes that nobody would send on purpose, from printed seeds. The seed in the text of a failure repeats it:
/// keep it in the list.
struct `Whatever arrives` {
  static let seeds: [UInt64] = [1, 2, 3, 5, 8, 13, 21, 34]

  @Test(arguments: seeds)
  func `an event comes in whole or not at all`(seed: UInt64) throws {
    let door = Door()
    var random = SeededGenerator(seed: seed)
    let batch = door.newBatch()
    var taken = 0
    for round in 0..<6000 {
      let document = Self.document(&random)
      let trace: Comment = "seed \(seed), round \(round): \(String(decoding: document, as: UTF8.self).debugDescription)"
      let before = batch.mark
      do {
        try document.withUnsafeBytes { try door.decoder.decode($0, into: batch) }
        taken += 1
        let entry = batch.entry(batch.count - 1)
        #expect(EntryView.isValid(entry.whole), trace)
        #expect(NameRule.type.allows(entry.type) && NameRule.subject.allows(entry.subject), trace)
        let written = door.encode(batch, batch.count - 1)
        #expect(StrictJSON.isValue(Array(written.utf8), depth: 65), trace)
      } catch let error as CloudEventError {
        #expect(batch.mark == before, trace)
        #expect(!error.message.isEmpty && !error.message.unicodeScalars.contains { $0.value < 0x20 }, trace)
        if let offset = error.offset { #expect(offset <= document.count, trace) }
      }
    }
    #expect(taken > 100, "seed \(seed): hardly anything was taken, so hardly anything was tried")
  }

  private static func document(_ random: inout SeededGenerator) -> [UInt8] {
    let names = [
      "id", "source", "time", "subject", "type", "data", "data_base64", "datacontenttype", "position", "x", "A",
    ]
    let values = [
      "\"a\"", "\"\"", "1", "-9223372036854775808", "9223372036854775808", "1.5", "true", "null", "{}", "[[]]",
      "\"2026-01-01T00:00:00Z\"", "\"text/plain\"", "\"AAAA\"", "\"\\u0000\"", "\"\\ud800\"", "\"\u{85}\"", "\"😀\"",
    ]
    var members = ["\"specversion\":\"1.0\"", "\"type\":\"T\""]
    for _ in 0..<random.below(5) { members.append("\"\(random.pick(names))\":\(random.pick(values))") }
    members.shuffle(using: &random)
    var bytes = Array("{\(members.joined(separator: random.below(20) == 0 ? ";" : ","))}".utf8)
    if random.below(3) == 0 {
      for _ in 0...random.below(3) {
        bytes[random.below(bytes.count)] = UInt8.random(in: .min ... .max, using: &random)
      }
    }
    if random.below(10) == 0 { bytes.removeLast(random.below(bytes.count)) }
    return bytes
  }
}
