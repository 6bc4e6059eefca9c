import Events

/// Events that workloads append: of a type and a subject, with data that fill the record up to a size.
struct BenchEvents {
  let hash: StableHash
  var recordBytes: Int
  var subjects = 10_000
  /// Whether they come with an id and a source from outside.
  var hasIdentity = false
  var type: (_ number: Int) -> String

  init(
    hash: StableHash, recordBytes: Int, subjects: Int = 10_000, hasIdentity: Bool = false,
    type: @escaping (_ number: Int) -> String
  ) {
    (self.hash, self.recordBytes, self.subjects, self.hasIdentity) = (hash, recordBytes, subjects, hasIdentity)
    self.type = type
  }

  init(hash: StableHash, type: String, recordBytes: Int, subjects: Int = 10_000, hasIdentity: Bool = false) {
    self.init(hash: hash, recordBytes: recordBytes, subjects: subjects, hasIdentity: hasIdentity) { _ in type }
  }

  private static let padding = [UInt8](repeating: UInt8(ascii: "x"), count: 4096)

  /// All `count` of them, a thousand a batch.
  func batches(_ count: Int) -> [EntryBatch] {
    stride(from: 0, to: count, by: 1000).map { batch(min(1000, count - $0), first: $0) }
  }

  func batch(_ count: Int, first: Int) -> EntryBatch {
    let batch = EntryBatch(hash: hash, capacity: count * (recordBytes + 8))
    for number in first..<(first + count) { add(number, to: batch) }
    return batch
  }

  private func add(_ number: Int, to batch: EntryBatch) {
    let type = type(number)
    let subject = "subject-\(Self.spread(number, over: subjects))"
    let (id, source) = hasIdentity ? ("e-\(number)", "/bench") : ("", "")
    let identityBytes = hasIdentity ? id.utf8.count + source.utf8.count + 12 : 0
    let head = #"{"n":\#(number),"pad":""#
    let used = EntryView.headerSize + type.utf8.count + subject.utf8.count + head.utf8.count + 2 + identityBytes
    var data = ByteWriter(capacity: recordBytes)
    data.append(head)
    let padding = max(0, min(Self.padding.count, recordBytes - used))
    Self.padding.withUnsafeBytes { data.append(UnsafeRawBufferPointer(rebasing: $0[..<padding])) }
    data.append("\"}" as StaticString)
    Bytes.of(type) { type in
      Bytes.of(subject) { subject in
        batch.begin(kind: .event, type: type, subject: subject, data: data.bytes, encoding: .json)
      }
    }
    guard hasIdentity else { return batch.end() }
    Bytes.of(id) { id in
      Bytes.of(source) { source in
        batch.addAttribute(.id, id)
        batch.addAttribute(.source, source)
        batch.end(identityHash: hash.identity(source: source, id: id))
      }
    }
  }

  /// Goes through all subjects, neighbours far apart: a step that has no factor in common with their number.
  static func spread(_ number: Int, over subjects: Int) -> Int { number * 7919 % subjects }
}

private enum Bytes {
  static func of<Result>(_ text: String, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    var text = text
    return text.withUTF8 { body(UnsafeRawBufferPointer($0)) }
  }
}

/// The same as they come over HTTP: CloudEvents with id and source, about 200 bytes each.
enum CloudEventText {
  static func append(_ number: Int, subjects: Int = 10_000, hasTime: Bool = false, to writer: inout ByteWriter) {
    writer.append("{\"specversion\":\"1.0\",\"id\":\"e-" as StaticString)
    writer.appendDecimal(UInt64(number))
    writer.append("\",\"source\":\"/bench\",\"type\":\"Measured\",\"subject\":\"subject-" as StaticString)
    writer.appendDecimal(UInt64(BenchEvents.spread(number, over: subjects)))
    if hasTime { writer.append("\",\"time\":\"2026-01-01T12:00:00.123Z" as StaticString) }
    writer.append("\",\"data\":{\"n\":" as StaticString)
    writer.appendDecimal(UInt64(number))
    writer.append(",\"pad\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}}" as StaticString)
  }

  static func event(_ number: Int, hasTime: Bool = false) -> [UInt8] {
    var writer = ByteWriter(capacity: 256)
    append(number, hasTime: hasTime, to: &writer)
    return Array(writer.bytes)
  }

  /// Lines of an NDJSON stream.
  static func lines(_ numbers: Range<Int>, subjects: Int = 10_000) -> [UInt8] {
    var writer = ByteWriter(capacity: numbers.count * 224)
    for number in numbers {
      append(number, subjects: subjects, to: &writer)
      writer.append(UInt8(ascii: "\n"))
    }
    return Array(writer.bytes)
  }
}
