import DequeModule
import Events
import HeapModule
import LogStorage
import Scripts

/// Forming batches and handing them out.
extension EngineCore {
  /// Entries looked at in one go, so that a reader that hears nothing of a long stretch does not hold up the turn.
  static let scanLimit = 1 << 16
  static let batchBytes = 1 << 20
  static let retriesPerBatch = 64
  /// Of these, units that waited for their keys: each may have a thousand, all of which are run.
  static let unkeyedPerBatch = 8
  /// Keys that fall due beyond this many wait for the next turn, so that a million of them do not hold up appends.
  static let dueKeysPerTurn = 10_000
  static let fetchBytes = 1 << 20

  func addRuntime(of reader: ReaderState) {
    var runtime = ReaderRuntime(cursor: reader.cursor)
    runtime.blockedHashes = BlockedHashes(of: reader.blocked, hash)
    if !reader.open.isEmpty { runtime.wakes.rebuild(from: reader.open) }
    runtimes.append(runtime)
    scheduleAll(of: reader)
  }

  func scheduleAll(of reader: ReaderState) {
    for key in reader.blocked.all {
      if let state = reader.blocked[key] { schedule(key, state, of: reader.number) }
    }
  }

  func schedule(_ key: KeyBytes, _ state: BlockedKey, of reader: UInt32) {
    guard !state.isDead else { return }
    retries.insert(RetryEntry(due: state.nextTry, reader: reader, key: key))
  }

  func collectDueRetries() {
    var left = Self.dueKeysPerTurn
    while let next = retries.min, next.due <= now {
      guard left > 0 else {
        wantsTurn = true
        return
      }
      left -= 1
      retries.removeMin()
      let index = Int(next.reader) - 1
      // An entry is stale when its key was freed or put off since.
      let waits = runtimes[index].outbox?.keys[next.key] != nil
      guard waits || control.readers[index].blocked[next.key].map({ !$0.isDead && $0.nextTry <= now }) ?? false else {
        continue
      }
      runtimes[index].due.append(next.key)
    }
  }

  /// Begins with the reader that had to stand back in the last turn.
  func handOutToIdleReaders() {
    guard !isStopping, !runtimes.isEmpty else { return }
    scanLeft += settings.scanPerTurn / 2
    let first = nextToScan % runtimes.count
    for step in runtimes.indices {
      let index = (first + step) % runtimes.count
      if runtimes[index].out == nil, runtimes[index].finished == 0 { handOut(to: index) }
    }
  }

  /// Forms the reader's next batch and hands it out, if there is work for it.
  func handOut(to index: Int) {
    if runtimes[index].outbox != nil { return handOutMessages(of: index) }
    guard let generation, let consumer = runtimes[index].consumer, control.readers[index].life == .active,
      runtimes[index].waitingVerbs == 0, runtimes[index].stuckCalls < Self.mostLostCalls
    else { return }
    // Most readers, in most turns, are at the head and stay there.
    let isAtHead =
      runtimes[index].due.isEmpty
      && (runtimes[index].scanned == control.position || passUnheard(index, &scanLeft))
    // What it has passed now stays passed when the batch that begins behind it is given up: a deploy in between would
    // otherwise write down that it is still to be heard.
    if runtimes[index].finished == 0 { runtimes[index].committed = runtimes[index].scanned }
    if isAtHead, !runtimes[index].keepsInstances || !hasDueWakes(index) { return }
    let batch = Batch(
      reader: UInt32(index + 1), number: runtimes[index].batchNumber + 1, generation: generation, consumer: consumer,
      now: commitTime, from: runtimes[index].scanned,
      aggregate: generation.scripts.consumers[consumer].aggregate.map(beginAggregateWork))
    if !pinned.isEmpty, batch.declaration.process != nil { batch.pinned = pinned }
    if runtimes[index].listening != nil { batch.mayMove = hasOlderInstances(index) }
    // Slow retries must not keep new units waiting, nor these them: every other batch begins with what is new.
    if batch.number % 2 == 0 { addRetries(to: batch, index) }
    if batch.units.isEmpty || batch.number % 2 == 0 { addNew(to: batch, index) }
    if batch.units.isEmpty { addRetries(to: batch, index) }
    runtimes[index].scanned = batch.through
    if runtimes[index].keepsInstances { prepareInstances(of: batch, index) }
    guard !batch.units.isEmpty || !batch.queued.isEmpty else {
      if runtimes[index].finished == 0 { runtimes[index].committed = batch.through }
      return
    }
    runtimes[index].batchNumber = batch.number
    runtimes[index].out = batch
    batch.givenUp = runtimes[index].lost.map(\.unit)
    if let work = batch.aggregate { findSubjects(of: batch, work, index) }
    send(batch)
  }

