internal import Events
internal import Platform
internal import Synchronization

/// The work of the sync thread. Without a thread, whoever calls `syncOnce` is it.
extension FileJournal {
  /// Makes durable what had been appended when it was called, in steps, and reports each. Returns false when there
  /// was nothing to do, or when it could not be done for want of room (it will be tried again) or ever.
  @discardableResult
  package func syncOnce() -> Bool {
    let goal = shared.withLock { $0.appended.commit }
    var progress = false
    do throws(FileError) {
      while try step(towards: goal) { progress = true }
    } catch {
      let mayPass = error.isOutOfSpace || error.isOutOfDescriptors
      if mayPass && [.write, .rename, .open].contains(error.operation) {
        shared.withLock { $0.blocked = error }
      } else {
        end(.failed(error))
      }
      return false
    }
    return progress
  }

  /// One step towards the goal; false when there is nothing left to do. When a step finds no room, it is made again
  /// from where it stopped.
  private func step(towards goal: UInt64) throws(FileError) -> Bool {
    let (ended, durable, writers) = shared.withLock { ($0.ended, $0.durable, $0.writers) }
    guard ended == nil, durable.commit < goal || writers.count > 1 else { return false }
    let (first, written) = writers[0]
    if written.syncedEnd < written.end {
      lastSync = clock.monotonicNanoseconds()
      try first.file.syncData()
      didSync(first, written)
    } else {
      precondition(writers.count > 1, "what is appended lies in one of the segments being written")
      try seal(first, written)
      try name(writers[1].writer, writers[1].written)
    }
    return true
  }

  private func seal(_ writer: SegmentWriter, _ written: FileJournal.Written) throws(FileError) {
    if writer.isSealed { return }
    try writer.writeSeal(at: written.end)
    try writer.file.syncData()
    try writer.file.close()
    writer.isSealed = true
    writer.segment.wasSealed()
  }

  /// Gives a segment its name, after which commits in it may be reported. The segment before it is sealed.
  private func name(_ writer: SegmentWriter, _ written: FileJournal.Written) throws(FileError) {
    if !writer.isNamed {
      try writer.file.sync()
      try fileSystem.rename(writer.segment.path + SegmentName.temporarySuffix, to: writer.segment.path)
      writer.isNamed = true
      writer.segment.wasNamed()
    }
    try fileSystem.syncFolder(folder)
    shared.withLock { shared in
      shared.writers.removeFirst()
      shared.blocked = nil
    }
    didSync(writer, written)
  }

  /// `writer`, the oldest segment that is not sealed, is durable up to `written.end`.
  private func didSync(_ writer: SegmentWriter, _ written: FileJournal.Written) {
    let report = shared.withLock { shared in
      precondition(shared.writers[0].writer === writer, "segments are synced in order")
      shared.writers[0].written.syncedEnd = written.end
      guard written.point.commit > shared.durable.commit else { return nil as (@Sendable (JournalReport) -> Void)? }
      shared.durable = written.point
      return shared.report
    }
    report?(.durable(written.point))
    room.ring()
  }

  /// The sync thread: syncs while there is something, then waits to be woken.
  func syncLoop() {
    while true {
      let isBlocked = shared.withLock { $0.blocked != nil }
      work.wait(until: isBlocked ? clock.monotonicNanoseconds() + Self.retryNanoseconds : nil)
      while true {
        if options.syncSpacing > 0 { stopping.wait(until: lastSync + options.syncSpacing) }
        if !syncOnce() { break }
      }
      if shared.withLock({ $0.isStopping || $0.ended != nil }) { return }
    }
  }

  /// How long after a full disk the sync thread looks again.
  private static var retryNanoseconds: UInt64 { 100_000_000 }

  package func stop() throws(JournalError) {
    shared.withLock { $0.isStopping = true }
    stopping.ring()
    work.ring()
    thread?.join()
    while syncOnce() {}
    let (ended, blocked) = shared.withLock { ($0.ended, $0.blocked) }
    if let ended { throw ended }
    if let blocked { throw .noSpace(blocked) }
  }
}
