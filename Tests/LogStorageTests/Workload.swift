import Events
import LogStorage
import Platform
import TestKit

/// A life of a log that a fault may end anywhere: opens it, appends, rolls, syncs, takes snapshots, closes it. What was
/// appended and what was reported durable is remembered, so that the log can be compared with it afterwards.
final class Workload {
  let files: MemoryFileSystem
  let test: TestLog
  /// Every entry that `append` has taken, in order; entries of earlier lives come first.
  private(set) var appended: [Seen]
  /// The position up to which the log was reported durable, in any life.
  private(set) var acknowledged: UInt64
  private(set) var snapshotCommit: UInt64 = 0
  private(set) var refusals = 0

  private let steps: Int

  /// - prepared: whether zeros are written ahead of small groups.
  init(files: MemoryFileSystem, prepared: Bool = false, after entries: [Seen] = [], acknowledged: UInt64 = 0) {
    self.files = files
    test = TestLog(files: files)
    test.options.segmentBytes = prepared ? 8192 : 4096
    test.options.preparedBytes = prepared ? 4096 : 0
    steps = prepared ? 20 : 14
    test.options.witnessSpacing = 1_500_000
    appended = entries
    self.acknowledged = acknowledged
  }

  /// Runs it all; on a full disk tries again, `retries` times in all. Throws what ends it.
  func run(retries: Int = 0) throws {
    var left = retries
    while true {
      do {
        try test.open()
        break
      } catch {
        guard error.code == .noSpace || error.cause?.mayPass == true, left > 0 else { throw error }
        left -= 1
      }
    }
    defer { noteDurable() }
    for step in 0..<steps {
      try append(step, &left)
      if step % 2 == 1 { try sync(&left) }
      test.clock.advance(microseconds: 700)
      if step % 5 == 3 { test.log.indexer.workOnce() }
      if step == 6 || step == 11 { try snapshot() }
    }
    try sync(&left)
    try test.log.close()
  }

  private func append(_ step: Int, _ left: inout Int) throws {
    let batches = (0...(step % 3)).map { index in
      test.batch(2 + (step + index) % 3, data: #"{"s":"# + String(repeating: "1", count: 20 * index + step) + "}")
    }
    var entries: [Seen] = []
    var position = test.log.framer.nextPosition.rawValue
    for batch in batches {
      for index in 0..<batch.count {
        let entry = batch.entry(index)
        entries.append(Seen(position: position, subject: entry.subject.text, data: entry.data.text))
        position += 1
      }
    }
    while true {
      do throws(JournalError) {
        try test.append(batches)
        appended += entries
        return
      } catch {
        noteDurable()
        guard case .noSpace = error, left > 0 else { throw error }
        left -= 1
        refusals += 1
        test.log.journal.syncOnce()
      }
    }
  }

  private func sync(_ left: inout Int) throws {
    while test.log.journal.durable.commit < test.log.framer.nextCommit - 1 {
      test.log.journal.syncOnce()
      noteDurable()
      if let ended = test.reports.ended { throw ended }
      if test.log.journal.durable.commit < test.log.framer.nextCommit - 1 {
        guard left > 0 else { throw LogError(.noSpace, "the sync finds no room") }
        left -= 1
        refusals += 1
      }
    }
  }

  private func snapshot() throws {
    let point = test.log.journal.durable
    do throws(LogError) {
      try test.log.snapshots.save(point, version: 1, payload: UnsafeRawBufferPointer(start: nil, count: 0))
      snapshotCommit = point.commit
    } catch {
      if error.isFinal || error.code != .noSpace && error.cause?.mayPass != true { throw error }
      refusals += 1
    }
  }

  private func noteDurable() {
    if let durable = test.reports.durable { acknowledged = max(acknowledged, durable.position.rawValue) }
  }

  /// Opens the log again, after whatever has happened: what was acknowledged is there, in order and once; what more
  /// there is was appended; and it goes on. Returns what is wrong.
  func problem(after files: MemoryFileSystem) -> String? {
    let again = TestLog(files: files)
    again.options.segmentBytes = 4096
    do {
      try again.open()
      for folder in ["data", "data/log", "data/snapshots"] {
        if try files.list(folder).contains(where: { $0.hasSuffix(".new") }) { return "a temporary file is left" }
      }
      let entries = try again.entries()
      if !appended.starts(with: entries) { return "the log has \(entries.count) entries that were not appended so" }
      if entries.count < acknowledged { return "\(acknowledged) entries were acknowledged, \(entries.count) are there" }
      if let snapshot = try again.log.snapshots.newest(knownVersion: 1).snapshot {
        if snapshot.point.commit < snapshotCommit && snapshotCommit == 0 { return "a snapshot is lost" }
      } else if snapshotCommit > 0 {
        return "all snapshots are lost"
      }
      try again.append(again.batch(2, subject: "later"), again.batch(1, subject: "later"))
      again.sync()
      try again.log.close()
      try again.open()
      if try again.entries().count != entries.count + 3 { return "it did not go on" }
      try again.log.close()
      let verification = try LogVerifier.verify(folder: again.root, fileSystem: files)
      return verification.isGood ? nil : "verify: \(verification.problems)"
    } catch {
      return "\(error)"
    }
  }
}