  private func send(_ batch: Batch) {
    if batch.units.isEmpty {
      batch.shards = []
      batch.needsKeys = false
      takeBack(batch)
      return
    }
    batch.needsKeys = batch.units.contains { if case .unknown = $0.key { true } else { false } }
    setMustRun(batch)
    batch.shards = shards(of: batch)
    hands.run(batch)
  }

  /// Units that were queued before and now have a key come first and must all be run, as must those of the first new
  /// position: a batch always gets on.
  private func setMustRun(_ batch: Batch) {
    batch.mustRun = 1
    for (index, unit) in batch.units.enumerated() where !unit.isRetry && unit.position <= batch.from {
      batch.mustRun = index + 1
    }
    guard let firstNew = batch.units.first(where: { $0.position > batch.from && !$0.isWake })?.position else { return }
    if batch.units[0].position == firstNew || batch.mustRun > 1 {
      for (index, unit) in batch.units.enumerated() where unit.position == firstNew { batch.mustRun = index + 1 }
    }
  }

  private func shards(of batch: Batch) -> [Shard] {
    let count = batch.units.count
    guard !batch.needsKeys, settings.workers > 1, count >= 128 else {
      return [Shard(units: Array(0..<count), hash: hash)]
    }
    var parts = [[Int]](repeating: [], count: settings.workers)
    for index in 0..<count {
      let part = Int(truncatingIfNeeded: ((batch.units[index].keyHash >> 32) &* UInt64(settings.workers)) >> 32)
      parts[part].append(index)
    }
    return parts.filter { !$0.isEmpty }.map { Shard(units: $0, hash: hash) }
  }

  private func addRetries(to batch: Batch, _ index: Int) {
    var seen: Set<KeyBytes> = []
    var unkeyed: [(key: KeyBytes, state: BlockedKey)] = []
    while batch.units.count + unkeyed.count < min(Self.retriesPerBatch, runtimes[index].batchLimit / 2),
      let key = runtimes[index].due.popFirst()
    {
      guard let state = control.readers[index].blocked[key], !state.isDead, state.nextTry <= now,
        seen.insert(key).inserted
      else { continue }
      if key.isUnkeyed { unkeyed.append((key, state)) } else { addRetry(of: key, state, to: batch, index) }
    }
    // They fell due in any order; those that may be of one key are called in that of the log.
    unkeyed.sort { $0.state.queue[0] < $1.state.queue[0] }
    for (key, state) in unkeyed.prefix(Self.unkeyedPerBatch) { addRetry(of: key, state, to: batch, index) }
    for (key, _) in unkeyed.dropFirst(Self.unkeyedPerBatch).reversed() { runtimes[index].due.prepend(key) }
  }

  private func addRetry(of key: KeyBytes, _ state: BlockedKey, to batch: Batch, _ index: Int) {
    batch.retriedKeys.append(key)
    let stored = key.bytes.withUnsafeBytes { batch.storeKey($0) }
    let keyHash = key.hash(hash)
    for position in state.queue.prefix(Self.retriesPerBatch) {
      var unit = Unit(
        position: position, entry: nil, recorded: 0, keyHash: keyHash, key: key.isUnkeyed ? .unknown : stored,
        handler: -1, isRetry: true)
      if runtimes[index].hasState, !key.isUnkeyed { findState(of: key, keyHash, batch, index) }
      if key.isUnkeyed { noteUnkeyed(in: batch, index) }
      if let chunk = tail.chunk(holding: position) {
        batch.retain(chunk)
        unit.entry = chunk.entry(Position(position))
        unit.recorded = chunk.commit(of: Position(position)).time
      }
      batch.units.append(unit)
    }
  }

  /// Adds what the reader hears after its cursor, from what was read behind the tail and from the tail.
  private func addNew(to batch: Batch, _ index: Int) {
    guard !isFull(index) else { return }
    let isUsedUp = readOn(index, after: { batch.through }) { chunk, budget in
      scan(chunk, into: batch, index, &budget)
    }
    if isUsedUp && batch.units.isEmpty { wantsTurn = true }
  }

