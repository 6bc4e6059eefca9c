import Events
import LogStorage
import Platform
import TestKit
import Testing

/// What lies behind deduplication, in memory.
@Suite struct IdentityTests {
  @Test func `a filter knows all its hashes and is wrong about others once in ten thousand times at most`() {
    var seed = Seed(1)
    for count in [1, 2, 3, 10, 100, 1000, 20_000] {
      let hashes = (0..<count).map { _ in seed.next() }
      // The same identity twice, as after a retry of the sender that was let in under another type.
      let filter = IdentityFilter(sorted: (hashes + hashes.prefix(3)).sorted())
      #expect(hashes.allSatisfy { filter.mightContain($0) })
      let wrong = (0..<20_000).filter { _ in filter.mightContain(seed.next()) }.count
      #expect(wrong <= 4, "\(count) hashes: \(wrong) of 20,000")
      #expect(filter.fingerprints.count <= count * 124 / 100 + 40)
    }
  }

  @Test func `a map agrees with a dictionary under inserts and removes, with many hashes in one place`() {
    for start in 0..<20 as Range<UInt64> {
      var seed = Seed(start)
      var map = IdentityMap()
      var model: [UInt64: [UInt64]] = [:]
      // Few different low bits, so that runs of slots grow, wrap around and are closed again.
      func hash() -> UInt64 { UInt64(1 + seed.below(12)) << 56 | UInt64(seed.below(3)) << 32 | UInt64(1 + seed.below(20)) }
      for position in 1...600 as ClosedRange<UInt64> {
        if seed.below(5) < 3 {
          let key = hash()
          map.insert(key, Position(position))
          model[key, default: []].append(position)
        } else if let key = model.keys.sorted().randomElement(using: &seed), let gone = model[key]!.randomElement(using: &seed) {
          map.remove(key, Position(gone))
          model[key]!.removeAll { $0 == gone }
          if model[key]!.isEmpty { model[key] = nil }
        }
      }
      for first in 1...12 as ClosedRange<UInt64> {
        for middle in 0..<3 as Range<UInt64> {
          for low in 1...20 as ClosedRange<UInt64> {
            let key = first << 56 | middle << 32 | low
            var found: [UInt64] = []
            map.forEach(key) { found.append($0.rawValue) }
            #expect(found.sorted() == (model[key] ?? []).sorted(), "seed \(start)")
            #expect(map.contains(key) == (model[key] != nil))
          }
        }
      }
    }
  }

  private func identity(_ test: TestLog, _ id: String) -> UInt64 {
    id.withBytes { id in "shop".withBytes { test.log.hash.identity(source: $0, id: id) } }
  }

