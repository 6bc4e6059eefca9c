internal import Events
internal import Platform
internal import Synchronization

/// What whoever syncs knows.
struct Syncer {
  var witness: WitnessWriter
  /// When the witness was written last, and when the last sync began; monotonic nanoseconds.
  var witnessedAt: UInt64
  var syncedAt: UInt64 = 0
  /// How long the last sync took, in nanoseconds. Before the first nobody expects it to be quick.
  var syncTook = UInt64.max
  /// How many bytes the last sync made durable.
  var syncedBytes = 0
  /// There may be too few zeros behind the commits.
  var isPreparationWanted = false
  /// The sync thread waits to be rung, however long that takes.
  var sleepsForGood = false
}

/// The work of the sync thread. Without a thread, whoever calls `syncOnce` is it.
extension FileJournal {
  /// Longer than this the engine's thread does not wait for the disk: what others ask of it would wait as long.
  private static var quickSync: UInt64 { 2_000_000 }

  package func sync() { work.ring() }

  package func syncHere() -> Bool {
    guard options.ownThreads, options.syncSpacing == 0 else { return false }
    return syncer.withLockIfAvailable { syncer in
      let (isOrdinary, goal) = shared.withLock {
        ($0.ended == nil && $0.blocked == nil && !$0.isStopping && $0.writers.count == 1, $0.appended.commit)
      }
      guard isOrdinary, syncer.syncTook <= Self.quickSync else { return false }
      do throws(FileError) {
        _ = try step(&syncer, towards: goal)
      } catch {
        failed(error)
        return false
      }
      let written = shared.withLock { $0.writers[0] }
      syncer.isPreparationWanted =
        written.writer.wantsPreparing(options.preparedBytes, behind: written.written.end, limit: options.segmentBytes)
      // Zeros and the witness are the thread's.
      if syncer.sleepsForGood || syncer.isPreparationWanted { work.ring() }
      syncer.sleepsForGood = false
      return true
    } ?? false
  }

  /// Makes durable what had been appended when it was called, in steps, and reports each. Returns false when there
  /// was nothing to do, or when it could not be done for want of room (it will be tried again) or ever.
  @discardableResult
  package func syncOnce() -> Bool {
    syncer.withLock { syncer in
      let goal = shared.withLock { $0.appended.commit }
      do throws(FileError) {
        var progress = false
        while try step(&syncer, towards: goal) { progress = true }
        try writeWitnessWhenDue(&syncer)
        if progress || syncer.isPreparationWanted { try prepareWhenIdle(&syncer) }
        return progress
      } catch {
        failed(error)
        return false
      }
    }
  }

  private func failed(_ error: FileError) {
    if error.mayPass {
      shared.withLock { $0.blocked = error }
    } else {
      end(.failed(error))
    }
  }

  /// One step towards the goal; false when there is nothing left to do. When a step finds no room, it is made again
  /// from where it stopped.
  private func step(_ syncer: inout Syncer, towards goal: UInt64) throws(FileError) -> Bool {
    let (ended, durable, writers) = shared.withLock { ($0.ended, $0.durable, $0.writers) }
    guard ended == nil, durable.commit < goal || writers.count > 1 else { return false }
    let (first, written) = writers[0]
    if written.syncedEnd < written.end {
      syncer.syncedAt = clock.monotonicNanoseconds()
      try first.file.syncData()
      syncer.syncTook = clock.monotonicNanoseconds() - syncer.syncedAt
      options.didSync?(syncer.syncTook)
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

  private func writeWitnessWhenDue(_ syncer: inout Syncer) throws(FileError) {
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
  private func prepareWhenIdle(_ syncer: inout Syncer) throws(FileError) {
    syncer.isPreparationWanted = false
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
        if options.syncSpacing > 0 { stopping.wait(until: syncer.withLock { $0.syncedAt } + options.syncSpacing) }
      } while syncOnce()
      if shared.withLock({ $0.isStopping || $0.ended != nil }) { return }
    }
  }

  private var nextDeadline: UInt64? {
    syncer.withLock { syncer in
      let (isBlocked, durable) = shared.withLock { ($0.blocked != nil, $0.durable.commit) }
      syncer.sleepsForGood = false
      if isBlocked { return clock.monotonicNanoseconds() + Self.retryNanoseconds }
      if durable > syncer.witness.last.point.commit { return syncer.witnessedAt + options.witnessSpacing }
      syncer.sleepsForGood = true
      return nil
    }
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
      try syncer.withLock { syncer throws(FileError) in try syncer.witness.close() }
    } catch {
      throw end(.failed(error))
    }
    if let ended = shared.withLock({ $0.ended }) { throw ended }
  }
}
