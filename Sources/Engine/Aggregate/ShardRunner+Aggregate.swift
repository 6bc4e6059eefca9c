import Events
import LogStorage
import Scripts

/// Deciding commands on a worker thread.
extension ShardRunner {
  mutating func decide(
    _ unit: Unit, _ entry: EntryView, _ index: Int, _ batch: Batch, _ work: AggregateWork, _ shard: Shard
  ) throws(CallError) {
    guard let (handler, recorded) = heard(unit, entry, index, batch, shard) else { return }
    let key = batch.key(of: unit, entry: entry)
    let worker = try worker(for: unit, entry, batch).scripts
    defer { if worker.isDead { drop(worker) } }
    var subject = try subject(key, unit, index, batch, work, shard, worker)
    let before = shard.effects.count
    mark.begin(index)
    let decision = worker.decide(
      aggregate: batch.consumer, handler: handler, command: entry, position: Position(unit.position),
      recorded: recorded, now: batch.now, readerNumber: batch.reader, state: &subject.json, into: shard.effects)
    mark.end()
    switch decision {
    case .accepted(let log):
      shard.aggregate.subjects[key] = subject
      note(effects: before..<shard.effects.count, of: unit, index, key, batch, work, shard, worker)
      if !log.isEmpty { shard.logs.append((index, log)) }
    case .rejected(let reason, let log):
      shard.aggregate.rejections[index] = reason
      if !log.isEmpty { shard.logs.append((index, log)) }
    case .failed(let failure): throw CallError(key, failure)
    case .hostFault(let message): throw CallError(key: key, kind: .host, message: message)
    }
  }

  /// The state of a subject, with everything that the shard has decided so far.
  private func subject(
    _ key: KeyBytes, _ unit: Unit, _ index: Int, _ batch: Batch, _ work: AggregateWork, _ shard: Shard,
    _ worker: ScriptWorker
  ) throws(CallError) -> SubjectState {
    if let subject = shard.aggregate.subjects[key] { return subject }
    let loader = SubjectLoader(
      log: log, snapshots: snapshots, worker: worker, generation: batch.generation, aggregate: batch.consumer,
      key: key, recent: work.recent, isVoid: { batch.isVoid }, begin: { [mark] in mark.begin(index) },
      end: { [mark] in mark.end() })
    var state: SubjectState
    do throws(SubjectLoader.Failure) {
      if let known = work.known[key] {
        state = known.state
        for position in known.missed { try loader.fold(position, work.missed[position], into: &state) }
      } else {
        state = try loader.load(through: work.durable.position, commit: work.durable.commit)
        for (chunk, position) in shard.aggregate.recent(of: unit.keyHash, in: work) {
          try loader.fold(
            position, (chunk.entry(Position(position)), chunk.commit(of: Position(position)).time), into: &state)
        }
      }
      state.through = work.asOf
      for effect in shard.aggregate.written[unit.keyHash] ?? [] {
        try loader.fold(unit.position, (shard.effects.entry(effect), batch.now), into: &state)
      }
    } catch {
      switch error {
      case .failed(let failure): throw CallError(key, failure)
      case .host(let message): throw CallError(key: key, kind: .host, message: message)
      }
    }
    shard.aggregate.subjects[key] = state
    return state
  }

  /// A command is accepted: what it has emitted changes states. That of its own subject is as it should be.
  private func note(
    effects: Range<Int>, of unit: Unit, _ index: Int, _ key: KeyBytes, _ batch: Batch, _ work: AggregateWork,
    _ shard: Shard, _ worker: ScriptWorker
  ) {
    for effect in effects {
      let event = shard.effects.entry(effect)
      guard event.rawKind == RecordKind.event.rawValue, let fold = work.declaration.fold(forType: event.type) else {
        continue
      }
      let subjectHash = shard.effects.infos[effect].subjectHash
      shard.aggregate.written[subjectHash, default: []].append(effect)
      let subject = KeyBytes(event.subject)
      if subject == key {
        shard.aggregate.subjects[key]!.folded += 1
        continue
      }
      guard var other = shard.aggregate.subjects[subject] else { continue }
      mark.begin(index)
      let outcome = worker.apply(
        aggregate: batch.consumer, fold, event, position: Position(unit.position), recorded: batch.now, into: other.json
      )
      mark.end()
      // What cannot be folded is the other subject's trouble, when it is next decided.
      guard case .state(let json) = outcome else {
        shard.aggregate.subjects[subject] = nil
        continue
      }
      other.json = json
      other.folded += 1
      shard.aggregate.subjects[subject] = other
    }
  }
}

extension AggregateShard {
  /// Events of a subject that are not yet durable, up to the head that the batch is decided on.
  func recent(of subjectHash: UInt64, in work: AggregateWork) -> [(chunk: LogChunk, position: UInt64)] {
    if recent == nil {
      var index: [UInt64: [(chunk: LogChunk, position: UInt64)]] = [:]
      for chunk in work.recent where chunk.lastPosition.rawValue > work.durable.position {
        for (ordinal, place) in chunk.places.enumerated() {
          let position = chunk.firstPosition.rawValue + UInt64(ordinal)
          if position > work.durable.position, position <= work.asOf {
            index[place.subjectHash, default: []].append((chunk, position))
          }
        }
      }
      recent = index
    }
    return recent![subjectHash] ?? []
  }
}
