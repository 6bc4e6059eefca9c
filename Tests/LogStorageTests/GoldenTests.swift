import Events
import Glibc
import LogStorage
import Platform
import Synchronization
import TestKit
import Testing

/// The bytes of format version 1, frozen in docs/log-format.md: what is written there is what the code writes, and what
/// the code reads. When a test here fails, the format has changed, which it must not.
@Suite struct GoldenTests {
  private final class FixedRandomness: Randomness {
    private let numbers = Mutex<[UInt64]>([0x0123_4567_89AB_CDEF, 0xFEDC_BA98_7654_3210])
    func next() -> UInt64 { numbers.withLock { $0.removeFirst() } }
  }

  /// The worked example: two commits, then a third that does not fit, so that the first segment is sealed.
  private func example() throws -> MemoryFileSystem {
    let files = MemoryFileSystem()
    let clock = ManualClock(wall: 1_700_000_000_000_000)
    var options = LogOptions()
    options.ownThreads = false
    options.preparedBytes = 0
    options.segmentBytes = 4096
    var log = try LogStore.open(
      folder: "data", fileSystem: files, options: options, clock: clock, randomness: FixedRandomness())
    log.journal.start { _ in }
    let hash = log.hash
    func append(_ producer: Producer, _ generation: UInt32, _ fill: (inout CommitFramer) -> Void) throws {
      log.framer.beginGroup()
      log.framer.beginCommit(
        producer: producer, generation: generation, time: clock.wallMicroseconds(),
        durable: log.journal.durable.commit)
      fill(&log.framer)
      log.framer.endCommit()
      try log.journal.append(log.framer.endGroup())
      log.journal.syncOnce()
      clock.advance(microseconds: 1_500_000)
    }
    try append(.door, 0) { framer in
      let batch = EntryBatch(hash: hash)
      batch.add(data: #"{"price":42}"#, id: "a-1")
      framer.append(batch)
    }
    try append(.reader(1), 1) { framer in
      let batch = EntryBatch(hash: hash)
      batch.add(type: "StockReserved", root: 1, cause: 1)
      framer.append(batch)
      var record = ByteWriter()
      record.record(.progress) { writer in
        writer.field(1, UInt32(1))
        writer.field(2, UInt64(1))
      }
      framer.appendRecords(record)
    }
    let point = log.journal.durable
    try "state".withBytes { try log.snapshots.save(point, version: 1, payload: $0) }
    try append(.door, 1) { framer in
      let batch = EntryBatch(hash: hash)
      batch.add(data: "[" + String(repeating: " ", count: 3600) + "]")
      framer.append(batch)
    }
    try log.close()
    return files
  }

  /// As `hexdump -C` prints it: 16 bytes a line, lines like the one before as one "*".
  private func dump(_ bytes: [UInt8]) -> [String] {
    var lines: [String] = []
    var last: ArraySlice<UInt8>?
    var isSkipping = false
    for start in stride(from: 0, to: bytes.count, by: 16) {
      let row = bytes[start..<min(start + 16, bytes.count)]
      if let last, last.elementsEqual(row), start + 16 < bytes.count {
        if !isSkipping { lines.append("*") }
        isSkipping = true
        continue
      }
      isSkipping = false
      last = row
      let hex = row.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
      let text = row.map { (0x20..<0x7F).contains($0) ? String(UnicodeScalar($0)) : "." }.joined()
      let left = hex.prefix(8).joined(separator: " ")
      let right = hex.dropFirst(8).joined(separator: " ")
      let columns = (left + "  " + right).padding(to: 48)
      lines.append(String(start, radix: 16).leading(8) + "  " + columns + "  |" + text + "|")
    }
    return lines
  }

  /// The fenced block that follows the line `<!-- name -->` of the format's description.
  private func documented(_ name: String) throws -> [String] {
    let path = "\(#filePath)".split(separator: "/").dropLast(3).map { "/\($0)" }.joined() + "/docs/log-format.md"
    let file = try LocalFileSystem().open(path, .read)
    var bytes = [UInt8](repeating: 0, count: try file.size())
    _ = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    let start = try #require(lines.firstIndex { $0 == "<!-- \(name) -->" }, "docs/log-format.md has no block \(name)")
    return lines[(start + 2)...].prefix { $0 != "```" }.map(String.init)
  }

  private static let blocks: [(name: String, path: String, range: Range<Int>?)] = [
    ("segment", "data/log/00000000000000000001.seg", nil),
    ("index", "data/log/00000000000000000001.idx", 0..<4096),
    ("index run", "data/log/00000000000000000001.idx", 4096..<8192),
    ("witness", "data/witness", nil),
    ("snapshot", "data/snapshots/00000000000000000002.snap", nil),
  ]

  @Test func `what the code writes is what the description shows, byte for byte`() throws {
    let files = try example()
    for (name, path, range) in Self.blocks {
      let bytes = try #require(files.contents(path))
      let written = dump(range.map { Array(bytes[$0]) } ?? bytes)
      let documented = try documented(name)
      if written != documented { print("<!-- \(name) -->\n```text\n" + written.joined(separator: "\n") + "\n```") }
      #expect(written == documented, "\(name)")
    }
  }

  @Test func `the bytes of the description are read as what it says they are`() throws {
    var bytes: [UInt8] = []
    for line in try documented("segment") {
      if line == "*" { continue }
      let start = Int(line.prefix(8), radix: 16)!
      while bytes.count < start { bytes.append(contentsOf: bytes.suffix(16)) }
      bytes += line.dropFirst(10).prefix(48).split(separator: " ").map { UInt8($0, radix: 16)! }
    }
    let files = MemoryFileSystem()
    for folder in ["data", "data/log"] {
      try files.makeFolder(folder)
      try files.syncFolder(folder == "data" ? "." : "data")
    }
    files.put(bytes, at: "data/log/00000000000000000001.seg")
    let log = try LogStore.openReadOnly(folder: "data", fileSystem: files)
    #expect(log.identity.id.description == "0123456789abcdeffedcba9876543210")
    #expect(log.identity.name == "moondance:0123456789abcdeffedcba9876543210")
    #expect(log.identity.clockMode == .host && log.identity.limits == LogLimits())
    let chunk = try #require(try log.reader.chunk(from: Position(1), through: Position(9)))
    #expect(chunk.lastPosition == Position(2) && chunk.lastCommit == 2)
    let first = chunk.entry(Position(1))
    #expect(first.type.text == "OrderPlaced" && first.subject.text == "order-1")
    #expect(first.data.text == #"{"price":42}"# && first.cause == 0 && first.root == 0)
    #expect(first.attributes[.id]?.text == "a-1" && first.attributes[.source]?.text == "shop")
    let second = chunk.commit(of: Position(2))
    #expect(second.producer == .reader(1) && second.generation == 1 && second.durable == 1 && second.epoch == 1)
    #expect(second.time == 1_700_000_001_500_000)
    #expect(second.previous == chunk.commit(of: Position(1)).chain)
    #expect(chunk.entry(Position(2)).cause == 1 && chunk.entry(Position(2)).root == 1)
    let progress = try #require(second.records.map { $0 }.last)
    #expect(progress.kind == .progress && progress.fields.map(\.integer) == [1, 1])
  }

  @Test func `the named functions are what other languages will compute`() {
    // RFC 3720, B.4, and the vector of "123456789"; XXH3-64 of its own test program.
    #expect([UInt8](repeating: 0, count: 32).withUnsafeBytes { crc32c($0) } == 0x8A91_36AA)
    #expect("123456789".withBytes { crc32c($0) } == 0xE306_9283)
    #expect("".withBytes { StableHash(seed: 0)($0) } == 0x2D06_8005_38D3_94C2)
    let hash = StableHash(seed: 0xFEDC_BA98_7654_3210)
    #expect("shop\0a-1".withBytes { hash($0) } == "a-1".withBytes { id in "shop".withBytes { hash.identity(source: $0, id: id) } })
  }
}

extension String {
  fileprivate func padding(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - utf8.count)) }
  fileprivate func leading(_ width: Int) -> String { String(repeating: "0", count: max(0, width - utf8.count)) + self }
}
