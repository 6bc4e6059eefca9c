import Events
import LogStorage
import Platform
import Synchronization
import TestKit
import Testing

/// The threads of a real log at work together, on real files.
@Suite struct ConcurrencyTests {
  let folder = TemporaryFolder()

  @Test func `readers see whole and right entries while the log grows, rolls and is indexed`() throws {
    var options = LogOptions()
    options.segmentBytes = 200_000
    options.preparedBytes = 16 << 10
    options.limits = LogLimits(maxGroupBytes: 64 << 10, maxUnsyncedBytes: 256 << 10)
    var log = try LogStore.open(
      folder: folder.path + "/data", fileSystem: LocalFileSystem(), options: options, clock: SystemClock(),
      randomness: SystemRandomness())
    let durable = Atomic<UInt64>(0)
    let problems = Mutex<[String]>([])
    let isDone = Atomic<Bool>(false)
    log.journal.start { report in
      if case .durable(let point) = report { durable.store(point.position.rawValue, ordering: .releasing) }
    }
    let reader = log.reader
    let threads = (0..<3).map { number in
      NamedThread.start(name: "read-\(number)") {
        var seed = Seed(UInt64(number))
        while !isDone.load(ordering: .acquiring) {
          let through = durable.load(ordering: .acquiring)
          if through == 0 { continue }
          if let problem = Self.problem(of: reader, through: through, &seed) {
            problems.withLock { $0.append(problem) }
          }
        }
      }
    }
    var next = 0
    for round in 0..<600 {
      let batch = EntryBatch(hash: log.hash)
      for _ in 0..<(1 + round % 37) {
        next += 1
        batch.add(type: "T\(next % 5)", subject: "s\(next % 101)", data: "\(next)", id: next % 2 == 0 ? "\(next)" : nil)
      }
      log.framer.beginGroup()
      log.framer.beginCommit(
        producer: .door, generation: 1, time: Int64(round), durable: log.journal.durable.commit)
      log.framer.append(batch)
      log.framer.endCommit()
      try log.journal.append(log.framer.endGroup())
      log.identities.groupAppended(to: log.journal)
      // As an engine does: by itself now and then.
      if round % 3 == 0 || !log.journal.syncHere() { log.journal.sync() }
    }
    isDone.store(true, ordering: .releasing)
    for thread in threads { thread.join() }
    try log.close()
    #expect(problems.withLock { $0 } == [])
    #expect(durable.load(ordering: .acquiring) == UInt64(next))
    let result = try LogVerifier.verify(folder: folder.path + "/data", fileSystem: LocalFileSystem())
    #expect(result.isGood && result.notes.isEmpty && result.entries == UInt64(next) && result.segments > 3, "\(result)")
  }

  /// Each entry's data is its position, so every answer can be checked by itself.
  private static func problem(of reader: LogReader, through: UInt64, _ seed: inout Seed) -> String? {
    let position = 1 + seed.next() % through
    do {
      switch seed.below(3) {
      case 0:
        guard let chunk = try reader.chunk(from: Position(position), limitBytes: 8000, through: Position(through))
        else {
          return "no chunk at \(position) of \(through)"
        }
        for at in position...min(chunk.lastPosition.rawValue, through)
        where chunk.entry(Position(at)).data.text != "\(at)" {
          return "another entry at \(at)"
        }
      case 1:
        let from = through > 400 ? through - 400 : 1
        let subject = "s\(position % 101)"
        let found = try subject.withBytes {
          try reader.positions(ofSubject: $0, from: Position(from), through: Position(through))
        }
        let expected = (from...through).filter { $0 % 101 == position % 101 }
        if found.map(\.rawValue) != expected { return "\(subject) at \(found), not \(expected)" }
      default:
        let id = "\(position)"
        let found = try id.withBytes { id in
          try "shop".withBytes { source in
            try reader.find(source: source, id: id, hash: reader.identity.hash.identity(source: source, id: id))
          }
        }
        if found?.position.rawValue != (position % 2 == 0 ? position : nil) {
          return "\(id) found at \(String(describing: found?.position))"
        }
      }
      return nil
    } catch {
      return "\(error)"
    }
  }
}
