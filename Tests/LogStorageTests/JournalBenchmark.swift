import Events
import Glibc
import LogStorage
import Platform
import TestKit
import Testing

/// Framer and journal alone beside a raw loop of 1 MiB writes and fdatasync of the same bytes, on the real disk.
///
///     MOONDANCE_LOG_BENCH=/path/on/the/disk swift test -c release --filter JournalBenchmark
@Suite(.enabled(if: getenv("MOONDANCE_LOG_BENCH") != nil), .serialized)
struct JournalBenchmark {
  let folder = String(cString: getenv("MOONDANCE_LOG_BENCH") ?? strdup("/tmp")) + "/moondance-log-bench"
  let clock = SystemClock()
  static let events = 2_000_000

  private func seconds(_ body: () throws -> Void) rethrows -> Double {
    let start = clock.monotonicNanoseconds()
    try body()
    return Double(clock.monotonicNanoseconds() - start) / 1e9
  }

  private func clean() { system("rm -rf '\(folder)'; mkdir -p '\(folder)'") }

  private func raw(bytes: Int) throws -> Double {
    clean()
    let file = try LocalFileSystem().open("\(folder)/raw", .create)
    let block = [UInt8](repeating: 0x61, count: 1 << 20)
    return try seconds {
      for index in 0..<(bytes >> 20) {
        try block.withUnsafeBytes { try file.write($0, at: index << 20) }
        try file.syncData()
      }
    }
  }

  private func open(_ options: LogOptions = LogOptions()) throws -> OpenedLog {
    clean()
    let log = try LogStore.open(
      folder: folder + "/data", fileSystem: LocalFileSystem(), options: options, clock: clock,
      randomness: SystemRandomness())
    log.journal.start { _ in }
    return log
  }

  private func batch(_ log: OpenedLog, count: Int, first: Int, withID: Bool) -> EntryBatch {
    let batch = EntryBatch(hash: log.hash, capacity: count * 300)
    let data = #"{"order":"# + String(repeating: "7", count: 150) + "}"
    for index in 0..<count {
      batch.add(
        subject: "order-\((first + index) % 100_000)", data: data, id: withID ? "id-\(first + index)" : nil)
    }
    return batch
  }

  /// - groupEvents: events in a group. Returns seconds, and the bytes of the log.
  private func journal(groupEvents: Int, withID: Bool, framing: Bool = true) throws -> (Double, Int) {
    var log = try open()
    // Encoding is the door's work, not the log's: a few batches are encoded before and used in turn.
    let batches = (0..<16).map { batch(log, count: groupEvents, first: $0 * groupEvents, withID: withID) }
    var bytes = 0
    let time = try seconds {
      for index in 0..<(Self.events / groupEvents) {
        log.framer.beginGroup(reserving: groupEvents * 320)
        log.framer.beginCommit(
          producer: .door, generation: 1, time: max(clock.wallMicroseconds(), log.framer.lastTime),
          durable: log.journal.durable.commit)
        log.framer.append(batches[index % 16])
        log.framer.endCommit()
        let group = log.framer.endGroup()
        bytes += group.byteCount
        try log.journal.append(group)
        log.journal.sync()
      }
      try log.close()
    }
    return (time, bytes)
  }

  @Test func `append 200-byte events, durable`() throws {
    for withID in [false, true] {
      for groupEvents in [64, 512, 4096] {
        var lines: [(events: Double, ratio: Double)] = []
        var bytes = 0
        for _ in 0..<3 {
          let (time, size) = try journal(groupEvents: groupEvents, withID: withID)
          let floor = try raw(bytes: size)
          bytes = size
          lines.append((Double(Self.events) / time, floor / time))
        }
        lines.sort { $0.ratio < $1.ratio }
        print(
          "ids \(withID), \(groupEvents) events a group, \(bytes / Self.events) bytes an event:",
          "\(Int(lines[1].events)) events/s, \((Int(lines[1].events) * (bytes / Self.events)) >> 20) MiB/s,",
          "\(Int(lines[1].ratio * 100)) % of the raw floor (of three: \(lines.map { Int($0.ratio * 100) }))")
      }
    }
  }

