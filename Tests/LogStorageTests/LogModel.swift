import Events
import Glibc
import LogStorage
import Platform
import TestKit

/// A log beside a plain list of what must be in it. Every step is chosen by a seed, and so are the weights of the
/// steps: some runs hardly ever sync, others crash all the time.
final class LogModel {
  struct Mismatch: Error, CustomStringConvertible {
    let description: String
  }

  private var seed: Seed
  private let files = MemoryFileSystem()
  private let test: TestLog
  private var entries: [Seen] = []
  private var ids: [String?] = []
  private var acknowledged = 0
  private var isOpen = false
  private var isFull = false
  private var lastID = 0
  private(set) var counts: [String: Int] = [:]

  private typealias Step = (name: String, weight: Int, run: (LogModel) throws -> Void)
  private var steps: [Step] = []

  init(seed number: UInt64) {
    seed = Seed(number)
    test = TestLog(files: files, seed: number)
    test.options.segmentBytes = [4096, 6000, 12_288][seed.below(3)]
    test.options.preparedBytes = [0, 0, 2048][seed.below(3)]
    test.options.limits = LogLimits(maxGroupBytes: 4096, maxUnsyncedBytes: [4096, 20_000, 1 << 20][seed.below(3)])
    test.options.witnessSpacing = UInt64([1, 1000, 1_000_000][seed.below(3)]) * 1000
    let all: [(String, (LogModel) throws -> Void)] = [
      ("append", { try $0.append() }), ("sync", { try $0.sync() }),
      ("index", { $0.test.log.indexer.workOnce() }), ("clock", { $0.moveClock() }),
      ("snapshot", { try $0.snapshot() }), ("read", { try $0.read() }), ("subject", { try $0.lookUp() }),
      ("find", { try $0.find() }), ("reopen", { try $0.reopen() }), ("crash", { try $0.crash() }),
      ("full", { $0.fillDisk() }), ("error", { try $0.fail() }), ("no index", { try $0.loseIndexes() }),
      ("torn", { try $0.crashInside() }), ("kill", { try $0.kill() }),
    ]
    steps = all.map { (name: $0.0, weight: [0, 1, 1, 3, 10][seed.below(5)], run: $0.1) }
    steps[0].weight += 6
  }

  func run(steps count: Int) throws {
    try open()
    let total = steps.reduce(0) { $0 + $1.weight }
    for _ in 0..<count {
      var choice = seed.below(total)
      let step = steps.first { step in
        choice -= step.weight
        return choice < 0
      }!
      counts[step.name, default: 0] += 1
      try step.run(self)
      if isFull && seed.oneIn(3) { emptyDisk() }
    }
    emptyDisk()
    try sync()
    try reopen()
    try readAll("at the end")
    try test.log.close()
    let result = try LogVerifier.verify(folder: test.root, fileSystem: files)
    if !result.isGood || result.entries != UInt64(entries.count) {
      throw Mismatch(description: "verify: \(result.problems), \(result.entries) of \(entries.count) entries")
    }
  }

  private func expect(_ condition: Bool, _ what: @autoclosure () -> String) throws {
    if !condition { throw Mismatch(description: what()) }
  }

  private func open() throws {
    try test.open()
    isOpen = true
  }

  /// What the log has now is the truth from now on; it must be a beginning of the list with all that was acknowledged.
  private func adopt(_ moment: String) throws {
    let found = try test.entries()
    try expect(
      entries.starts(with: found) && found.count >= acknowledged,
      "\(moment): \(found.count) entries, \(entries.count) appended, \(acknowledged) acknowledged")
    entries.removeLast(entries.count - found.count)
    ids.removeLast(ids.count - found.count)
    try expect(test.log.framer.nextPosition.rawValue == UInt64(entries.count + 1), "\(moment): next position")
    // Opening has synced what it found.
    acknowledged = entries.count
    try expect(test.log.journal.durable.position.rawValue == UInt64(acknowledged), "\(moment): durable position")
  }

