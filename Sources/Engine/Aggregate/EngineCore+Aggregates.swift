import DequeModule
import Events
import LogStorage
import Scripts

/// Aggregates: what a batch of commands is decided on, and whether that was still true when it came back.
///
/// A batch is decided on the log as it was when it was handed out, and on what its own commands add. When it comes back,
/// a subject of which others have appended events since is decided again: its units never happened, wait at the head of
/// their key, and are handed out with the next batch.
extension EngineCore {
  /// A subject that was decided in vain so often is kept for its commands until they are.
  static let patience = 2
  /// Chunks of the tail that go with a batch. Under load, when many subjects are folded, these are megabytes.
  static let recentChunks = 256

  func beginAggregateWork(_ declaration: AggregateDeclaration) -> AggregateWork {
    let work = AggregateWork(
      declaration, asOf: control.position, durable: (position: durablePosition, commit: durableCommit))
    work.recent = tail.newest(Self.recentChunks, from: durablePosition + 1)
    return work
  }

  /// What is known of the subjects of a batch that goes out.
  func findSubjects(of batch: Batch, _ work: AggregateWork, _ index: Int) {
    for unit in batch.units {
      let known = runtimes[index].subjects.knows(unit.keyHash)
      if known || !runtimes[index].contended.isEmpty {
        if runtimes[index].contended[unit.keyHash, default: 0] >= Self.patience { work.reserved.insert(unit.keyHash) }
        guard known, let key = batch.storedKey(of: unit) ?? unit.entry.map({ batch.key(of: unit, entry: $0) }),
          work.known[key] == nil, let subject = runtimes[index].subjects[key]
        else { continue }
        work.known[key] = subject
        for position in subject.missed {
          guard let chunk = tail.chunk(holding: position) else { continue }
          batch.retain(chunk)
          work.missed[position] = (chunk.entry(Position(position)), chunk.commit(of: Position(position)).time)
        }
      }
    }
  }

  // MARK: what others must leave alone

  func touchesReserved(_ job: AppendJob) -> Bool {
    touchesReserved { reserved in
      job.batch.infos.indices.contains {
        reserved.contains(job.batch.infos[$0].subjectHash) && job.batch.entry($0).rawKind == RecordKind.event.rawValue
      }
    }
  }

  func touchesReserved(_ batch: Batch) -> Bool {
    touchesReserved { reserved in
      batch.shards.contains { shard in shard.effects.infos.contains { reserved.contains($0.subjectHash) } }
    }
  }

  /// Subjects that are kept for commands, also for those that are decided and not yet in the log.
  var reservedSubjects: Set<UInt64> {
    var reserved: Set<UInt64> = []
    for runtime in runtimes { if let work = runtime.out?.aggregate { reserved.formUnion(work.reserved) } }
    for batch in finished { if let work = batch.aggregate { reserved.formUnion(work.reserved) } }
    return reserved
  }

  private func touchesReserved(_ touches: (Set<UInt64>) -> Bool) -> Bool {
    for runtime in runtimes {
      if let reserved = runtime.out?.aggregate?.reserved, !reserved.isEmpty, touches(reserved) { return true }
    }
    return false
  }

  // MARK: judging

  /// Finds the units that were decided on what is not the newest state of their subject. By hashes: that two subjects
  /// share one only means that a command is decided again.
  func judge(_ batch: Batch, _ work: AggregateWork, before cut: Int) {
    (work.setAside, work.spoilt, work.outcomes) = ([], [], [])
    var stale = staleSubjects(of: batch, work)
    /// Subjects to which units of another shard have written.
    var foreign: Set<UInt64> = []
    /// By shard: subjects that hold, in that worker's memory, what a unit emitted that never happened.
    var tainted = [Set<UInt64>](repeating: [], count: batch.shards.count)
    let shardOf = shardsByUnit(batch)
    batch.forEachDone { index, shard, effects in
      let hash = batch.units[index].keyHash
      let isAside = stale.contains(hash) || foreign.contains(hash) || tainted[shard].contains(hash)
      if isAside || index >= cut {
        if index < cut { work.setAside.insert(index) }
        // The later ones of its subject were decided on what it did.
        stale.insert(hash)
        work.spoilt.insert(hash)
      }
      let infos = batch.shards[shard].effects.infos[effects]
      for info in infos where info.subjectHash != hash {
        if isAside || index >= cut {
          tainted[shard].insert(info.subjectHash)
          work.spoilt.insert(info.subjectHash)
        } else if let other = shardOf[info.subjectHash], other != shard {
          foreign.insert(info.subjectHash)
          work.spoilt.insert(info.subjectHash)
        }
      }
    }
  }

  /// The shard that decides each subject; empty when there is only one.
  private func shardsByUnit(_ batch: Batch) -> [UInt64: Int] {
    guard batch.shards.count > 1 else { return [:] }
    var shards: [UInt64: Int] = [:]
    for (number, shard) in batch.shards.enumerated() {
      for unit in shard.units { shards[batch.units[unit].keyHash] = number }
    }
    return shards
  }

