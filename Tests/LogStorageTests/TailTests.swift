import Events
import LogStorage
import Platform
import TestKit
import Testing

/// What opening makes of the end of the last segment (docs/faults, O4).
@Suite struct TailTests {
  /// Commits 1–3 durable and witnessed, 4–7 in two groups appended and not synced.
  static func withUnsyncedTail() throws -> (MemoryFileSystem, bytes: [UInt8], offsets: [Int], entries: [Seen]) {
    let files = MemoryFileSystem()
    let test = TestLog(files: files)
    try test.open()
    try test.append(test.batch(2), test.batch(1))
    try test.append(test.batch(3))
    test.clock.advance(microseconds: 2_000_000)
    test.sync()
    try test.append(test.batch(1, data: #"{"a":1}"#), test.batch(2))
    try test.append(test.batch(2), test.batch(1, data: #"{"last":true}"#))
    let entries = try test.entries()
    files.restart(losing: .nothing)
    let bytes = files.contents(test.segment)!
    return (files, bytes, commitOffsets(bytes), entries)
  }

  @Test func `row 7: a tail cut at every byte recovers to the last whole commit`() throws {
    let (files, bytes, offsets, entries) = try Self.withUnsyncedTail()
    #expect(offsets.count == 8)
    let commitEntries = [0, 2, 3, 6, 7, 9, 11, 12]
    for size in offsets[3]...bytes.count {
      let copy = files.copy()
      let test = TestLog(files: copy)
      copy.put(Array(bytes[..<size]), at: test.segment)
      try test.open()
      let whole = offsets.lastIndex { $0 <= size }!
      #expect(test.log.framer.nextCommit == UInt64(whole) + 1, "cut at \(size)")
      #expect(try test.entries() == Array(entries[..<commitEntries[whole]]), "cut at \(size)")
      let torn = size - offsets[whole]
      #expect(test.log.report.warnings.count == (torn > 0 ? 1 : 0), "cut at \(size): \(test.log.report.warnings)")
      #expect(copy.contents(test.segment)!.count == offsets[whole])
      if torn > 0 {
        let cut = try #require(test.log.report.cut)
        // Zeros at the very end say nothing and are not kept.
        let kept = bytes[offsets[whole]..<size]
        let shown = kept[...kept.lastIndex { $0 != 0 }!]
        #expect(cut.offset == offsets[whole] && cut.bytes == shown.count)
        #expect(copy.contents(cut.keptAs) == Array(shown), "cut at \(size)")
      }
      try test.append(test.batch(1, subject: "after"))
      test.sync()
      #expect(try test.entries().last?.subject == "after-0")
      try test.log.close()
      #expect(try LogVerifier.verify(folder: test.root, fileSystem: copy).problems.isEmpty)
    }
  }

  @Test func `O4, O5: a tail cut inside of what was acknowledged is refused, whole commit or not`() throws {
    let (files, bytes, offsets, _) = try Self.withUnsyncedTail()
    for size in 512..<offsets[3] {
      let copy = files.copy()
      let test = TestLog(files: copy)
      copy.put(Array(bytes[..<size]), at: test.segment)
      let error = try #require(logError { try test.open() }, "cut at \(size)")
      #expect(error.code == (offsets.contains(size) ? .behind : .corrupt), "cut at \(size): \(error)")
      #expect(error.message.contains(test.segment))
      #expect(copy.contents(test.segment) == Array(bytes[..<size]), "nothing is changed")
    }
  }

  @Test func `row 8: any sectors of the unsynced groups may be missing`() throws {
    for seed in 0..<300 as Range<UInt64> {
      let files = MemoryFileSystem()
      let test = TestLog(files: files)
      try test.open()
      try test.append(test.batch(4, data: String(repeating: " ", count: 300) + "{}"))
      test.sync()
      var random = Seed(seed)
      for _ in 0..<(1 + random.below(4)) {
        try test.append(
          (0..<(1 + random.below(3))).map { _ in
            test.batch(1 + random.below(5), data: String(repeating: " ", count: random.below(700)) + "{}")
          })
      }
      let entries = try test.entries()
      files.restart(losing: .some(random))
      try test.open()
      let recovered = try test.entries()
      #expect(recovered.count >= 4 && entries.starts(with: recovered), "seed \(seed)")
      try test.append(test.batch(2))
      test.sync()
      #expect(try test.entries().count == recovered.count + 2)
      try test.log.close()
      #expect(try LogVerifier.verify(folder: test.root, fileSystem: files).problems.isEmpty, "seed \(seed)")
    }
  }

  @Test func `row 9: when a commit of an unsynced group is missing, the log is cut at the hole`() throws {
    let (files, bytes, offsets, entries) = try Self.withUnsyncedTail()
    let test = TestLog(files: files)
    var holed = bytes
    for index in offsets[4]..<offsets[5] { holed[index] = 0 }
    files.put(holed, at: test.segment)
    try test.open()
    #expect(try test.entries() == Array(entries[..<7]))
    #expect(test.log.report.cut?.bytes == bytes.lastIndex { $0 != 0 }! + 1 - offsets[4])
  }

  @Test func `O2: what an opening has read is durable, though the process before it had not synced it`() throws {
    let files = MemoryFileSystem()
    let test = TestLog(files: files)
    try test.open()
    try test.append(test.batch(3))
    files.killProcess()
    try test.open()
    #expect(test.log.journal.durable.commit == 1)
    let entries = try test.entries()
    files.restart(losing: .everything)
    try test.open()
    #expect(try test.entries() == entries && entries.count == 3)
  }

  @Test func `O4: zeros to the end are a clean end`() throws {
    let (files, bytes, _, entries) = try Self.withUnsyncedTail()
    for zeros in [1, 7, 8, 96, 511, 5000] {
      let copy = files.copy()
      let test = TestLog(files: copy)
      copy.put(bytes + [UInt8](repeating: 0, count: zeros), at: test.segment)
      try test.open()
      #expect(try test.entries() == entries)
      #expect(test.log.report.warnings.isEmpty && test.log.report.cut == nil)
      #expect(copy.contents(test.segment) == bytes)
    }
  }

  @Test func `O4: a damaged commit that a later one knows to be durable is refused`() throws {
    let files = MemoryFileSystem()
    let test = TestLog(files: files)
    try test.open()
    for _ in 0..<4 {
      try test.append(test.batch(1))
      test.sync()
    }
    // The witness has not been written since the first second, so it knows of none of these.
    files.restart(losing: .nothing)
    let bytes = files.contents(test.segment)!
    let offsets = commitOffsets(bytes)
    for index in offsets[0]..<offsets[3] {
      let copy = files.copy()
      var damaged = bytes
      damaged[index] ^= 0x10
      copy.put(damaged, at: test.segment)
      let number = offsets.lastIndex { $0 <= index }! + 1
      let error = logError { try TestLog(files: copy).open() }
      // The last commit knows only those before it to be durable, so damage in commit 3 is found through commit 4.
      #expect(error?.code == .corrupt, "byte \(index) of commit \(number): \(String(describing: error))")
      #expect(error?.message.contains("at offset \(offsets[number - 1]): commit \(number) ") == true)
      #expect(copy.contents(test.segment) == damaged)
    }
  }

  @Test func `O4: more bad bytes than may be unsynced are refused`() throws {
    var options = LogOptions()
    options.limits = LogLimits(maxGroupBytes: 4096, maxUnsyncedBytes: 8192)
    for (extra, isRefused) in [(8192, false), (8193, true)] {
      let files = MemoryFileSystem()
      let test = TestLog(files: files, options: options)
      try test.open()
      try test.append(test.batch(1))
      test.sync()
      files.restart(losing: .nothing)
      let bytes = files.contents(test.segment)! + [UInt8](repeating: 7, count: extra)
      files.put(bytes, at: test.segment)
      let error = logError { try test.open() }
      #expect(error?.code == (isRefused ? .tailTooLong : nil))
    }
  }

  @Test func `rows 10–12: a flipped byte in what the witness knows is refused with file and offset`() throws {
    let files = MemoryFileSystem()
    let test = TestLog(files: files)
    try test.open()
    try test.append(test.batch(1), test.batch(2))
    try test.append(test.batch(1))
    try test.log.close()
    let bytes = files.contents(test.segment)!
    let offsets = commitOffsets(bytes)
    for index in bytes.indices {
      let copy = files.copy()
      var damaged = bytes
      damaged[index] ^= UInt8(1 << (index % 8))
      copy.put(damaged, at: test.segment)
      let error = try #require(logError { try TestLog(files: copy).open() }, "byte \(index)")
      let place = index < 512 ? 0 : offsets.last { $0 <= index }!
      #expect(error.message.contains("\(test.segment) at offset \(place):"), "byte \(index): \(error)")
      let problems = try LogVerifier.verify(folder: test.root, fileSystem: copy).problems
      #expect(problems.contains { $0.file == test.segment && $0.offset == place }, "byte \(index): \(problems)")
      #expect(copy.contents(test.segment) == damaged)
    }
  }

  @Test func `row 13: impossible lengths make no giant allocation`() throws {
    let (files, bytes, offsets, entries) = try Self.withUnsyncedTail()
    for length in [0, 1, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF] as [UInt32] {
      for isChecked in [false, true] {
        let copy = files.copy()
        let test = TestLog(files: copy)
        var damaged = bytes
        damaged.withUnsafeMutableBytes { bytes in
          let header = UnsafeMutableRawBufferPointer(rebasing: bytes[offsets[5]..<(offsets[5] + 96)])
          header.storeBytes(of: length.littleEndian, toByteOffset: 8, as: UInt32.self)
          header.storeBytes(of: length.littleEndian, toByteOffset: 12, as: UInt32.self)
          if isChecked {
            let crc = crc32c(UnsafeRawBufferPointer(rebasing: header[..<92]))
            header.storeBytes(of: crc.littleEndian, toByteOffset: 92, as: UInt32.self)
          }
        }
        copy.put(damaged, at: test.segment)
        if isChecked {
          // A header whose checksum is good has been written so: no crash makes it.
          let code = logError { try test.open() }?.code
          #expect(code == .corrupt || (length == 1 && code == nil), "length \(length)")
        } else {
          try test.open()
          #expect(try test.entries() == Array(entries[..<9]), "length \(length)")
        }
      }
    }
  }

  @Test func `row 14: garbage after the end is cut off and never read`() throws {
    let (files, bytes, _, entries) = try Self.withUnsyncedTail()
    var random = Seed(14)
    for _ in 0..<50 {
      let copy = files.copy()
      let test = TestLog(files: copy)
      let garbage = (0..<(1 + random.below(3000))).map { _ in UInt8.random(in: 1...255, using: &random) }
      copy.put(bytes + garbage, at: test.segment)
      try test.open()
      #expect(try test.entries() == entries)
      #expect(copy.contents(test.log.report.cut!.keptAs) == garbage)
    }
  }

  @Test func `rows 15–16: commits swapped, doubled, removed or from another log are refused`() throws {
    let (files, bytes, offsets, _) = try Self.withUnsyncedTail()
    func commit(_ number: Int) -> [UInt8] { Array(bytes[offsets[number - 1]..<offsets[number]]) }
    let head = Array(bytes[..<512])
    let other = MemoryFileSystem()
    let foreign = TestLog(files: other, seed: 99)
    try foreign.open()
    for _ in 0..<7 { try foreign.append(foreign.batch(2)) }
    foreign.sync()
    let foreignBytes = other.contents(foreign.segment)!
    let foreignOffsets = commitOffsets(foreignBytes)
    let foreignCommit = { (number: Int) in Array(foreignBytes[foreignOffsets[number - 1]..<foreignOffsets[number]]) }
    let orders: [(String, [[UInt8]], at: Int)] = [
      ("swapped 5 6", [1, 2, 3, 4, 6, 5, 7].map(commit), 5),
      ("swapped 6 7", [1, 2, 3, 4, 5, 7, 6].map(commit), 6),
      ("doubled 4", [1, 2, 3, 4, 4, 5, 6, 7].map(commit), 5),
      ("doubled 7", [1, 2, 3, 4, 5, 6, 7, 7].map(commit), 8),
      ("removed 4", [1, 2, 3, 5, 6, 7].map(commit), 4),
      ("removed 2", [1, 3, 4, 5, 6, 7].map(commit), 2),
      ("removed 6", [1, 2, 3, 4, 5, 7].map(commit), 6),
      ("foreign 7", [1, 2, 3, 4, 5, 6].map(commit) + [foreignCommit(7)], 7),
      ("foreign 4", [1, 2, 3].map(commit) + [foreignCommit(4)] + [5, 6, 7].map(commit), 4),
      ("foreign 8", [1, 2, 3, 4, 5, 6, 7].map(commit) + [foreignCommit(1)], 8),
    ]
    for (name, commits, at) in orders {
      let copy = files.copy()
      let test = TestLog(files: copy)
      let damaged = head + commits.flatMap { $0 }
      copy.put(damaged, at: test.segment)
      let error = try #require(logError { try test.open() }, "\(name)")
      #expect(error.code == .chain, "\(name): \(error)")
      let offset = 512 + commits[..<(at - 1)].map(\.count).reduce(0, +)
      #expect(error.message.contains("\(test.segment) at offset \(offset)"), "\(name): \(error)")
      #expect(copy.contents(test.segment) == damaged)
      #expect(try !LogVerifier.verify(folder: test.root, fileSystem: copy).isGood)
    }
  }

  @Test func `row 17: an older copy of the tail is behind its witness`() throws {
    let files = MemoryFileSystem()
    let test = TestLog(files: files)
    try test.open()
    try test.append(test.batch(3))
    try test.log.close()
    let old = files.contents(test.segment)!
    try test.open()
    try test.append(test.batch(1))
    try test.log.close()
    files.put(old, at: test.segment)
    let error = logError { try test.open() }
    #expect(error?.code == .behind)
    #expect(error?.message.contains("commit 2") == true && error?.message.contains(test.witness) == true)
    #expect(try LogVerifier.verify(folder: test.root, fileSystem: files).problems.map(\.code) == [.behind])
  }

  @Test func `O5: a log with another history than the witness saw is refused`() throws {
    let files = MemoryFileSystem()
    let test = TestLog(files: files)
    try test.open()
    try test.append(test.batch(1))
    try test.log.close()
    let fork = files.copy()
    try test.open()
    try test.append(test.batch(2))
    try test.log.close()
    let other = TestLog(files: fork)
    other.clock.advance(microseconds: 5)
    try other.open()
    try other.append(other.batch(2))
    try other.append(other.batch(2))
    try other.log.close()
    files.put(fork.contents(test.segment)!, at: test.segment)
    #expect(logError { try test.open() }?.code == .chain)
    #expect(try LogVerifier.verify(folder: test.root, fileSystem: files).problems.map(\.code) == [.chain])
  }

  @Test func `O5: a log that ends before the position of a view is refused`() throws {
    let files = MemoryFileSystem()
    let test = TestLog(files: files)
    try test.open()
    try test.append(test.batch(3))
    try test.log.close()
    test.options.claims = [DurableClaim(who: "views.db", position: 3)]
    try test.open()
    try test.log.close()
    test.options.claims = [DurableClaim(who: "views.db", position: 4)]
    let error = logError { try test.open() }
    #expect(error?.code == .behind && error?.message.contains("views.db") == true)
  }

  @Test func `row 79: what a newer version wrote is refused and left as it is`() throws {
    let (files, bytes, offsets, _) = try Self.withUnsyncedTail()
    func patched(_ start: Int, _ length: Int, _ offset: Int, _ value: UInt8) -> [UInt8] {
      var changed = bytes
      changed[start + offset] = value
      changed.withUnsafeMutableBytes { all in
        let part = UnsafeMutableRawBufferPointer(rebasing: all[start..<(start + length)])
        let crc = crc32c(UnsafeRawBufferPointer(rebasing: part[..<(length - 4)]))
        part.storeBytes(of: crc.littleEndian, toByteOffset: length - 4, as: UInt32.self)
      }
      return changed
    }
    let last = offsets[6]
    for (name, changed) in [
      ("log format 2", patched(0, 512, 8, 2)), ("segment flags", patched(0, 512, 34, 1)),
      ("clock mode", patched(0, 512, 32, 9)), ("commit version", patched(last, 96, 4, 2)),
      ("body encoding", patched(last, 96, 5, 1)), ("commit flags", patched(last, 96, 7, 0x80)),
      ("reserved", patched(last, 96, 80, 1)),
    ] {
      let copy = files.copy()
      let test = TestLog(files: copy)
      copy.put(changed, at: test.segment)
      #expect(logError { try test.open() }?.code == .newer, "\(name)")
      #expect(copy.contents(test.segment) == changed)
    }
  }
}
