@testable import Events

/// A generator that a printed seed repeats.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }
  mutating func pick<Element>(_ from: [Element]) -> Element { from[below(from.count)] }
}

/// The door for one test: decodes into a fresh batch.
struct Door {
  let decoder = CloudEventDecoder()
  let encoder = CloudEventEncoder(logName: "moondance:test")

  func newBatch() -> EntryBatch { EntryBatch(hash: StableHash(seed: 42)) }

  func decode(_ text: String) throws -> EntryBatch { try decode(Array(text.utf8)) }

  func decode(_ bytes: [UInt8]) throws -> EntryBatch {
    let batch = newBatch()
    try bytes.withUnsafeBytes { try decoder.decode($0, into: batch) }
    return batch
  }

  func decode(batch text: String) throws -> EntryBatch {
    let batch = newBatch()
    try Array(text.utf8).withUnsafeBytes { try decoder.decode(batch: $0, into: batch) }
    return batch
  }

  func decode(headers: [(String, String)], type: String?, body: [UInt8]) throws -> EntryBatch {
    let batch = newBatch()
    try body.withUnsafeBytes {
      try decoder.decode(
        attributes: headers.map { (name: $0.0, value: $0.1) }, contentType: type, data: $0, into: batch)
    }
    return batch
  }

  /// The error that the document is refused with.
  func refusal(_ bytes: [UInt8]) -> CloudEventError? {
    do {
      _ = try decode(bytes)
      return nil
    } catch {
      return error as? CloudEventError
    }
  }

  func refusal(_ text: String) -> CloudEventError? { refusal(Array(text.utf8)) }

  /// Whether `data` is taken as the JSON data of an event in binary mode, where nothing else stands around it.
  func takes(data: [UInt8]) -> Bool {
    do {
      _ = try decode(headers: [("specversion", "1.0"), ("type", "T")], type: "application/json", body: data)
      return true
    } catch {
      return false
    }
  }

  func encode(_ batch: EntryBatch, _ index: Int = 0, position: UInt64 = 7, committed: Int64 = 0) -> String {
    var writer = ByteWriter()
    encoder.encode(batch.entry(index), position: Position(position), committed: committed, into: &writer)
    return writer.bytes.text
  }
}

extension EntryBatch {
  /// The first entry, while the batch is sure to be there.
  func with<Result>(_ body: (EntryView) throws -> Result) rethrows -> Result {
    defer { withExtendedLifetime(self) {} }
    return try body(entry(0))
  }
}

extension EntryView {
  /// Attributes as name → text, for comparing.
  var attributeTexts: [String: String] {
    var texts: [String: String] = [:]
    for attribute in attributes {
      texts[attribute.name.text] =
        attribute.integer.map { "\($0)" } ?? attribute.boolean.map { "\($0)" } ?? attribute.value.text
    }
    return texts
  }
}