  @Test func `one small group at a time, durable`() throws {
    for prepared in [0, 256 << 10, 0, 256 << 10] {
      var options = LogOptions()
      options.preparedBytes = prepared
      var log = try open(options)
      let one = batch(log, count: 1, first: 0, withID: false)
      var times: [UInt64] = []
      for _ in 0..<2000 {
        let start = clock.monotonicNanoseconds()
        log.framer.beginGroup()
        log.framer.beginCommit(
          producer: .door, generation: 1, time: max(clock.wallMicroseconds(), log.framer.lastTime), durable: 0)
        log.framer.append(one)
        let number = log.framer.endCommit()
        try log.journal.append(log.framer.endGroup())
        log.journal.sync()
        while log.journal.durable.commit < number { sched_yield() }
        times.append(clock.monotonicNanoseconds() - start)
      }
      try log.close()
      let file = try LocalFileSystem().open("\(folder)/small", .create)
      var raws: [UInt64] = []
      let block = [UInt8](repeating: 1, count: 320)
      for index in 0..<2000 {
        let start = clock.monotonicNanoseconds()
        try block.withUnsafeBytes { try file.write($0, at: index * 320) }
        try file.syncData()
        raws.append(clock.monotonicNanoseconds() - start)
      }
      times.sort()
      raws.sort()
      print(
        "one event, appended and durable, \(prepared >> 10) KiB prepared: median \(times[1000] / 1000) µs, 99 % \(times[1980] / 1000) µs;",
        "write and fdatasync alone: median \(raws[1000] / 1000) µs, 99 % \(raws[1980] / 1000) µs")
    }
  }

  private func residentMiB() -> Int {
    guard let file = fopen("/proc/self/statm", "r") else { return 0 }
    defer { fclose(file) }
    var text = [CChar](repeating: 0, count: 128)
    fgets(&text, 128, file)
    let fields = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self).split(
      separator: " ")
    return (Int(fields[1])! * 4096) >> 20
  }

  @Test func `ten million events, a million subjects`() throws {
    for withID in [false, true] {
      let before = residentMiB()
      var log = try open()
      let total = 10_000_000
      let data = #"{"order":"# + String(repeating: "7", count: 150) + "}"
      var number = 0
      var inserting = 0.0
      var maybe = 0
      let filling = try seconds {
        while number < total {
          let batch = EntryBatch(hash: log.hash, capacity: 300_000)
          for _ in 0..<1000 {
            batch.add(subject: "order-\(number % 1_000_000)", data: data, id: withID ? "id-\(number)" : nil)
            number += 1
          }
          if withID {
            inserting += seconds {
              var position = log.framer.nextPosition
              for info in batch.infos {
                if log.identities.mightContain(info.identityHash) { maybe += 1 }
                log.identities.insert(info.identityHash, position)
                position = position.next
              }
            }
          }
          log.framer.beginGroup(reserving: 320_000)
          log.framer.beginCommit(
            producer: .door, generation: 1, time: max(clock.wallMicroseconds(), log.framer.lastTime),
            durable: log.journal.durable.commit)
          log.framer.append(batch)
          log.framer.endCommit()
          try log.journal.append(log.framer.endGroup())
          log.journal.sync()
          log.identities.groupAppended(to: log.journal)
        }
      }
      let grown = residentMiB()
      try log.close()
      let opening = try seconds { log = try reopen() }
      let opened = residentMiB()
      var seed = Seed(1)
      let through = log.reader.lastPosition
      let subjects = try seconds {
        for _ in 0..<500 {
          let subject = "order-\(seed.below(1_000_000))"
          let found = try subject.withBytes { try log.reader.positions(ofSubject: $0, through: through) }
          if found.count != 10 { fatalError("\(subject): \(found)") }
        }
      }
      let chunks = try seconds {
        for _ in 0..<2000 {
          _ = try log.reader.chunk(from: Position(1 + seed.next() % 10_000_000), limitBytes: 4096, through: through)
        }
      }
      var finding = 0.0
      if withID {
        finding = try seconds {
          for _ in 0..<2000 {
            let id = "id-\(seed.below(total))"
            try id.withBytes { id in
              try "shop".withBytes { source in
                let hash = log.hash.identity(source: source, id: id)
                guard log.identities.mightContain(hash),
                  try log.reader.find(
                    source: source, id: id, hash: hash, candidates: log.identities.candidates(hash)) != nil
                else { fatalError("an identity is found") }
              }
            }
          }
        }
      }
      let replay = try seconds { try log.reader.replay(fromCommit: 1) { _ in true } }
      print(
        "ids \(withID): filled in \(filling) s (identities \(inserting) s, \(maybe) wrong hits), resident \(before) → \(grown) MiB,",
        "opened in \(opening) s, then \(opened) MiB; a subject's ten events \(subjects / 500 * 1e6) µs,",
        "a chunk \(chunks / 2000 * 1e6) µs, an identity \(finding / 2000 * 1e6) µs, replay \(replay) s")
      log.journal.start { _ in }
      try log.close()
    }
    clean()
  }

  private func reopen() throws -> OpenedLog {
    try LogStore.open(
      folder: folder + "/data", fileSystem: LocalFileSystem(), clock: clock, randomness: SystemRandomness())
  }
}
