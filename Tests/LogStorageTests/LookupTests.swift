import Events
import LogStorage
import Platform
import TestKit
import Testing

/// Entries found by subject, type and root.
@Suite struct LookupTests {
  struct Fact {
    var position: UInt64
    var type: String
    var subject: String
    var root: UInt64
    var log: String?
  }

  /// A log of several segments with a few subjects, types and roots, and what was put in.
  private func filled(_ files: MemoryFileSystem, _ start: UInt64, rounds: Int = 60) throws -> (TestLog, [Fact]) {
    let test = TestLog(files: files)
    test.options.segmentBytes = 8192
    try test.open()
    var seed = Seed(start)
    var facts: [Fact] = []
    for round in 0..<rounds {
      let batch = EntryBatch(hash: test.log.hash)
      for _ in 0..<(1 + seed.below(8)) {
        let position = test.log.framer.nextPosition.rawValue + UInt64(batch.count)
        let root = seed.oneIn(3) ? 0 : 1 + seed.next() % position
        let fact = Fact(
          position: position, type: "T\(seed.below(4))", subject: seed.oneIn(9) ? "" : "s\(seed.below(12))",
          root: root == position ? 0 : root, log: seed.oneIn(5) && root != position && root > 0 ? "elsewhere" : nil)
        batch.add(
          type: fact.type, subject: fact.subject, data: #"{"filling":"0123456789"}"#, root: fact.root,
          causeLog: fact.log)
        facts.append(fact)
      }
      try test.append(batch)
      if seed.oneIn(3) { test.log.journal.syncOnce() }
      if seed.oneIn(4) { test.log.indexer.workOnce() }
      if round == rounds / 2 { test.sync() }
    }
    return (test, facts)
  }

