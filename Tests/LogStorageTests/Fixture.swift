import Events
import LogStorage
import Platform
import Synchronization
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
    source: String = "shop", root: UInt64 = 0, cause: UInt64 = 0, causeLog: String? = nil
  ) {
    type.withBytes { type in
      subject.withBytes { subject in
        data.withBytes { data in
          begin(
            kind: .event, type: type, subject: subject, data: data, encoding: .json, cause: cause, root: root)
        }
      }
    }
    causeLog?.withBytes { addAttribute(.causelog, $0) }
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

/// An entry as a test remembers it.
struct Seen: Equatable, CustomStringConvertible {
  var position: UInt64
  var subject: String
  var data: String

  var description: String { "\(position) \(subject) \(data)" }
}

/// What a journal has reported.
final class Reports: Sendable {
  private let state = Mutex<(durable: DurablePoint?, ended: JournalError?)>((nil, nil))

  var durable: DurablePoint? { state.withLock { $0.durable } }
  var ended: JournalError? { state.withLock { $0.ended } }

  func take(_ report: JournalReport) {
    state.withLock { state in
      precondition(state.ended == nil, "nothing is reported after the end")
      switch report {
      case .durable(let point):
        precondition(point.commit > state.durable?.commit ?? 0, "durable points only grow")
        state.durable = point
      case .ended(let error): state.ended = error
      }
    }
  }
}

/// A log under test with its own file system, clock and seed. Works without threads.
final class TestLog {
  let files: any FileSystem
  let clock = ManualClock()
  let randomness: SeededRandomness
  let root: String
  var options: LogOptions
  var log: OpenedLog!
  /// Of the last opening.
  private(set) var reports = Reports()

  init(files: any FileSystem, root: String = "data", options: LogOptions = LogOptions(), seed: UInt64 = 7) {
    self.files = files
    self.root = root
    self.options = options
    self.options.ownThreads = false
    self.options.preparedBytes = 0
    randomness = SeededRandomness(seed)
  }

  /// The only segment of a small log.
  var segment: String { "\(root)/log/00000000000000000001.seg" }
  var witness: String { "\(root)/witness" }

  func open() throws(LogError) {
    log = try LogStore.open(folder: root, fileSystem: files, options: options, clock: clock, randomness: randomness)
    reports = Reports()
    log.journal.start { [reports] in reports.take($0) }
  }

  func batch(_ count: Int, data: String = "{}", subject: String = "order") -> EntryBatch {
    let batch = EntryBatch(hash: log.hash)
    for index in 0..<count { batch.add(subject: "\(subject)-\(index)", data: data) }
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

  /// Everything becomes durable.
  func sync() {
    while log.journal.syncOnce() {}
    log.indexer.workOnce()
  }

  /// Every entry of the log.
  func entries() throws -> [Seen] { try log.reader.seen() }

  func subjects() throws -> [String] { try entries().map(\.subject) }
}

extension LogReader {
  func seen() throws -> [Seen] {
    var all: [Seen] = []
    try replay(fromCommit: 1) { commit in
      var position = commit.firstPosition
      for record in commit.records where record.takesPosition {
        all.append(Seen(position: position.rawValue, subject: record.entry.subject.text, data: record.entry.data.text))
        position = position.next
      }
      return true
    }
    return all
  }
}

/// Where the commits of a segment begin, and where the last one ends.
func commitOffsets(_ bytes: [UInt8]) -> [Int] {
  var offsets = [512]
  bytes.withUnsafeBytes { bytes in
    while offsets.last! + CommitHeader.size <= bytes.count {
      let header = CommitHeader(bytes.baseAddress! + offsets.last!)
      if header.storedLength == 0 || header.number == 0 { break }
      offsets.append(offsets.last! + header.wholeLength)
    }
  }
  return offsets
}

/// The error that `body` throws.
func logError(_ body: () throws -> Void) -> LogError? {
  do {
    try body()
    return nil
  } catch {
    return error as? LogError
  }
}
