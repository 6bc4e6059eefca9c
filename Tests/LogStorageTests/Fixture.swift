import Events
import LogStorage
import Platform
import TestKit

extension String {
  func withBytes<Value>(_ body: (UnsafeRawBufferPointer) throws -> Value) rethrows -> Value {
    var text = self
    return try text.withUTF8 { try body(UnsafeRawBufferPointer($0)) }
  }
}

extension EntryBatch {
  /// Encodes an event; with `id` it has an identity from outside.
  func add(
    type: String = "OrderPlaced", subject: String = "order-1", data: String = "{}", id: String? = nil,
    source: String = "shop", root: UInt64 = 0, cause: UInt64 = 0
  ) {
    type.withBytes { type in
      subject.withBytes { subject in
        data.withBytes { data in
          begin(
            kind: .event, type: type, subject: subject, data: data, encoding: .json, cause: cause, root: root)
        }
      }
    }
    guard let id else { return end() }
    let identity = id.withBytes { id in
      source.withBytes { source in
        addAttribute(.id, id)
        addAttribute(.source, source)
        return hash.identity(source: source, id: id)
      }
    }
    end(identityHash: identity)
  }
}

/// A log under test with its own file system, clock and seed.
final class TestLog {
  let files: any FileSystem
  let clock = ManualClock()
  let randomness = SeededRandomness(7)
  let root: String
  var options = LogOptions()
  var log: OpenedLog!

  init(files: any FileSystem, root: String, options: LogOptions = LogOptions()) {
    self.files = files
    self.root = root
    self.options = options
    self.options.ownThreads = false
  }

  func open(_ report: @escaping @Sendable (JournalReport) -> Void = { _ in }) throws(LogError) {
    log = try LogStore.open(folder: root, fileSystem: files, options: options, clock: clock, randomness: randomness)
    log.journal.start(report)
  }

  func batch(_ count: Int, data: String = "{}") -> EntryBatch {
    let batch = EntryBatch(hash: log.hash)
    for index in 0..<count { batch.add(subject: "order-\(index)", data: data) }
    return batch
  }

  /// Appends one group with one commit for each batch.
  func append(_ batches: EntryBatch...) throws(JournalError) { try append(batches) }

  func append(_ batches: [EntryBatch]) throws(JournalError) {
    log.framer.beginGroup()
    for batch in batches {
      log.framer.beginCommit(
        producer: .door, generation: 1, time: max(clock.wallMicroseconds(), log.framer.lastTime),
        durable: log.journal.durable.commit)
      log.framer.append(batch)
      log.framer.endCommit()
    }
    do throws(JournalError) {
      try log.journal.append(log.framer.endGroup())
    } catch {
      log.framer.rollback()
      throw error
    }
  }

  /// Every entry of the log: position and subject.
  func subjects() throws -> [String] {
    var all: [String] = []
    try log.reader.replay(fromCommit: 1) { commit in
      for record in commit.records where record.takesPosition { all.append(record.entry.subject.text) }
      return true
    }
    return all
  }
}