  /// Lets a reader go on over the log, from what was read for it behind the tail to the end of the tail, as far as this
  /// turn allows.
  /// - last: up to where it has looked. - scan: looks at a chunk with so many entries left to look at; false: it wants no
  ///   more.
  /// - Returns: whether it may look at nothing more in this turn.
  func readOn(
    _ index: Int, after last: () -> UInt64, _ scan: (_ chunk: LogChunk, _ budget: inout Int) -> Bool
  ) -> Bool {
    guard scanLeft > 0 else {
      if !someStandBack { nextToScan = index }
      (someStandBack, wantsTurn) = (true, true)
      return false
    }
    let most = min(Self.scanLimit, scanLeft)
    var budget = most
    read(index, after: last) { scan($0, &budget) }
    scanLeft -= most - budget
    return budget <= 0
  }

  private func read(_ index: Int, after last: () -> UInt64, _ scan: (LogChunk) -> Bool) {
    if last() + 1 < tail.first {
      if let fetched = runtimes[index].fetched {
        guard scan(fetched) else { return }
        runtimes[index].fetched = nil
      }
      if last() + 1 < tail.first { return requestFetch(index, after: last()) }
    }
    runtimes[index].fetched = nil
    guard let chunks = tail.chunks(from: last() + 1) else { return }
    for chunk in chunks {
      guard scan(chunk) else { return }
    }
  }

  /// Whether a reader has as many waiting units as it may, and so stops reading until some are done.
  func isFull(_ index: Int) -> Bool { control.readers[index].blocked.unitCount >= mostWaiting(index) }

  func mostWaiting(_ index: Int) -> Int { runtimes[index].outbox == nil ? settings.queueLimit : Outbox.mostWaiting }

  private func requestFetch(_ index: Int, after position: UInt64) {
    guard !runtimes[index].isFetching, now >= runtimes[index].fetchAgainAt, position + 1 < tail.first else { return }
    runtimes[index].isFetching = true
    runtimes[index].fetchAgainAt = 0
    hands.fetch(
      FetchRequest(
        reader: UInt32(index + 1), from: position + 1, through: tail.first - 1, readable: control.position,
        types: runtimes[index].hearing?.exactTypes, hearing: generation?.number ?? 0))
  }

  func takeFetched(_ reader: UInt32, _ result: FetchResult) {
    let index = Int(reader) - 1
    runtimes[index].isFetching = false
    switch result {
    case .chunk(let chunk, let from, let before, let hearing):
      runtimes[index].fetched = chunk
      // Not when it was rewound or hears otherwise since.
      if hearing == generation?.number, runtimes[index].scanned + 1 == from { runtimes[index].scanned = before - 1 }
    case .failed(let message):
      // Nothing is skipped: the reader stays where it is and tries again.
      hands.warn("\(control.readers[index].name) cannot read the log: \(message)")
      runtimes[index].fetchAgainAt = now + 1_000_000
    }
  }

  /// Goes through a chunk after `batch.through`. False when it stopped before the end: the batch is full, or the budget is
  /// used up.
  private func scan(_ chunk: LogChunk, into batch: Batch, _ index: Int, _ budget: inout Int) -> Bool {
    guard batch.through + 1 >= chunk.firstPosition.rawValue else { return true }
    let checksBlocked = !runtimes[index].blockedHashes.isEmpty
    // Beside what is tried again there is always room for new units.
    let limit = runtimes[index].batchLimit + batch.retriedKeys.count
    let room = settings.queueLimit - control.readers[index].blocked.unitCount
    var heard = entriesHeard(in: chunk, after: batch.through, index, &budget)
    var later: UInt64?
    while batch.units.count < limit, batch.bytes <= Self.batchBytes, batch.queuedCount < room,
      let (position, handler) = heard.next(&runtimes[index].hearing!, &budget)
    {
      let view = chunk.entry(Position(position))
      var unit = Unit(
        position: position, entry: view, recorded: chunk.commit(of: Position(position)).time,
        keyHash: chunk.place(Position(position)).subjectHash, key: .subject, handler: handler, isRetry: false)
      if !runtimes[index].heardByAddress.isEmpty, !address(&unit, view, in: batch, index) { continue }
      if case .stored = unit.key {
        // It is addressed to an instance.
      } else if !runtimes[index].hasDefaultKey {
        unit.key = .unknown
      } else if view.subject.isEmpty {
        unit.keyHash = KeyBytes.own(Position(position)).hash(hash)
      }
      if runtimes[index].listening != nil {
        let hearing = hear(&unit, view, chunk.place(Position(position)), in: batch, index)
        if hearing == .nobody { continue }
        if hearing == .later {
          later = position
          break
        }
      }
      batch.bytes += view.length
      let isKeyed = if case .unknown = unit.key { false } else { true }
      if checksBlocked, isKeyed, let key = blockedKey(of: unit, view, batch, index) {
        batch.queued[key, default: []].append(position)
        batch.queuedCount += 1
      } else {
        batch.retain(chunk)
        if runtimes[index].hasState, isKeyed { findState(of: unit, view, batch, index) }
        batch.units.append(unit)
      }
    }
    batch.through = later.map { max(batch.through, $0 - 1) } ?? heard.through
    runtimes[index].walk = later == nil ? heard : nil
    if runtimes[index].keepsInstances, batch.through >= chunk.firstPosition.rawValue {
      batch.clock = chunk.commit(of: Position(batch.through)).time
    }
    return later == nil && heard.isAtEnd
  }