  /// Subjects of the batch that others have changed since it was handed out, in the log or in this very group.
  private func staleSubjects(of batch: Batch, _ work: AggregateWork) -> Set<UInt64> {
    var stale: Set<UInt64> = []
    let next = framer.nextPosition.rawValue
    if next == work.asOf + 1 { return stale }
    let subjects = Set(batch.units.map(\.keyHash))
    func look(_ entry: EntryView, _ place: EntryPlace) {
      if subjects.contains(place.subjectHash), entry.rawKind == RecordKind.event.rawValue,
        work.declaration.fold(forType: entry.type) != nil
      {
        stale.insert(place.subjectHash)
      }
    }
    guard work.asOf + 1 >= tail.first || work.asOf == control.position else { return subjects }
    if work.asOf < control.position { tail.forEach(after: work.asOf) { _, entry, place in look(entry, place) } }
    framer.forEachEntry(from: Position(control.position + 1)) { _, entry, place in
      look(entry, place)
      return true
    }
    return stale
  }

  // MARK: the commit

  /// Appends what the units before `cut` have done and how their commands ended, in the order of the log.
  func appendDecisions(of batch: Batch, _ work: AggregateWork, before cut: Int) {
    let told = EntryBatch(hash: hash)
    let failed = batch.shards.map { Set($0.failures.map(\.unit)).union($0.passedOver) }
    batch.forEachDone { index, number, effects in
      if index >= cut || work.setAside.contains(index) || failed[number].contains(index) { return }
      let unit = batch.units[index]
      let shard = batch.shards[number]
      var record = OutcomeRecord(.accepted, [unit.position])
      if let reason = shard.aggregate.rejections[index] {
        record.result = .rejected
        record.reason = reason
      } else if shard.unheard.contains(index) {
        record.result = .unowned
        record.reason = "no aggregate owns this command any more"
      } else if !effects.isEmpty {
        record.effects = (framer.append(shard.effects, effects).rawValue, UInt32(effects.count))
      }
      work.outcomes.append(record)
      if let entry = unit.entry ?? shard.entryReadBack(index, unit.position) {
        told.addAnswer(to: entry, at: unit.position, record)
      }
    }
    if told.count > 0 { framer.append(told) }
    for record in work.outcomes {
      scratch.truncate(to: 0)
      record.encode(into: &scratch)
      framer.appendRecord(scratch.bytes)
    }
  }

  /// The group with this batch's commit is appended and folded.
  func committedDecisions(of batch: Batch, _ work: AggregateWork, _ index: Int, _ progress: ProgressRecord) {
    tellSenders(work.outcomes, commit: control.commit)
    tellSenders(ofGivenUp: progress.failed, commit: batch.commit)
    let aside = Set(work.setAside.map { batch.units[$0].keyHash })
    if !runtimes[index].contended.isEmpty {
      for unit in batch.units where !aside.contains(unit.keyHash) { runtimes[index].contended[unit.keyHash] = nil }
    }
    for subject in aside { runtimes[index].contended[subject, default: 0] += 1 }
    guard batch.generation === generation else { return }
    for shard in batch.shards {
      for (key, state) in shard.aggregate.subjects {
        let keyHash = key.hash(hash)
        if work.spoilt.contains(keyHash) { continue }
        var state = state
        state.through = batch.lastPosition
        if state.folded >= SubjectSnapshots.spacing {
          state.folded = 0
          keeping.append(
            KeptSubject(
              aggregate: batch.declaration.name, key: key, code: batch.generation.scripts.stateHash(of: batch.consumer),
              json: state.json, through: state.through, commit: batch.commit))
        }
        runtimes[index].subjects.note(key, keyHash, state, mostBytes: stateCacheBytes)
      }
    }
  }

  /// Tells the states in memory of events that were appended to their subjects.
  func noteMissed(_ chunk: LogChunk) {
    for index in runtimes.indices where !runtimes[index].subjects.isEmpty {
      guard let consumer = runtimes[index].consumer,
        let aggregate = generation?.scripts.consumers[consumer].aggregate
      else { continue }
      for (ordinal, place) in chunk.places.enumerated() where runtimes[index].subjects.knows(place.subjectHash) {
        let position = chunk.firstPosition + UInt64(ordinal)
        let entry = chunk.entry(position)
        guard entry.rawKind == RecordKind.event.rawValue, aggregate.fold(forType: entry.type) != nil else { continue }
        runtimes[index].subjects.missed(entry, subjectHash: place.subjectHash, at: position.rawValue)
      }
    }
  }
}

extension Batch {
  /// Every unit that was run or passed over, in log order, with its shard and where its effects are there.
  func forEachDone(_ body: (_ unit: Int, _ shard: Int, _ effects: Range<Int>) -> Void) {
    var next = [Int](repeating: 0, count: shards.count)
    while true {
      var chosen = -1
      for (number, shard) in shards.enumerated() where next[number] < shard.done {
        if chosen < 0 || shard.units[next[number]] < shards[chosen].units[next[chosen]] { chosen = number }
      }
      guard chosen >= 0 else { return }
      let (shard, ordinal) = (shards[chosen], next[chosen])
      body(
        shard.units[ordinal], chosen, (ordinal == 0 ? 0 : shard.ends[ordinal - 1].entries)..<shard.ends[ordinal].entries
      )
      next[chosen] += 1
    }
  }
}

extension Shard {
  /// The entry of a unit that the worker has read.
  func entryReadBack(_ unit: Int, _ position: UInt64) -> EntryView? {
    readBack[unit]?.entry(Position(position))
  }
}