  /// Appends one event for each id, the way the engine does.
  private func append(_ test: TestLog, _ ids: [String]) throws {
    let batch = EntryBatch(hash: test.log.hash)
    for id in ids { batch.add(subject: "s-\(id)", data: #"{"text":"some bytes to fill the segment"}"#, id: id) }
    var position = test.log.framer.nextPosition
    for info in batch.infos {
      test.log.identities.insert(info.identityHash, position)
      position = position.next
    }
    do throws(JournalError) {
      try test.append(batch)
    } catch {
      test.log.identities.groupFailed()
      throw error
    }
    test.log.identities.groupAppended(to: test.log.journal)
  }

  /// The position that deduplication finds, the way the engine asks.
  private func find(_ test: TestLog, _ id: String) throws -> UInt64? {
    let hash = identity(test, id)
    guard test.log.identities.mightContain(hash) else { return nil }
    let candidates = test.log.identities.candidates(hash)
    if candidates.isEmpty && !test.log.identities.isMaybeSealed(hash) { return nil }
    return try id.withBytes { id in
      try "shop".withBytes { source in
        try test.log.reader.find(source: source, id: id, hash: hash, candidates: candidates)?.position.rawValue
      }
    }
  }

  /// The same without the engine's help.
  private func search(_ test: TestLog, _ id: String, source: String = "shop") throws -> UInt64? {
    try id.withBytes { id in
      try source.withBytes { source in
        try test.log.reader.find(source: source, id: id, hash: test.log.hash.identity(source: source, id: id))?
          .position.rawValue
      }
    }
  }

  @Test func `row 69: the same identity is found however late, over rolls, restarts and missing indexes`() throws {
    let files = MemoryFileSystem()
    let test = TestLog(files: files)
    test.options.segmentBytes = 4096
    try test.open()
    var positions: [String: UInt64] = [:]
    func check(_ moment: String) throws {
      for (id, position) in positions {
        #expect(try find(test, id) == position, "\(moment): \(id)")
      }
      for id in ["id-x", "id-999", "none"] { #expect(try find(test, id) == nil, "\(moment): \(id)") }
    }
    for round in 0..<30 {
      let ids = (0..<4).map { "id-\(round)-\($0)" }
      for (index, id) in ids.enumerated() { positions[id] = test.log.framer.nextPosition.rawValue + UInt64(index) }
      try append(test, ids)
      // Synced, indexed, or neither: it is found in any case.
      if round % 7 == 3 { test.log.journal.syncOnce() }
      if round % 7 == 5 { test.log.indexer.workOnce() }
      if round % 3 == 0 { try check("round \(round)") }
    }
    test.sync()
    try append(test, ["id-last"])
    positions["id-last"] = test.log.framer.nextPosition.rawValue - 1
    try check("after the indexes are written")
    #expect(SegmentTests.segments(of: files).count >= 4)
    #expect(positions.keys.filter { !test.log.identities.candidates(identity(test, $0)).isEmpty }.count < 60)
    for (id, position) in positions { #expect(try search(test, id) == position) }
    #expect(try search(test, "id-1-1", source: "another shop") == nil)
    try test.log.close()
    try test.open()
    #expect(test.log.report.rebuiltIndexes.isEmpty)
    try check("after a restart")
    try test.log.close()
    let indexes = try files.list("data/log").filter { $0.hasSuffix(".idx") }
    for name in indexes { files.drop("data/log/\(name)") }
    try test.open()
    #expect(test.log.report.rebuiltIndexes.count == indexes.count)
    try check("after the indexes were lost")
  }

  @Test func `a refused group leaves no identities behind, an abandoned commit takes its own away`() throws {
    let files = MemoryFileSystem()
    let test = TestLog(files: files)
    try test.open()
    try append(test, ["a", "b"])
    files.inject { $0.operation == .write ? .fail(28) : nil }
    #expect(throws: JournalError.self) { try append(test, ["c", "d"]) }
    files.inject(nil)
    #expect(!test.log.identities.mightContain(identity(test, "c")))
    #expect(test.log.identities.mightContain(identity(test, "a")))
    test.log.identities.insert(77, Position(3))
    test.log.identities.insert(77, Position(4))
    test.log.identities.remove(77, Position(4))
    #expect(test.log.identities.candidates(77) == [Position(3)])
    test.log.identities.groupFailed()
    #expect(!test.log.identities.mightContain(77))
    try append(test, ["c"])
    #expect(try find(test, "c") == 3)
  }

  @Test func `two identities with the same hash are told apart by their bytes`() throws {
    let files = MemoryFileSystem()
    let test = TestLog(files: files)
    test.options.segmentBytes = 4096
    try test.open()
    let wanted = identity(test, "wanted")
    let batch = EntryBatch(hash: test.log.hash)
    batch.add(subject: "one", id: "other")
    batch.infos[0].identityHash = wanted
    batch.add(subject: "two", id: "wanted")
    test.log.identities.insert(wanted, Position(1))
    test.log.identities.insert(wanted, Position(2))
    try test.append(batch)
    test.log.identities.groupAppended(to: test.log.journal)
    #expect(test.log.identities.candidates(wanted) == [Position(1), Position(2)])
    #expect(try find(test, "wanted") == 2)
    for round in 0..<20 { try append(test, (0..<4).map { "r\(round)-\($0)" }) }
    test.sync()
    try append(test, ["z"])
    #expect(test.log.identities.candidates(wanted).isEmpty)
    #expect(try find(test, "wanted") == 2)
  }
}
