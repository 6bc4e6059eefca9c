import Events
import LogStorage
import Scripts

/// One step of an instance, as the machine of its reader gets it.
struct InstanceStep {
  let unit: Unit
  /// Of the unit in its batch.
  let index: Int
  let key: KeyBytes
  /// What is remembered of the key. Its `deadline` is the one that counts.
  let state: KeyState
  /// The event; nil: it is a wake.
  let entry: EntryView?
  /// Why it is called without an event; nil: an event has come. A unit that is retried may be a wake too, which its
  /// machine finds out: its position is that of the event that opened the instance.
  let reason: WakeReason?
}

/// What failed is an instance's call at its deadline: the position that the failure is kept under, and its event.
struct FailedWake {
  var place: InstancePlace
  var position: UInt64
  /// Holds the event, when it could be read.
  var chunk: LogChunk?

  var entry: EntryView? { chunk?.entry(Position(position)) }
}

extension ShardRunner {
  /// Advances the instance of the unit's key. `known` is set to the unit's event once it is read.
  mutating func advance(
    _ unit: Unit, _ index: Int, _ batch: Batch, _ shard: Shard, _ known: inout EntryView?
  ) throws(CallError) {
    guard let wake = unit.wake else {
      let entry = try entry(of: unit, index, batch, shard)
      known = entry
      if !batch.givenUp.isEmpty { try failGivenUp(unit, entry, batch) }
      let key = batch.key(of: unit, entry: entry)
      try checkSize(of: shard, batch, key)
      var state = try state(of: unit, entry, batch, shard)
      noteGivenUp(&state, unit.keyHash, batch, shard)
      try run(
        InstanceStep(unit: unit, index: index, key: key, state: state, entry: entry, reason: nil), batch, shard)
      return
    }
    let record: InstanceRecord
    do {
      record = try self.record(of: wake.place, batch, shard)
    } catch {
      // Its key is not known, so nothing can fail; it is called again after a while.
      shard.passedOver.append(index)
      return
    }
    let key = KeyBytes(record.key)
    let known = shard.states[key]
    var state = known ?? KeyState(key: key, json: nil, version: 0)
    if known == nil {
      state.take(record, commit: wake.place.commit)
      shard.states[key] = state
    }
    noteGivenUp(&state, unit.keyHash, batch, shard)
    try checkSize(of: shard, batch, key)
    let before = shard.stateChanges.count
    try run(
      InstanceStep(unit: unit, index: index, key: key, state: state, entry: nil, reason: wake.reason), batch, shard)
    // Else it would be called for ever.
    let isMoved = shard.stateChanges[before...].contains { $0.unit == index && $0.state.deadline != state.deadline }
    precondition(
      wake.reason != .deadline || isMoved || state.deadline.map { $0 >= batch.clock } ?? true,
      "the deadline of an instance has passed and stands as before")
  }

  /// The machine that decides for the instances of the batch's reader.
  private mutating func run(_ step: InstanceStep, _ batch: Batch, _ shard: Shard) throws(CallError) {
    if batch.declaration.process != nil { return try runProcess(step, batch, shard) }
    if let rule = batch.rule { return try run(step, rule, batch, shard) }
    preconditionFailure("no machine keeps instances of a \(batch.declaration.word)")
  }

  /// A call that took its worker with it fails without being called. For machines, of wakes: they know what to fail.
  func givenUpSeconds(of place: InstancePlace, _ batch: Batch) -> Int? {
    batch.givenUp.first { $0.position == place.place && $0.keyHash == place.keyHash }?.seconds
  }

  /// Notes what a step has made of its instance.
  func note(_ state: KeyState, after step: InstanceStep, _ shard: Shard) {
    if state.says(step.state) { return }
    shard.states[step.key] = state
    shard.stateChanges.append(StateChange(unit: step.index, state: state, keyHash: step.unit.keyHash))
    shard.stateBytes += state.bytes
  }

  private func noteGivenUp(_ state: inout KeyState, _ keyHash: UInt64, _ batch: Batch, _ shard: Shard) {
    guard !batch.withoutDeadline.isEmpty, state.deadline != nil,
      batch.withoutDeadline.contains(InstancePlace(keyHash: keyHash, place: state.place)),
      !shard.stateChanges.contains(where: { $0.state.key == state.key })
    else { return }
    state.deadline = nil
    shard.states[state.key] = state
  }

  // MARK: records of wakes

  /// The record that a wake speaks of. All those of the shard that are in one commit are read at once.
  private func record(of place: InstancePlace, _ batch: Batch, _ shard: Shard) throws -> InstanceRecord {
    if shard.wakeRecords == nil {
      shard.wakeRecords = [:]
      var wanted = Set(shard.units.compactMap { batch.units[$0].wake?.place })
      for commit in Set(wanted.map(\.commit)).sorted() {
        try log.forEachInstance(inCommit: commit, of: batch.reader) { place, record in
          if wanted.remove(place) != nil { shard.wakeRecords?[place] = InstanceRecord(record) }
        }
      }
    }
    guard let record = shard.wakeRecords?[place] else {
      shard.wakeRecords = nil
      throw LogError(.corrupt, "commit \(place.commit) does not hold the instance that it should")
    }
    return record
  }
}
