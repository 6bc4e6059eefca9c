import Events
import LogStorage
import Platform
import TestKit
import Testing

/// What a repair gives up, and that it says so first and records it.
@Suite struct RepairTests {
  private func repair(_ test: TestLog, _ files: MemoryFileSystem) throws -> RepairPlan {
    let plan = try #require(try RepairPlan.make(folder: test.root, fileSystem: files))
    try LogRepair.perform(
      plan, folder: test.root, fileSystem: files, clock: test.clock, randomness: test.randomness, by: "operator")
    return plan
  }

  /// The log has what the plan promised, the record of it, and goes on.
  private func check(_ test: TestLog, _ files: MemoryFileSystem, _ plan: RepairPlan, _ entries: [Seen]) throws {
    try test.open()
    #expect(try test.entries() == Array(entries.prefix(Int(plan.lastPosition.rawValue))))
    var last: [UInt64] = []
    var text: [String] = []
    try test.log.reader.replay(fromCommit: plan.lastCommit + 1) { commit in
      #expect(commit.producer == .operator)
      for record in commit.records where record.kind == .repair {
        for field in record.fields { if field.tag < 4 { last.append(field.integer) } else { text.append(field.text) } }
      }
      return true
    }
    #expect(last == [plan.lastCommit + 1, plan.lastPosition.rawValue + 1, plan.lastKnownCommit])
    #expect(text == [plan.reason, "operator"])
    try test.append(test.batch(1))
    test.sync()
    try test.log.close()
    #expect(try LogVerifier.verify(folder: test.root, fileSystem: files).isGood)
    #expect(try RepairPlan.make(folder: test.root, fileSystem: files) == nil)
  }

  @Test func `a log that opens has nothing to repair`() throws {
    let (files, test, segments, _) = try SegmentTests.rolled()
    #expect(try RepairPlan.make(folder: test.root, fileSystem: files) == nil)
    files.put(files.contents(segments[3])! + [1, 2, 3], at: segments[3])
    #expect(try RepairPlan.make(folder: test.root, fileSystem: files) == nil, "a torn tail is cut at the next start")
  }

  @Test func `damage anywhere is cut off with what follows it, and kept`() throws {
    let (made, _, segments, entries) = try SegmentTests.rolled()
    for (index, path) in segments.enumerated() {
      let files = made.copy()
      let test = TestLog(files: files)
      var bytes = files.contents(path)!
      let offset = commitOffsets(bytes)[1]
      bytes[offset + 110] ^= 1
      files.put(bytes, at: path)
      #expect(
        logError {
          try test.open()
          _ = try test.entries()
        } != nil)
      files.restart(losing: .nothing)
      let plan = try repair(test, files)
      #expect(plan.reason.hasPrefix("\(path) at offset \(offset): ") && plan.lastKnownCommit > plan.lastCommit)
      #expect(plan.sentences.count >= 4 + segments.count - 1 - index)
      #expect(files.contents("\(path).\(offset).repair-\(plan.lastCommit).broken") == Array(bytes[offset...]))
      for later in segments.dropFirst(index + 1) {
        #expect(files.contents("\(later).repair-\(plan.lastCommit).broken") == made.contents(later))
      }
      try check(test, files, plan, entries)
    }
  }

  @Test func `a missing segment, a bad header and a log behind its witness are repaired`() throws {
    let (made, _, segments, entries) = try SegmentTests.rolled()
    for damage in [
      { $0.drop(segments[1]) }, { $0.put([1], at: segments[2]) }, { $0.drop(segments[3]) },
    ] as [(MemoryFileSystem) -> Void] {
      let files = made.copy()
      let test = TestLog(files: files)
      damage(files)
      #expect(logError { try test.open() } != nil)
      let plan = try repair(test, files)
      try check(test, files, plan, entries)
    }
    let files = made.copy()
    files.put([1], at: segments[0])
    #expect(logError { _ = try RepairPlan.make(folder: "data", fileSystem: files) }?.code == .corrupt)
  }

  @Test func `snapshots of what is given up go with it`() throws {
    let files = MemoryFileSystem()
    let test = TestLog(files: files)
    try test.open()
    for _ in 0..<3 {
      try test.append(test.batch(2))
      test.sync()
      try "x".withBytes { try test.log.snapshots.save(test.log.journal.durable, version: 1, payload: $0) }
    }
    let entries = try test.entries()
    try test.log.close()
    var bytes = files.contents(test.segment)!
    bytes[commitOffsets(bytes)[2] + 100] ^= 1
    files.put(bytes, at: test.segment)
    let plan = try repair(test, files)
    #expect(plan.lastCommit == 2 && plan.sentences.contains { $0.contains("00000000000000000003.snap") })
    try check(test, files, plan, entries)
    try test.open()
    #expect(try test.log.snapshots.newest(knownVersion: 1).snapshot?.point.commit == 2)
  }

  @Test func `a plan that is not true any more is not carried out, a newer log never repaired`() throws {
    let (files, test, segments, _) = try SegmentTests.rolled()
    files.drop(segments[2])
    let plan = try #require(try RepairPlan.make(folder: test.root, fileSystem: files))
    files.drop(segments[3])
    #expect(throws: LogError.self) {
      try LogRepair.perform(
        plan, folder: test.root, fileSystem: files, clock: test.clock, randomness: test.randomness, by: "operator")
    }
    var bytes = files.contents(segments[1])!
    bytes[8] = 2
    bytes.withUnsafeMutableBytes { all in
      let crc = crc32c(UnsafeRawBufferPointer(rebasing: all[..<508]))
      all.storeBytes(of: crc.littleEndian, toByteOffset: 508, as: UInt32.self)
    }
    files.put(bytes, at: segments[1])
    #expect(logError { _ = try RepairPlan.make(folder: test.root, fileSystem: files) }?.code == .newer)
  }

  @Test func `power cut in any step of a repair leaves a log that can be repaired`() throws {
    let (made, _, segments, entries) = try SegmentTests.rolled()
    var bytes = made.contents(segments[1])!
    bytes[commitOffsets(bytes)[1] + 110] ^= 1
    made.put(bytes, at: segments[1])
    let plan = try #require(try RepairPlan.make(folder: "data", fileSystem: made))
    var step = 0
    while true {
      let files = made.copy()
      let test = TestLog(files: files)
      files.inject { [step] in $0.index == step ? .crash : nil }
      let error = logError {
        try LogRepair.perform(
          plan, folder: "data", fileSystem: files, clock: test.clock, randomness: test.randomness, by: "operator")
      }
      // Another kind of loss at each step, and the worst at all.
      let kinds = MemoryFileSystem.Loss.kinds(UInt64(step))
      for loss in [kinds[step % 4], .everything] {
        let crashed = files.copy()
        crashed.restart(losing: loss)
        let again = TestLog(files: crashed)
        if let plan = try RepairPlan.make(folder: "data", fileSystem: crashed) {
          try LogRepair.perform(
            plan, folder: "data", fileSystem: crashed, clock: again.clock, randomness: again.randomness, by: "operator")
        }
        try again.open()
        #expect(try again.entries() == Array(entries.prefix(Int(plan.lastPosition.rawValue))), "step \(step)")
      }
      if error == nil { break }
      step += 1
    }
    #expect(step > 30)
  }
}