  private func append() throws {
    let first = test.log.framer.nextPosition.rawValue
    var new: [Seen] = []
    var newIDs: [String?] = []
    let batches = (0..<(1 + seed.below(3))).map { _ in
      let batch = EntryBatch(hash: test.log.hash)
      for _ in 0..<(1 + seed.below(4)) {
        let subject = "s\(seed.below(9))"
        let data = "\"" + String(repeating: "x", count: seed.below(120)) + "\""
        lastID += 1
        let id = seed.oneIn(2) ? "id-\(lastID)" : nil
        batch.add(subject: subject, data: data, id: id)
        new.append(Seen(position: first + UInt64(new.count), subject: subject, data: data))
        newIDs.append(id)
      }
      return batch
    }
    var position = Position(first)
    for info in batches.flatMap(\.infos) {
      if info.identityHash != 0 { test.log.identities.insert(info.identityHash, position) }
      position = position.next
    }
    do throws(JournalError) {
      try appendWhenPossible(batches)
      test.log.identities.groupAppended(to: test.log.journal)
      entries += new
      ids += newIDs
    } catch {
      test.log.identities.groupFailed()
      guard case .noSpace = error, isFull else { throw error }
    }
    noteDurable()
  }

  /// After a full disk nothing is taken before the sync thread has found room for what it still had to write.
  private func appendWhenPossible(_ batches: [EntryBatch]) throws(JournalError) {
    do throws(JournalError) {
      try test.append(batches)
    } catch {
      guard case .noSpace = error, !isFull else { throw error }
      test.log.journal.syncOnce()
      try test.append(batches)
    }
  }

  private func noteDurable() {
    if let durable = test.reports.durable { acknowledged = max(acknowledged, Int(durable.position.rawValue)) }
  }

  private func sync() throws {
    while test.log.journal.syncOnce() {}
    noteDurable()
    if let ended = test.reports.ended { throw ended }
    try expect(isFull || acknowledged == entries.count, "\(acknowledged) of \(entries.count) became durable")
  }

  private func moveClock() { test.clock.advance(microseconds: Int64(seed.below(2_000_000))) }

  private func snapshot() throws {
    let point = test.log.journal.durable
    do {
      try "\(point.commit)".withBytes { try test.log.snapshots.save(point, version: 1, payload: $0) }
    } catch let error as LogError where isFull && !error.isFinal {
      return
    }
    let newest = try test.log.snapshots.newest(knownVersion: 1).snapshot
    try expect(newest?.point == point && newest?.payload == Array("\(point.commit)".utf8), "the newest snapshot")
  }

  private func readAll(_ moment: String) throws {
    try expect(try test.entries() == entries, "\(moment): a replay has other entries")
  }

  private func read() throws {
    if seed.oneIn(4) { return try readAll("replay") }
    let from = Position(UInt64(1 + seed.below(entries.count + 2)))
    let through = from + UInt64(seed.below(30))
    let limit = 200 + seed.below(5000)
    let chunk = try test.log.reader.chunk(from: from, limitBytes: limit, through: through)
    guard let chunk else { return try expect(from.rawValue > UInt64(entries.count), "no chunk from \(from)") }
    try expect(
      chunk.contains(from) && chunk.commit(of: chunk.lastPosition).firstPosition <= through, "chunk from \(from)")
    for index in chunk.firstPosition.rawValue...chunk.lastPosition.rawValue {
      let entry = chunk.entry(Position(index))
      let seen = Seen(position: index, subject: entry.subject.text, data: entry.data.text)
      try expect(seen == entries[Int(index) - 1], "entry \(index) of a chunk")
    }
  }

  private func lookUp() throws {
    let subject = "s\(seed.below(10))"
    let from = UInt64(seed.below(entries.count + 2))
    let limit = seed.oneIn(2) ? Int.max : 1 + seed.below(5)
    let found = try subject.withBytes {
      try test.log.reader.positions(
        ofSubject: $0, from: Position(from), through: test.log.reader.lastPosition, limit: limit)
    }
    let expected = entries.filter { $0.subject == subject && $0.position >= from }.prefix(limit).map(\.position)
    try expect(found.map(\.rawValue) == expected, "look-up of \(subject)")
  }

