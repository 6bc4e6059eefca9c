import Events
import LogStorage
import Scripts

/// What a batch's outcome means for its reader's keys (design, section 6).
extension EngineCore {
  /// How long to wait after a fault that is not the script's, in µs.
  static let hostFaultPause: Int64 = 1_000_000

  func progress(of batch: Batch, before cut: Int) -> ProgressRecord {
    var record = ProgressRecord(reader: batch.reader, through: batch.through)
    if cut < batch.units.count { record.through = max(batch.from, batch.units[cut].position - 1) }
    let reader = control.readers[Int(batch.reader) - 1]

    var failures: [Int: UnitFailure] = [:]
    var passedOver: Set<Int> = []
    var unheardUnits: Set<Int> = []
    for shard in batch.shards {
      for failure in shard.failures where failure.unit < cut { failures[failure.unit] = failure }
      for unit in shard.passedOver where unit < cut { passedOver.insert(unit) }
      unheardUnits.formUnion(shard.unheard)
    }
    var handled: [KeyBytes: [UInt64]] = [:]
    var unheard: [KeyBytes: [UInt64]] = [:]
    var queued = batch.queued.mapValues { $0.filter { $0 <= record.through } }
    if !failures.isEmpty || !batch.retriedKeys.isEmpty || batch.aggregate?.setAside.isEmpty == false {
      for (index, unit) in batch.units.prefix(cut).enumerated() {
        if batch.isSetAside(index) {
          // Its key waits for it and is run again at once; no attempt is counted.
          if !unit.isRetry, let entry = unit.entry {
            queued[batch.key(of: unit, entry: entry), default: []].append(unit.position)
          }
        } else if let failure = failures[index] {
          record.failed.append(failed(failure, batch.declaration, reader))
        } else if passedOver.contains(index) {
          if !unit.isRetry, let entry = unit.entry {
            queued[batch.key(of: unit, entry: entry), default: []].append(unit.position)
          }
        } else if unit.isRetry, let key = batch.storedKey(of: unit) {
          if unheardUnits.contains(index) {
            unheard[key, default: []].append(unit.position)
          } else {
            handled[key, default: []].append(unit.position)
          }
        }
      }
    }
    for (key, position) in batch.rekeyed { handled[key, default: []].append(position) }
    for failure in batch.keyFailures where failure.position <= record.through || failure.isRetry {
      record.failed.append(failed(failure, batch.declaration, reader))
    }
    // In the order of the queue, which need not be ascending: a unit may have got its key late.
    record.handled = lists(handled)
    record.unheard = lists(unheard)
    record.queued = lists(queued.mapValues { $0.sorted() })
    return record
  }

  /// In a fixed order, so that a turn that is taken again writes the same bytes.
  func lists(_ units: [KeyBytes: [UInt64]]) -> [ProgressRecord.QueuedUnits] {
    units.filter { !$0.value.isEmpty }
      .sorted { $0.key.bytes.lexicographicallyPrecedes($1.key.bytes) }
      .map { ProgressRecord.QueuedUnits(key: $0.key, positions: $0.value) }
  }

  private func failed(
    _ failure: UnitFailure, _ declaration: ConsumerDeclaration, _ reader: ReaderState
  ) -> ProgressRecord.FailedUnit {
    failed(
      failure, scriptHash: declaration.scriptHash, retry: declaration.retry, exhausted: declaration.exhausted, reader)
  }

  /// What becomes of a unit that failed under the code of `scriptHash`.
  func failed(
    _ failure: UnitFailure, scriptHash: ContentHash, retry: RetryPolicy, exhausted: Exhausted, _ reader: ReaderState
  ) -> ProgressRecord.FailedUnit {
    let before = reader.blocked[failure.key]
    let earlier = before?.queue.first == failure.position ? before?.attempt ?? 0 : 0
    var unit = ProgressRecord.FailedUnit(
      position: failure.position, key: failure.key, attempt: earlier, kind: failure.kind, message: failure.message,
      traceback: failure.traceback, log: failure.log.map { "\($0.level): \($0.text)" },
      scriptHash: scriptHash, time: commitTime, disposition: .retry, nextTry: 0,
      previous: before?.queue.first == failure.position ? before?.failure?.commit ?? 0 : 0, wake: failure.wake)
    if reader.scriptHash != scriptHash {
      // Other code has gone live since: this failure says nothing about it, so its attempts begin anew at once.
      unit.attempt = 0
      unit.nextTry = now
      return unit
    }
    if failure.kind == .host {
      unit.nextTry = now + Self.hostFaultPause
      return unit
    }
    unit.attempt += 1
    if failure.kind == .refused || Int(unit.attempt) >= retry.attempts {
      unit.disposition = exhausted == .skip ? .deadAndSkipped : .deadAndBlocking
    } else {
      unit.nextTry = now + delay(retry, after: unit.attempt, of: failure)
    }
    return unit
  }

  /// The pause before the next call, spread by a jitter that the unit itself decides, so that a turn that is taken again
  /// decides the same.
  private func delay(_ policy: RetryPolicy, after attempt: UInt32, of failure: UnitFailure) -> Int64 {
    let pause = Double(policy.pause(after: Int(attempt)))
    let seed = failure.key.hash(hash) ^ (failure.position &* 0x9E37_79B9_7F4A_7C15) &+ UInt64(attempt)
    let spread = withUnsafeBytes(of: seed) { Double(hash($0) >> 11) / Double(1 << 53) }
    return Int64(pause * (1 + policy.jitter * (2 * spread - 1)))
  }
}

extension ProgressRecord {
  /// Every key whose queue the record changes, and `others`, each once.
  func touchedKeys(and others: [KeyBytes]) -> Set<KeyBytes> {
    var keys = Set(others)
    for unit in failed { keys.insert(unit.key) }
    for units in queued { keys.insert(units.key) }
    for units in handled + unheard { keys.insert(units.key) }
    return keys
  }
}
