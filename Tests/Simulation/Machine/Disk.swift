import Glibc
import Platform
import TestKit

/// What goes wrong with the disk, call by call.
///
/// `@unchecked Sendable`: a run has one thread; the file system asks under its lock.
final class Disk: @unchecked Sendable {
  /// So many calls more, then the power goes.
  var callsUntilCrash: Int?
  /// Bytes that still fit while the disk is full; nil: it is not.
  var room: Int?
  /// So many syncs more, then one fails with EIO.
  var syncsUntilFailure: Int?
  /// One of so many reads fails with EIO.
  var badReads: Int?
  /// The bug: one of so many syncs only says that it was made.
  var ignoredSyncs: Int?
  /// The oracle and the checks look at the files without being seen.
  var isWatching = false

  private(set) var failedSync: String?
  /// What was done to a file after its sync had failed.
  private(set) var afterFailure: String?
  private var seed: Seed

  init(_ seed: Seed) { self.seed = seed }

  /// From now on it does what it is told.
  func heal() {
    callsUntilCrash = nil
    room = nil
    syncsUntilFailure = nil
    badReads = nil
  }

  /// The process that saw a sync fail is gone.
  func forgetFailure() {
    failedSync = nil
    afterFailure = nil
  }

  func fate(of call: MemoryFileSystem.Call) -> MemoryFileSystem.Fault? {
    if isWatching { return nil }
    if let left = callsUntilCrash {
      callsUntilCrash = left - 1
      if left <= 0 { return .crash }
    }
    if let failedSync, failedSync == call.path, call.operation.changes { afterFailure = call.description }
    switch call.operation {
    case .syncData, .sync, .syncFolder: return sync(call)
    case .write: return write(call)
    case .open where room != nil && call.path.hasSuffix(".new"): return .fail(ENOSPC)
    case .read:
      guard let badReads, seed.oneIn(badReads) else { return nil }
      return .fail(EIO)
    default: return nil
    }
  }

  private func sync(_ call: MemoryFileSystem.Call) -> MemoryFileSystem.Fault? {
    if let left = syncsUntilFailure {
      syncsUntilFailure = left - 1
      if left <= 0 {
        syncsUntilFailure = nil
        failedSync = call.path
        return .fail(EIO)
      }
    }
    if let ignoredSyncs, seed.oneIn(ignoredSyncs) { return .ignore }
    return nil
  }

  private func write(_ call: MemoryFileSystem.Call) -> MemoryFileSystem.Fault? {
    if let room {
      self.room = max(0, room - call.count)
      if room < call.count { return .failAfter(bytes: room, ENOSPC) }
    }
    // Short writes are completed in a loop.
    return seed.oneIn(40) ? .short(1 + seed.below(600)) : nil
  }
}

extension FileError.Operation {
  fileprivate var changes: Bool {
    switch self {
    case .write, .syncData, .sync, .syncFolder, .truncate: true
    default: false
    }
  }
}
