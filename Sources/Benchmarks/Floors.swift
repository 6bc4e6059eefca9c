import Events
import Foundation
import Glibc
import Scripts

/// The simplest loops that do only the work a workload cannot do without.
enum Floors {
  /// Bytes a second of 1 MiB writes, each followed by fdatasync, into a new file in `folder`.
  static func rawWrite(bytes: Int, folder: String) throws -> Double {
    let path = folder + "/bench-raw-\(getpid())"
    let file = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw BenchError("cannot write to \(folder) (errno \(errno))") }
    defer {
      close(file)
      unlink(path)
    }
    var block = [UInt8](repeating: 0, count: 1 << 20)
    for index in block.indices { block[index] = UInt8(truncatingIfNeeded: index &* 31) }
    let start = ContinuousClock.now
    var written = 0
    while written < bytes {
      guard write(file, block, block.count) == block.count, fdatasync(file) == 0 else {
        throw BenchError("writing to \(folder) failed (errno \(errno))")
      }
      written += block.count
    }
    return Double(written) / (ContinuousClock.now - start).seconds
  }

  /// Reactions a second of decode + handler + encode in one tight loop on this thread, no log.
  static func react(_ batch: EntryBatch, source: String) throws -> Double {
    let scripts = try Generation.load([SourceFile(path: "bench.lua", text: source)]).get()
    let worker = try scripts.makeWorker(hash: batch.hash, logName: "bench", logID: (1, 2))
    let effects = EntryBatch(hash: batch.hash, capacity: 1 << 20)
    let start = ContinuousClock.now
    for index in 0..<batch.count {
      if effects.bytes.count > 1 << 19 { effects.truncate(to: (0, 0)) }
      let entry = batch.entry(index)
      let outcome = worker.call(
        consumer: 0, handler: 0, event: entry, position: Position(UInt64(index) + 1), recorded: 0, now: 0,
        key: entry.subject, readerNumber: 1, into: effects)
      guard case .done = outcome else { throw BenchError("the handler of the floor failed: \(outcome)") }
    }
    return Double(batch.count) / (ContinuousClock.now - start).seconds
  }
}

/// A file in the folder of a workload that is appended to, a little at a time, each time durably.
struct SyncFloor: ~Copyable {
  private let file: Int32
  private let path: String
  private let block: [UInt8]

  /// - bytes: of one append. - name: of its file, which no other may have.
  init(folder: String, bytes: Int, name: String = "sync") throws {
    path = folder + "/bench-\(name)-\(getpid())"
    block = [UInt8](repeating: 7, count: bytes)
    file = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw BenchError("cannot write to \(folder) (errno \(errno))") }
  }

  deinit {
    close(file)
    unlink(path)
  }

  /// µs of one append with fdatasync.
  func once() throws -> Double {
    let start = ContinuousClock.now
    guard write(file, block, block.count) == block.count, fdatasync(file) == 0 else {
      throw BenchError("writing to \(path) failed (errno \(errno))")
    }
    return (ContinuousClock.now - start).seconds * 1e6
  }
}
