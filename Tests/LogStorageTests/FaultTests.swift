import Events
import Glibc
import LogStorage
import Platform
import TestKit
import Testing

/// One fault at every single call of a log's life.
@Suite struct FaultTests {
  /// Calls that change something, or make it durable.
  static let changing: [FileError.Operation] = [
    .write, .sync, .syncData, .syncFolder, .rename, .truncate, .close,
  ]

  /// How many calls the life makes when nothing goes wrong.
  static func callCount(prepared: Bool = false) throws -> [MemoryFileSystem.Call] {
    let files = MemoryFileSystem()
    let workload = Workload(files: files, prepared: prepared)
    try workload.run()
    #expect(workload.acknowledged == UInt64(workload.appended.count))
    let trace = files.trace
    #expect(SegmentTests.segments(of: files).count >= (prepared ? 2 : 3))
    #expect(trace.contains { $0.operation == .write && $0.path.contains(".seg") && $0.count == 4096 } == prepared)
    return trace
  }

  @Test(arguments: [false, true])
  func `rows 1–3, 20: power cut before any call, losing any of what was not synced`(prepared: Bool) throws {
    let calls = try Self.callCount(prepared: prepared)
    #expect(calls.count > 100)
    for call in calls {
      let files = MemoryFileSystem()
      let workload = Workload(files: files, prepared: prepared)
      files.inject { $0.index == call.index ? .crash : nil }
      #expect(throws: (any Error).self) { try workload.run() }
      for (number, loss) in MemoryFileSystem.Loss.kinds(UInt64(call.index)).enumerated() {
        let crashed = files.copy()
        crashed.restart(losing: loss)
        let problem = workload.problem(after: crashed)
        #expect(problem == nil, "crash before \(call), loss \(number)")
      }
    }
  }

  @Test func `O2: the process is killed before any call, and what the next opening reads outlives the power`() throws {
    for call in try Self.callCount() {
      let files = MemoryFileSystem()
      let workload = Workload(files: files)
      files.inject { $0.index == call.index ? .crash : nil }
      #expect(throws: (any Error).self) { try workload.run() }
      files.killProcess()
      let next = TestLog(files: files)
      next.options.segmentBytes = 4096
      try next.open()
      let entries = try next.entries()
      files.restart(losing: .everything)
      try next.open()
      #expect(try next.entries() == entries, "\(call)")
    }
  }

  /// Folders that an opening has something to do in.
  static func states() throws -> [(name: String, files: MemoryFileSystem, entries: [Seen], acknowledged: UInt64)] {
    var states: [(name: String, files: MemoryFileSystem, entries: [Seen], acknowledged: UInt64)] = []
    let files = MemoryFileSystem()
    let workload = Workload(files: files)
    try workload.run()
    let entries = workload.appended
    let segments = SegmentTests.segments(of: files)
    let last = segments.last!

    let torn = files.copy()
    torn.put(torn.contents(last)! + [1, 2, 3, 4, 5], at: last)
    torn.put([9, 9], at: "data/log/00000000000000099999.seg.new")
    torn.put([9, 9], at: "data/log/00000000000000000001.idx.new")
    torn.put([9, 9], at: "data/snapshots/00000000000000099999.snap.new")
    torn.put([9, 9], at: "data/witness.new")
    states.append(("torn tail and temporary files", torn, entries, UInt64(entries.count)))

    let zeros = files.copy()
    zeros.put(zeros.contents(last)! + [UInt8](repeating: 0, count: 999), at: last)
    zeros.drop("data/witness")
    states.append(("zeros at the end, no witness", zeros, entries, UInt64(entries.count)))

    let indexes = files.copy()
    for path in segments.dropLast() { indexes.drop(path.dropLast(3) + "idx") }
    states.append(("no index files", indexes, entries, UInt64(entries.count)))

    // Sealed, and the next segment has not got its name: the power went between the two.
    let trace = files.trace
    let rename = trace.last { $0.operation == .rename && $0.path.hasSuffix(".seg.new") }!
    let sealed = MemoryFileSystem()
    let cut = Workload(files: sealed)
    sealed.inject { $0.index == rename.index ? .crash : nil }
    #expect(throws: (any Error).self) { try cut.run() }
    sealed.restart(losing: .nothing)
    states.append(("sealed last segment", sealed, cut.appended, cut.acknowledged))
    return states
  }

