import DequeModule
import Events
import LogStorage
import Scripts

/// Taking batches back, framing their commits, and what follows from them.
extension EngineCore {
  /// The most units a batch may have; a reader gets there while its calls are quick.
  static let largestBatch = 4096

  func takeBack(_ batch: Batch) {
    let index = Int(batch.reader) - 1
    // Voided: its effects never happened.
    guard runtimes[index].out === batch, runtimes[index].batchNumber == batch.number else { return }
    if batch.needsKeys { return takeKeyed(batch) }
    runtimes[index].out = nil
    runtimes[index].finished += 1
    adaptLimit(index, batch)
    finished.append(batch)
  }

  private func adaptLimit(_ index: Int, _ batch: Batch) {
    let elapsed = batch.shards.map(\.elapsed).max() ?? 0
    if elapsed > ShardRunner.longestSlice {
      runtimes[index].batchLimit = max(16, runtimes[index].batchLimit / 2)
    } else if elapsed < ShardRunner.longestSlice / 4, batch.units.count >= runtimes[index].batchLimit {
      runtimes[index].batchLimit = min(Self.largestBatch, runtimes[index].batchLimit * 2)
    }
  }

  /// Workers should never wait for the log: a reader whose batch blocks and frees no key gets the next one before this
  /// one's commit is framed. Any other waits, since it decides what is blocked.
  func handOutNextAtOnce() {
    guard !isStopping, deploys.isEmpty else { return }
    for batch in finished where batch.leavesKeysAlone {
      let index = Int(batch.reader) - 1
      if runtimes[index].hasState, runtimes[index].out == nil, runtimes[index].finished == 1 {
        runtimes[index].states.expect(batch.statesFound(before: batch.units.count), batch: batch.number)
      }
      if runtimes[index].out == nil, runtimes[index].finished == 1 { handOut(to: index) }
    }
  }

  /// Frames the commits of finished batches until the group is large enough; returns those that are in it.
  func frameFinished() -> [Batch] {
    var framed: [Batch] = []
    var waiting: [Batch] = []
    lackedRoom = false
    while let batch = finished.first, framed.isEmpty || framer.byteCount < settings.turnBytes {
      guard hasRoom(for: batch.mostBytes) else {
        lackedRoom = true
        break
      }
      finished.removeFirst()
      if touchesReserved(batch) {
        waiting.append(batch)
        continue
      }
      frame(batch)
      framed.append(batch)
    }
    for batch in waiting.reversed() { finished.prepend(batch) }
    return framed
  }

  /// As `frameFinished`, of the batches of commands alone. They go before what comes in from outside, so that they are
  /// seldom too old.
  func frameDecided() -> [Batch] {
    guard finished.contains(where: { $0.aggregate != nil }) else { return [] }
    let decided = Array(finished.filter { $0.aggregate != nil })
    finished.removeAll { $0.aggregate != nil }
    for (index, batch) in decided.enumerated() {
      guard hasRoom(for: batch.mostBytes) else {
        finished.insert(contentsOf: decided[index...], at: 0)
        return Array(decided[..<index])
      }
      frame(batch)
    }
    return decided
  }

  /// Whether so many bytes more fit into the group; alone, everything does.
  func hasRoom(for bytes: Int) -> Bool { !framer.hasCommits || framer.fits(bytes) }

  private func frame(_ batch: Batch) {
    let cut = batch.firstUndone
    if let work = batch.aggregate { judge(batch, work, before: cut) }
    let progress = progress(of: batch, before: cut)
    framer.beginCommit(
      producer: .reader(batch.reader), generation: batch.generation.number, time: commitTime, durable: durableCommit)
    if let work = batch.aggregate {
      appendDecisions(of: batch, work, before: cut)
    } else {
      appendEffects(of: batch, before: cut)
    }
    appendLetterEvents(of: batch, progress)
    appendStates(of: batch, before: cut)
    scratch.truncate(to: 0)
    progress.encode(into: &scratch)
    framer.appendRecord(scratch.bytes)
    batch.lastPosition = framer.nextPosition.rawValue - 1
    batch.commit = framer.endCommit()
    batch.progress = progress
    let reader = control.readers[Int(batch.reader) - 1]
    batch.touched = progress.touchedKeys(and: batch.retriedKeys).map { ($0, BlockedSummary(reader.blocked[$0])) }
  }