  /// The unit's key if it is blocked.
  private func blockedKey(of unit: Unit, _ entry: EntryView, _ batch: Batch, _ index: Int) -> KeyBytes? {
    guard runtimes[index].blockedHashes.contains(unit.keyHash) else { return nil }
    let key = batch.key(of: unit, entry: entry)
    return control.readers[index].blocked[key] == nil ? nil : key
  }

  /// The keys are known: units of blocked keys join their queues, the others are run.
  func takeKeyed(_ batch: Batch) {
    let index = Int(batch.reader) - 1
    let shard = batch.shards[0]
    batch.keyFailures += shard.failures
    let failed = Set(shard.failures.map(\.unit))
    var computed = shard.computedKeys[...]
    var groups = (rekeyed: ContiguousArray<Unit>(), retried: ContiguousArray<Unit>(), new: ContiguousArray<Unit>())
    // A shard that ended early leaves the rest of the new events for the next batch.
    if shard.done < batch.units.count {
      batch.through = max(batch.from, batch.units[shard.done].position - 1)
      batch.clock = .min
    }
    for (unitIndex, var unit) in batch.units.prefix(shard.done).enumerated() where !failed.contains(unitIndex) {
      guard case .unknown = unit.key else {
        if unit.isRetry { groups.retried.append(unit) } else { groups.new.append(unit) }
        continue
      }
      if unit.entry == nil, let chunk = shard.readBack[unitIndex] {
        batch.retain(chunk)
        unit.entry = chunk.entry(Position(unit.position))
        unit.recorded = chunk.commit(of: Position(unit.position)).time
      }
      let waited = unit.isRetry
      if waited { batch.rekeyed.append((.unkeyed(Position(unit.position)), unit.position)) }
      unit.isRetry = false
      let most = batch.heardByName.isEmpty && batch.picture == nil ? Int.max : Self.mostCalledAtOnce
      var called = 0
      while let next = computed.first, next.unit == unitIndex {
        computed.removeFirst()
        unit.key = next.key
        unit.keyHash = next.hash
        let key = batch.storedKey(of: unit)
        called += 1
        if let key, called > most || control.readers[index].blocked[key] != nil {
          batch.queued[key, default: []].append(unit.position)
          continue
        }
        if runtimes[index].hasState, let key { findState(of: key, unit.keyHash, batch, index) }
        if waited { groups.rekeyed.append(unit) } else { groups.new.append(unit) }
      }
      // What comes after it may be for those that are queued.
      if called > most, !waited {
        (batch.through, batch.clock) = (unit.position, .min)
        break
      }
    }
    // Held on to, it would be copied when its reader next changes.
    (batch.heardByName, batch.picture) = ([:], nil)
    // They fell due in any order; those of one key are called in that of the log.
    groups.rekeyed = ContiguousArray(
      groups.rekeyed.enumerated().sorted { ($0.element.position, $0.offset) < ($1.element.position, $1.offset) }
        .map(\.element))
    batch.units = groups.rekeyed + groups.retried + groups.new
    runtimes[index].scanned = batch.through
    if runtimes[index].keepsInstances { addWakes(to: batch, index) }
    send(batch)
  }
}