  @Test func `row 20: power cut before any call of an opening that has something to repair`() throws {
    for state in try Self.states() {
      var calls = 0
      while true {
        let files = state.files.copy()
        let test = TestLog(files: files)
        test.options.segmentBytes = 4096
        files.inject { [calls] call in call.index == calls ? .crash : nil }
        let error = logError { try test.open() }
        let workload = Workload(files: files, after: state.entries, acknowledged: state.acknowledged)
        for (number, loss) in MemoryFileSystem.Loss.kinds(UInt64(calls)).enumerated() {
          let crashed = files.copy()
          crashed.restart(losing: loss)
          let problem = workload.problem(after: crashed)
          #expect(problem == nil, "\(state.name), crash at call \(calls), loss \(number)")
        }
        if error == nil { break }
        calls += 1
      }
      #expect(calls > 20, "\(state.name)")
    }
  }

  @Test(arguments: [false, true])
  func `rows 27–29: a full disk at any call is got over, and nothing is lost or doubled`(prepared: Bool) throws {
    let calls = try Self.callCount(prepared: prepared)
    for call in calls
    where ![.sync, .syncData, .syncFolder, .close, .list, .lock, .size, .read].contains(call.operation) {
      let numbers = call.operation == .open ? [ENOSPC, EMFILE] : prepared ? [ENOSPC] : [ENOSPC, EDQUOT, EFBIG]
      for (variant, number) in numbers.enumerated() {
        for length in [1, 4] {
          let files = MemoryFileSystem()
          let workload = Workload(files: files, prepared: prepared)
          files.inject { now in
            guard (call.index..<(call.index + length)).contains(now.index) else { return nil }
            if now.operation == .write { return .failAfter(bytes: variant * 13, number) }
            return now.index == call.index ? .fail(number) : nil
          }
          do {
            try workload.run(retries: 20)
            #expect(workload.acknowledged == UInt64(workload.appended.count))
          } catch let error as LogError {
            Issue.record("\(call), errno \(number), \(length) times: \(error)")
          } catch {
            Issue.record("\(call), errno \(number), \(length) times: \(error)")
          }
          files.restart(losing: .everything)
          let problem = workload.problem(after: files)
          #expect(problem == nil, "\(call), errno \(number), \(length) times")
        }
      }
    }
  }

  @Test(arguments: [false, true])
  func `rows 30–32: an I/O error at any call ends it there, without a second sync or another write`(prepared: Bool)
    throws
  {
    let calls = try Self.callCount(prepared: prepared)
    for call in calls {
      // An error that comes once, and then everything seems fine again.
      let files = MemoryFileSystem()
      let workload = Workload(files: files, prepared: prepared)
      files.inject { $0.index == call.index ? .fail(EIO) : nil }
      #expect(throws: (any Error).self, "\(call)") { try workload.run() }
      if workload.test.log != nil { _ = try? workload.test.log.journal.stop() }
      if Self.changing.contains(call.operation) {
        let writes = files.trace.dropFirst(call.index + 1).filter { Self.changing.contains($0.operation) }
        #expect(writes.isEmpty, "after \(call)")
      }
      for loss in MemoryFileSystem.Loss.kinds(UInt64(call.index)) {
        let crashed = files.copy()
        crashed.restart(losing: loss)
        let problem = workload.problem(after: crashed)
        #expect(problem == nil, "\(call)")
      }
    }
  }

  @Test func `L3: a failed sync is final, is reported once, and nothing appended after it is taken`() throws {
    let files = MemoryFileSystem()
    let test = TestLog(files: files)
    try test.open()
    try test.append(test.batch(1))
    files.inject { call in call.operation == .syncData ? .fail(EIO) : nil }
    test.log.journal.syncOnce()
    files.inject(nil)
    guard case .failed(let error)? = test.reports.ended else {
      Issue.record("the end is reported")
      return
    }
    #expect(error.operation == .syncData && error.path == test.segment && error.number == EIO)
    files.clearTrace()
    #expect(throws: JournalError.self) { try test.append(test.batch(1)) }
    test.log.journal.syncOnce()
    #expect(throws: JournalError.self) { try test.log.close() }
    #expect(files.trace.isEmpty)
    #expect(test.reports.durable == nil)
  }

  @Test func `L2: interrupted and short reads and writes are completed`() throws {
    let calls = try Self.callCount().count
    for most in [1, 7, 100, 513] {
      let files = MemoryFileSystem()
      let workload = Workload(files: files)
      files.inject { call in
        guard call.operation == .read || call.operation == .write else { return nil }
        return call.index % 3 == 0 ? .fail(EINTR) : .short(most)
      }
      try workload.run()
      #expect(files.trace.count > calls)
      files.restart(losing: .everything)
      #expect(workload.problem(after: files) == nil)
    }
  }