  /// Effects in the order of their causes, whichever worker finished first.
  private func appendEffects(of batch: Batch, before cut: Int) {
    if batch.shards.count == 1, cut == batch.units.count {
      let effects = batch.shards[0].effects
      if effects.count > 0 { framer.append(effects, 0..<effects.count) }
      return
    }
    var next = [Int](repeating: 0, count: batch.shards.count)
    for _ in 0..<cut {
      var chosen = -1
      for (index, shard) in batch.shards.enumerated() where next[index] < shard.done {
        if chosen < 0 || shard.units[next[index]] < batch.shards[chosen].units[next[chosen]] { chosen = index }
      }
      guard chosen >= 0 else { return }
      let shard = batch.shards[chosen]
      let begin = next[chosen] == 0 ? 0 : shard.ends[next[chosen] - 1].entries
      let end = shard.ends[next[chosen]].entries
      if begin < end { framer.append(shard.effects, begin..<end) }
      next[chosen] += 1
    }
  }

  /// The group with this batch's commit is appended and folded.
  func committedBatch(_ batch: Batch) {
    let index = Int(batch.reader) - 1
    guard let progress = batch.progress else { return }
    runtimes[index].finished -= 1
    runtimes[index].committed = progress.through
    if progress.through < batch.through { runtimes[index].scanned = progress.through }
    if !batch.touched.isEmpty {
      let retried = Set(batch.retriedKeys)
      for (key, before) in batch.touched {
        noteChange(of: key, from: before, index, wasTried: retried.contains(key))
      }
    }
    if runtimes[index].hasState {
      runtimes[index].states.note(batch.foundStates, batch: batch.number, mostBytes: stateCacheBytes)
    }
    if runtimes[index].keepsInstances { noteWakes(of: batch, index) }
    if let work = batch.aggregate { committedDecisions(of: batch, work, index, progress) }
    if !runtimes[index].lost.isEmpty { noteFailedLost(index, progress) }
    if pinned.count > control.pinned.count { dropUnpinned() }
    metrics?.committed(batch, control.readers[index], progress)
    tell(batch, progress)
  }

  /// A key may have been blocked, freed or put off. Its entry in `retries` is used up when it was tried, and stays good
  /// while its time stays the same.
  func noteChange(of key: KeyBytes, from before: BlockedSummary, _ index: Int, wasTried: Bool) {
    let state = control.readers[index].blocked[key]
    let after = BlockedSummary(state)
    if before.isBlocked != after.isBlocked {
      let keyHash = key.hash(hash)
      if after.isBlocked {
        runtimes[index].blockedHashes.insert(key, keyHash)
      } else {
        runtimes[index].blockedHashes.remove(key, keyHash)
        if !runtimes[index].blockedHashes.contains(keyHash) { runtimes[index].wakes.unpark(keyHash) }
      }
    }
    if let state, wasTried || after != before { schedule(key, state, of: UInt32(index + 1)) }
  }

  /// Log lines are effects: they come out when their commit is appended.
  private func tell(_ batch: Batch, _ progress: ProgressRecord) {
    let name = batch.declaration.name
    let cut = batch.firstUndone
    for shard in batch.shards {
      for (unit, lines) in shard.logs where unit < cut && !batch.isSetAside(unit) {
        hands.log(lines, consumer: name, position: Position(batch.units[unit].position))
      }
    }
    for unit in progress.failed { hands.failed(unit, consumer: name) }
  }
}

extension Batch {
  /// What its commit has at most, with a lot to spare: a few thousand units and as many answers are far below it.
  fileprivate var mostBytes: Int {
    let effects = shards.reduce(0) { $0 + $1.bytes }
    let waiting = queued.reduce(0) { $0 + $1.key.bytes.count + 32 + 8 * $1.value.count }
    return 2 * effects + waiting + (aggregate == nil ? 0 : 1024 * units.count) + (64 << 10)
  }

  /// Every unit before this index was run or passed over; what comes after did not happen.
  var firstUndone: Int {
    shards.reduce(units.count) { first, shard in
      shard.done < shard.units.count ? min(first, cutAtPosition(shard.units[shard.done])) : first
    }
  }

  /// The failure of a unit by which the progress record came to name it.
  func failure(at position: UInt64, _ key: KeyBytes) -> UnitFailure? {
    for shard in shards {
      if let failure = shard.failures.first(where: { $0.position == position && $0.key == key }) { return failure }
    }
    return keyFailures.first { $0.position == position && $0.key == key }
  }

  /// Units of one new position stay together: the cursor moves by positions.
  private func cutAtPosition(_ index: Int) -> Int {
    var index = index
    while index > 0, !units[index].isWake, units[index].position > from,
      units[index - 1].position == units[index].position
    {
      index -= 1
    }
    return index
  }

  /// All of it was run and it neither blocks nor frees a key. Of commands that is known when they are judged, and of
  /// instances where they are is known after the commit. It may have put followers into the queues of keys that stay
  /// blocked: the next batch puts its own behind them.
  var leavesKeysAlone: Bool {
    aggregate == nil && !keepsInstances && keyFailures.isEmpty && retriedKeys.isEmpty && rekeyed.isEmpty
      && shards.allSatisfy { $0.failures.isEmpty && $0.passedOver.isEmpty && $0.done == $0.units.count }
  }
}