  private func check(_ reader: LogReader, _ facts: [Fact], _ moment: String, seed start: UInt64) throws {
    var seed = Seed(start)
    for _ in 0..<25 {
      let from = UInt64(seed.below(facts.count + 2))
      let through = from + UInt64(seed.below(facts.count + 2))
      let limit = seed.oneIn(2) ? Int.max : seed.below(6)
      func expected(_ matches: (Fact) -> Bool) -> [UInt64] {
        Array(facts.filter { matches($0) && (from...through).contains($0.position) }.map(\.position).prefix(limit))
      }
      let subject = "s\(seed.below(13))"
      let bySubject = try subject.withBytes {
        try reader.positions(ofSubject: $0, from: Position(from), through: Position(through), limit: limit)
      }
      #expect(bySubject.map(\.rawValue) == expected { $0.subject == subject }, "\(moment), seed \(start): \(subject)")
      let type = "T\(seed.below(5))"
      let byType = try type.withBytes {
        try reader.positions(ofType: $0, from: Position(from), through: Position(through), limit: limit)
      }
      #expect(byType.map(\.rawValue) == expected { $0.type == type }, "\(moment), seed \(start): \(type)")
      let root = 1 + UInt64(seed.below(facts.count))
      let byRoot = try reader.positions(
        ofRoot: Position(root), from: Position(from), through: Position(through), limit: limit)
      #expect(
        byRoot.map(\.rawValue) == expected { $0.root == root && $0.log == nil }, "\(moment), seed \(start): \(root)")
      let elsewhere = try "elsewhere".withBytes {
        try reader.positions(
          ofRoot: Position(root), inLog: $0, from: Position(from), through: Position(through), limit: limit)
      }
      #expect(
        elsewhere.map(\.rawValue) == expected { $0.root == root && $0.log != nil }, "\(moment), seed \(start): \(root)")
    }
  }

  @Test func `look-ups agree with a scan: in tables, waiting chunks, index files, after a restart, read-only`() throws {
    for start in 0..<6 as Range<UInt64> {
      let files = MemoryFileSystem()
      let (test, facts) = try filled(files, start)
      try check(test.log.reader, facts, "while it grows", seed: start)
      test.sync()
      try check(test.log.reader, facts, "indexed", seed: start)
      try test.log.close()
      try test.open()
      try check(test.log.reader, facts, "opened again", seed: start)
      try test.log.close()
      #expect(try LogVerifier.verify(folder: "data", fileSystem: files).notes.isEmpty)
      let readOnly = try LogStore.openReadOnly(folder: "data", fileSystem: files)
      try check(readOnly.reader, facts, "read-only", seed: start)
      for name in try files.list("data/log") where name.hasSuffix(".idx") { files.drop("data/log/\(name)") }
      let bare = try LogStore.openReadOnly(folder: "data", fileSystem: files)
      try check(bare.reader, facts, "read-only without indexes", seed: start)
      #expect(try !files.list("data/log").contains { $0.hasSuffix(".idx") })
    }
  }

  @Test func `a damaged index is built again when it is used, and answers are right in any case`() throws {
    let files = MemoryFileSystem()
    let (made, facts) = try filled(files, 42)
    made.sync()
    try made.log.close()
    let path = try files.list("data/log").filter { $0.hasSuffix(".idx") }.sorted().map { "data/log/\($0)" }[0]
    let bytes = files.contents(path)!
    for index in stride(from: 0, to: bytes.count, by: 97) {
      let copy = files.copy()
      var damaged = bytes
      damaged[index] ^= 0x55
      copy.put(damaged, at: path)
      let test = TestLog(files: copy)
      test.options.segmentBytes = 8192
      try test.open()
      try check(test.log.reader, facts, "byte \(index)", seed: UInt64(index))
      try test.log.close()
    }
    for size in stride(from: 0, to: bytes.count, by: 1111) {
      let copy = files.copy()
      copy.put(Array(bytes[..<size]), at: path)
      let test = TestLog(files: copy)
      try test.open()
      #expect(test.log.report.rebuiltIndexes == [path])
      #expect(copy.contents(path) == bytes, "an index is the same however it is made")
      try test.log.close()
    }
  }

  @Test func `the index of another segment or of an older content is not used`() throws {
    let files = MemoryFileSystem()
    let (made, facts) = try filled(files, 5)
    made.sync()
    try made.log.close()
    let paths = try files.list("data/log").filter { $0.hasSuffix(".idx") }.sorted().map { "data/log/\($0)" }
    files.put(files.contents(paths[1])!, at: paths[0])
    let test = TestLog(files: files)
    try test.open()
    #expect(test.log.report.rebuiltIndexes == [paths[0]])
    try check(test.log.reader, facts, "swapped", seed: 1)
  }

  @Test func `hits are confirmed by bytes when two subjects have the same hash`() throws {
    let test = TestLog(files: MemoryFileSystem())
    try test.open()
    let batch = EntryBatch(hash: test.log.hash)
    for name in ["a", "b", "a"] { batch.add(subject: name) }
    batch.infos[1].subjectHash = batch.infos[0].subjectHash
    batch.infos[1].typeHash = 9
    try test.append(batch)
    for _ in 0..<2 {
      #expect(try "a".withBytes { try test.log.reader.positions(ofSubject: $0, through: Position(9)) } == [Position(1), Position(3)])
      test.log.indexer.workOnce()
    }
  }

  @Test func `the prefix of the log at a time ends with the last commit that is not later`() throws {
    let files = MemoryFileSystem()
    let test = TestLog(files: files)
    test.options.segmentBytes = 4096
    try test.open()
    var commits: [(time: Int64, position: UInt64)] = []
    for index in 0..<80 {
      if index % 3 != 0 { test.clock.advance(microseconds: 10) }
      try test.append(test.batch(1 + index % 4))
      commits.append((test.clock.wallMicroseconds(), test.log.framer.nextPosition.rawValue - 1))
      if index % 10 == 9 { test.sync() }
    }
    #expect(try test.log.reader.prefix(until: commits[0].time - 1) == DurablePoint(commit: 0, position: .start, time: .min))
    for time in (commits[0].time - 1)...(commits.last!.time + 1) {
      let expected = commits.lastIndex { $0.time <= time }
      let found = try test.log.reader.prefix(until: time)
      #expect(found.commit == UInt64((expected ?? -1) + 1))
      #expect(found.position.rawValue == (expected.map { commits[$0].position } ?? 0))
    }
  }

  @Test func `replay begins at any commit and can be ended`() throws {
    let files = MemoryFileSystem()
    let (test, _) = try filled(files, 8, rounds: 30)
    for start in 0...31 as ClosedRange<UInt64> {
      var seen: [UInt64] = []
      try test.log.reader.replay(fromCommit: start) { commit in
        seen.append(commit.number)
        return seen.count < 12
      }
      #expect(seen == Array((max(start, 1)...31).prefix(12)).filter { $0 <= 30 })
    }
  }
}
