import Events
import LogStorage
import Scripts

/// What consumers remember of their keys (design, section 5.2): found before a batch goes out, saved in the commit of
/// the calls that changed it.
extension EngineCore {
  func findState(of unit: Unit, _ entry: EntryView, _ batch: Batch, _ index: Int) {
    findState(of: batch.key(of: unit, entry: entry), unit.keyHash, batch, index)
  }

  func findState(of key: KeyBytes, _ keyHash: UInt64, _ batch: Batch, _ index: Int) {
    guard batch.states[key] == nil else { return }
    if let known = runtimes[index].states[key] {
      batch.states[key] = .known(known)
    } else if let commit = control.readers[index].states[keyHash] {
      batch.states[key] = .commit(commit)
    }
  }

  /// Frames what the units before `cut` have changed: a record for each key, with what the last of its units left.
  func appendStates(of batch: Batch, before cut: Int) {
    guard batch.hasState else { return }
    batch.foundStates = batch.statesFound(before: cut)
    var changed: [KeyBytes: UInt64] = [:]
    for shard in batch.shards {
      for change in shard.stateChanges where change.unit < cut { changed[change.state.key] = change.keyHash }
    }
    var twins: [UInt64: UInt8] = [:]
    let places = control.readers[Int(batch.reader) - 1].states
    for (key, keyHash) in changed.sorted(by: { $0.key.bytes.lexicographicallyPrecedes($1.key.bytes) }) {
      guard var state = batch.foundStates[key] else { continue }
      scratch.truncate(to: 0)
      var record = InstanceRecord(
        reader: batch.reader, key: key.bytes, keyHash: keyHash, state: state.json, version: state.version,
        previous: places[keyHash] ?? 0, sharesHash: state.sharesHash || places.isShared(keyHash)
      )
      if batch.keepsInstances {
        record.twin = twins[keyHash, default: 0]
        twins[keyHash] = record.twin + 1
        (record.deadline, record.replaces) = (state.deadline, state.place)
        (record.generation, record.life) = (state.generation, state.life)
        if let (before, now) = state.listening.map({ ($0.before, $0.now) }) {
          record.beginsToHear = now.filter { !before.contains($0) }
          record.ceasesToHear = before.filter { !now.contains($0) }
          state.listening = nil
        }
        state.place = framer.nextCommit << 8 | UInt64(record.twin)
        batch.foundStates[key] = state
        if let deadline = state.deadline {
          batch.wakes.append(Wake(deadline: deadline, place: InstancePlace(keyHash: keyHash, place: state.place)))
        }
      }
      record.encode(into: &scratch)
      framer.appendRecord(scratch.bytes)
    }
  }
}

extension Batch {
  /// The states of its keys after the units before `cut`.
  func statesFound(before cut: Int) -> [KeyBytes: KeyState] {
    var found: [KeyBytes: KeyState] = [:]
    for shard in shards {
      if shard.stateChanges.last.map({ $0.unit < cut }) ?? true {
        found.merge(shard.states) { $1 }
        continue
      }
      // Some of it did not happen; what was only read is read again.
      for change in shard.stateChanges where change.unit < cut { found[change.state.key] = change.state }
    }
    return found
  }
}