  private func find() throws {
    guard lastID > 0 else { return }
    let id = "id-\(1 + seed.below(lastID + 3))"
    let expected = ids.firstIndex(of: id).map { UInt64($0 + 1) }
    let found: UInt64? = try id.withBytes { bytes in
      try "shop".withBytes { source in
        let hash = test.log.hash.identity(source: source, id: bytes)
        guard test.log.identities.mightContain(hash) else { return nil }
        let candidates = test.log.identities.candidates(hash)
        return try test.log.reader.find(source: source, id: bytes, hash: hash, candidates: candidates)?
          .position.rawValue
      }
    }
    try expect(found == expected, "\(id) found at \(String(describing: found)), is at \(String(describing: expected))")
  }

  private func reopen() throws {
    emptyDisk()
    try test.log.close()
    noteDurable()
    acknowledged = entries.count
    try open()
    try adopt("after a stop")
    try expect(test.log.report.cut == nil, "nothing is torn after a stop")
  }

  private var loss: MemoryFileSystem.Loss {
    switch seed.below(4) {
    case 0: .nothing
    case 1: .everything
    default: .some(Seed(seed.next()))
    }
  }

  private func crash() throws {
    isFull = false
    files.restart(losing: loss)
    try open()
    try adopt("after a crash")
  }

  /// The process dies, and perhaps the power goes soon after the next opening: what was read there must be durable.
  private func kill() throws {
    isFull = false
    files.killProcess()
    try open()
    try adopt("after a kill")
    if seed.oneIn(2) { try crash() }
  }

  /// The power goes at some call of the next steps, perhaps in the opening after it.
  private func crashInside() throws {
    emptyDisk()
    for _ in 0..<3 {
      files.clearTrace()
      let at = seed.below(40)
      files.inject { $0.index == at ? .crash : nil }
      do {
        for _ in 0..<4 {
          try append()
          try sync()
          test.log.indexer.workOnce()
        }
        if seed.oneIn(3) { try snapshot() }
      } catch {
        try expect(files.isCrashed, "\(error)")
      }
      noteDurable()
      if seed.oneIn(3) {
        // Only the process dies: what the next opening reads must be durable all the same.
        files.killProcess()
        try open()
        try adopt("after a kill inside")
      }
      files.restart(losing: loss)
      let second = seed.below(60)
      files.inject { $0.index == second ? .crash : nil }
      if (try? open()) == nil {
        files.restart(losing: loss)
        try open()
      }
      files.inject(nil)
      try adopt("after a crash inside")
    }
  }

  private func fillDisk() {
    isFull = true
    let bytes = seed.below(seed.oneIn(2) ? 300 : 4000)
    files.inject { call in
      switch call.operation {
      case .write: .failAfter(bytes: bytes, ENOSPC)
      case .open: call.path.hasSuffix(".new") ? .fail(ENOSPC) : nil
      default: nil
      }
    }
  }

  private func emptyDisk() {
    isFull = false
    files.inject(nil)
  }

  private func fail() throws {
    emptyDisk()
    files.clearTrace()
    let at = seed.below(12)
    files.inject { $0.index == at ? .fail(EIO) : nil }
    do {
      for _ in 0..<2 {
        try append()
        try sync()
      }
      test.log.indexer.workOnce()
    } catch {}
    noteDurable()
    files.restart(losing: loss)
    try open()
    try adopt("after an error")
  }

  private func loseIndexes() throws {
    try sync()
    if isFull { return }
    try test.log.close()
    for name in try files.list("data/log") where name.hasSuffix(".idx") && seed.oneIn(2) {
      let path = "data/log/\(name)"
      if seed.oneIn(2) {
        files.drop(path)
      } else {
        var bytes = files.contents(path)!
        bytes[seed.below(bytes.count)] ^= 0xFF
        files.put(bytes, at: path)
      }
    }
    try open()
    try adopt("after losing indexes")
  }
}
