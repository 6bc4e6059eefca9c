import Events
import LogStorage
import Platform
import TestKit
import Testing

/// The log's decoder under bytes that nobody wrote: the only segment of a log.
@Suite struct SegmentFuzz {
  @Test func `a damaged segment is refused, or read up to the damage`() throws {
    let corpus = try Corpus.files("segment").map(\.bytes)
    let whole = Set(try corpus.flatMap { try Self.entries(of: $0) ?? [] }.map(\.description))
    try Fuzz.run("segment", corpus: corpus, words: Self.words, rounds: 1500) { bytes, _ in
      for seen in try Self.entries(of: bytes) ?? [] where !whole.contains(seen.description) {
        throw Fuzz.Wrong("an entry that nobody wrote: \(seen)")
      }
    }
  }

  @Test func `a segment that says nonsense under good checksums is refused, or read as a log`() throws {
    let corpus = try Corpus.files("segment").map(\.bytes)
    try Fuzz.run("resealed-segment", corpus: corpus, words: Self.words, rounds: 2500) { mutator, bytes in
      Reseal.segment(&bytes, chaining: mutator.seed.oneIn(2))
    } body: { bytes, _ in
      _ = try Self.entries(of: bytes)
    }
  }

  private static let words = ["MCMT", "MEND", "MOONDLOG", "\u{1}\0\0\0", "\0\0\0\0\0\0\0\0"]

  /// Opens a log with this segment both ways and uses it. Nil when it is refused.
  private static func entries(of bytes: [UInt8]) throws -> [Seen]? {
    let files = MemoryFileSystem()
    try files.makeFolder("data")
    try files.makeFolder("data/log")
    let test = TestLog(files: files)
    files.put(bytes, at: test.segment)
    guard let reading = try refusable({ try LogStore.openReadOnly(folder: test.root, fileSystem: files) }) else {
      // Opening for writing may refuse for the same reasons only.
      if try refusable({ try test.open() }) != nil { throw Fuzz.Wrong("it is opened for writing and not for reading") }
      return nil
    }
    let seen = try reading.reader.seen()
    let last = reading.reader.lastPosition.rawValue
    if seen.map(\.position) != Array(1..<(last + 1)) { throw Fuzz.Wrong("positions have gaps up to \(last)") }
    try lookUp(in: reading.reader, last: last)
    guard try refusable({ try test.open() }) != nil else { return seen }
    if try test.entries() != seen { throw Fuzz.Wrong("opened for writing it has other entries") }
    try test.append(test.batch(1, subject: "after"))
    test.sync()
    try test.log.close()
    try test.open()
    if try test.entries().dropLast() != seen[...] || test.subjects().last != "after-0" {
      throw Fuzz.Wrong("after one more append it has other entries")
    }
    try test.log.close()
    let verified = try LogVerifier.verify(folder: test.root, fileSystem: files)
    if !verified.isGood { throw Fuzz.Wrong("it was opened and has problems: \(verified.problems)") }
    return seen
  }

  private static func lookUp(in reader: LogReader, last: UInt64) throws {
    guard last > 0, let chunk = try reader.chunk(from: Position(last), through: Position(last)) else { return }
    let entry = chunk.entry(Position(last))
    let found = try reader.positions(ofSubject: entry.subject, from: Position(1), through: Position(last))
    let isKnown = RecordKind(rawValue: entry.rawKind) != nil
    if isKnown, !entry.subject.isEmpty, !found.contains(Position(last)) {
      throw Fuzz.Wrong("the last entry is not found by its subject")
    }
  }
}

/// Nil when the log is refused with an error that names what is wrong.
func refusable<Value>(_ body: () throws -> Value) throws -> Value? {
  do {
    return try body()
  } catch let error as LogError {
    if error.message.isEmpty { throw Fuzz.Wrong("it is refused without a word") }
    return nil
  }
}
