internal import Events
internal import Platform
internal import Synchronization

/// What only the sync thread knows.
struct Syncer {
  var witness: WitnessWriter
  /// When the witness was written last, and when the last sync began; monotonic nanoseconds.
  var witnessedAt: UInt64
  var syncedAt: UInt64 = 0
  /// How many bytes the last sync made durable.
  var syncedBytes = 0
}

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
      try writeWitnessWhenDue()
      if progress { try prepareWhenIdle() }
    } catch {
      if error.mayPass {
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
      syncer.syncedAt = clock.monotonicNanoseconds()
      try first.file.syncData()
      options.didSync?(clock.monotonicNanoseconds() - syncer.syncedAt)
      syncer.syncedBytes = written.end - max(written.syncedEnd, SegmentHeader.size)
      didSync(first, written)
    } else {
      precondition(writers.count > 1, "what is appended lies in one of the segments being written")
      try seal(first, written)
      try name(writers[1].writer, writers[1].written)
      // Only now: the index file syncs the same folder, and nothing may sync it after a sync of it has failed (L3).
      first.segment.wasSealed()
      indexer.sealed()
    }
    return true
  }

  private func seal(_ writer: SegmentWriter, _ written: FileJournal.Written) throws(FileError) {
    if writer.isSealed { return }
    try writer.writeSeal(at: written.end)
    try writer.file.syncData()
    try writer.file.close()
    writer.isSealed = true
  }

  /// Gives a segment its name, after which commits in it may be reported. The segment before it is sealed.
  private func name(_ writer: SegmentWriter, _ written: FileJournal.Written) throws(FileError) {
    if !writer.isNamed {
      try writer.file.sync()
      try fileSystem.rename(writer.segment.path + SegmentName.temporarySuffix, to: writer.segment.path)
      writer.isNamed = true
    }
    try fileSystem.syncFolder(folder.log)
    shared.withLock { shared in
      shared.writers.removeFirst()
      shared.blocked = nil
      shared.isWitnessWanted = true
    }
    didSync(writer, written)
  }

  /// `writer`, the oldest segment that is not sealed, is durable up to `written.end`.
  private func didSync(_ writer: SegmentWriter, _ written: FileJournal.Written) {
    let isNew = shared.withLock { shared in
      precondition(shared.writers[0].writer === writer, "segments are synced in order")
      shared.writers[0].written.syncedEnd = written.end
      guard written.point.commit > shared.durable.commit else { return false }
      shared.durable = written.point
      shared.durableChain = written.chain
      return true
    }
    if isNew { reporter.report(.durable(written.point)) }
    room.ring()
  }

  /// The witness is to be written soon, whatever time has passed: after a snapshot. Any thread.
  package func requestWitness() {
    shared.withLock { $0.isWitnessWanted = true }
    work.ring()
  }

  private func writeWitnessWhenDue() throws(FileError) {
    let (durable, chain, isWanted, ended) = shared.withLock {
      ($0.durable, $0.durableChain, $0.isWitnessWanted, $0.ended)
    }
    guard ended == nil, durable.commit > syncer.witness.last.point.commit else { return }
    let now = clock.monotonicNanoseconds()
    guard isWanted || now - syncer.witnessedAt >= options.witnessSpacing else { return }
    syncer.witnessedAt = now
    shared.withLock { $0.isWitnessWanted = false }
    do throws(FileError) {
      try syncer.witness.write(durable, chain)
    } catch {
      // A full disk costs the witness a second, no commit.
      guard error.mayPass else { throw error }
    }
  }

  /// Prepares room behind the commits when they come one by one; when they come in bulk it would only cost bandwidth.
  private func prepareWhenIdle() throws(FileError) {
    guard options.preparedBytes > 0, syncer.syncedBytes <= options.preparedBytes / 4 else { return }
    let (isIdle, writer, written) = shared.withLock {
      ($0.ended == nil && $0.writers.count == 1 && $0.unsynced == 0, $0.writers[0].writer, $0.writers[0].written)
    }
    if isIdle { try writer.prepare(options.preparedBytes, behind: written.end, limit: options.segmentBytes) }
  }

  /// How long after a full disk the sync thread looks again.
  private static var retryNanoseconds: UInt64 { 100_000_000 }

  /// The sync thread: syncs while there is something, then waits to be woken.
  func syncLoop() {
    while true {
      work.wait(until: nextDeadline)
      repeat {
        if options.syncSpacing > 0 { stopping.wait(until: syncer.syncedAt + options.syncSpacing) }
      } while syncOnce()
      if shared.withLock({ $0.isStopping || $0.ended != nil }) { return }
    }
  }

  private var nextDeadline: UInt64? {
    let (isBlocked, durable) = shared.withLock { ($0.blocked != nil, $0.durable.commit) }
    if isBlocked { return clock.monotonicNanoseconds() + Self.retryNanoseconds }
    return durable > syncer.witness.last.point.commit ? syncer.witnessedAt + options.witnessSpacing : nil
  }

  package func stop() throws(JournalError) {
    shared.withLock { $0.isStopping = true }
    stopping.ring()
    work.ring()
    thread?.join()
    thread = nil
    while syncOnce() {}
    requestWitness()
    syncOnce()
    indexer.stop()
    let (ended, blocked, writers) = shared.withLock { ($0.ended, $0.blocked, $0.writers) }
    if let ended { throw ended }
    indexer.workOnce()
    if let blocked { throw .noSpace(blocked) }
    do throws(FileError) {
      for (writer, _) in writers { try writer.file.close() }
      try syncer.witness.close()
    } catch {
      throw end(.failed(error))
    }
    if let ended = shared.withLock({ $0.ended }) { throw ended }
  }
}