  @Test func `L2: while the disk is full reads go on, and the next group is taken when there is room`() throws {
    let files = MemoryFileSystem()
    let test = TestLog(files: files)
    try test.open()
    try test.append(test.batch(3))
    let before = test.log.framer.nextPosition
    files.inject { call in call.operation == .write ? .failAfter(bytes: 50, ENOSPC) : nil }
    for _ in 0..<3 {
      #expect(throws: JournalError.self) { try test.append(test.batch(2)) }
      #expect(test.log.framer.nextPosition == before)
      #expect(files.contents(test.segment)!.count == commitOffsets(files.contents(test.segment)!).last)
      #expect(try test.entries().count == 3)
    }
    files.inject(nil)
    try test.append(test.batch(4))
    test.sync()
    #expect(try test.entries().count == 7)
    files.inject { call in
      call.operation == .write ? .failAfter(bytes: 50, ENOSPC) : call.operation == .truncate ? .fail(EIO) : nil
    }
    #expect(throws: JournalError.self) { try test.append(test.batch(2)) }
    guard case .failed(let error)? = test.reports.ended else {
      Issue.record("when the cut fails, it stops")
      return
    }
    #expect(error.operation == .truncate)
  }

  @Test func `L2, O4: what was cut off stays away, even when the power goes before the next sync`() throws {
    for isRefused in [true, false] {
      for number in 0..<60 as Range<UInt64> {
        let files = MemoryFileSystem()
        let test = TestLog(files: files)
        try test.open()
        try test.append(test.batch(1))
        test.sync()
        let end = commitOffsets(files.contents(test.segment)!).last!
        if isRefused {
          // The disk fills up behind a whole commit of the group.
          files.inject { $0.operation == .write ? .failAfter(bytes: 400, ENOSPC) : nil }
          #expect(throws: JournalError.self) {
            try test.append(test.batch(1, subject: "a"), test.batch(2, subject: "a"))
          }
          files.inject(nil)
        } else {
          // The power goes, and of two commits the second is there.
          try test.append(test.batch(1, subject: "a"), test.batch(1, subject: "a"))
          var bytes = files.contents(test.segment)!
          for index in end..<(end + 100) { bytes[index] = 0 }
          files.restart(losing: .nothing)
          files.put(bytes, at: test.segment)
          try test.open()
          #expect(test.log.report.cut != nil)
        }
        // As long as what was there before.
        try test.append(test.batch(1, subject: "b"))
        let entries = try test.entries()
        files.restart(losing: .some(Seed(number)))
        #expect(throws: Never.self, "seed \(number)") { try test.open() }
        let found = try test.entries()
        #expect(entries.starts(with: found) && found.count >= 1, "seed \(number): \(found)")
      }
    }
  }

  @Test func `row 32: after a sync has failed neither snapshots nor index files are written`() throws {
    let files = MemoryFileSystem()
    let test = TestLog(files: files)
    test.options.segmentBytes = 4096
    try test.open()
    for _ in 0..<3 { try test.append(test.batch(20, data: "\"\(String(repeating: "x", count: 60))\"")) }
    let point = test.log.journal.durable
    // The first segment is sealed, and its index waits to be written, when the folder's sync fails.
    files.inject { $0.operation == .syncFolder ? .fail(EIO) : nil }
    test.log.journal.syncOnce()
    files.inject(nil)
    #expect(test.reports.ended != nil)
    files.clearTrace()
    test.log.indexer.workOnce()
    #expect(
      logError { try "x".withBytes { try test.log.snapshots.save(point, version: 1, payload: $0) } }?.isFinal == false)
    #expect(files.trace.filter { Self.changing.contains($0.operation) } == [])
  }

  @Test func `O2: a folder that a killed opening had made is durable once something in it is acknowledged`() throws {
    for index in 0..<40 {
      let files = MemoryFileSystem()
      files.inject { $0.index == index ? .crash : nil }
      do { try TestLog(files: files).open() } catch {}
      files.killProcess()
      let test = TestLog(files: files)
      try test.open()
      try test.append(test.batch(2))
      test.sync()
      #expect(test.reports.durable?.commit == 1)
      files.restart(losing: .everything)
      let next = TestLog(files: files)
      try next.open()
      #expect(try next.entries().count == 2, "killed before call \(index)")
    }
  }
}
