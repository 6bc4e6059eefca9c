import Engine
import Events
import LogStorage
import Scripts
import TestKit

extension Machine: EngineHands {
  func run(_ batch: Batch) {
    plant(in: batch)
    out.append(Assignment(batch: batch, shards: batch.shards))
  }

  func fetch(_ request: FetchRequest) { reads.append(.fetch(request)) }
  func lookUp(_ request: LookupRequest) { reads.append(.lookUp(request)) }
  func read(_ request: LetterRequest) { reads.append(.letters(request)) }
  func read(_ request: TimerRequest) { reads.append(.timers(request)) }
  func deliver(_ order: DeliveryOrder) { preconditionFailure("no script of the simulator publishes") }
  func log(_ lines: [LogLine], consumer: String, position: Position) {
    for _ in lines { told.append((consumer, position.rawValue)) }
  }
  func failed(_ unit: ProgressRecord.FailedUnit, consumer: String) {}
  func diskIsFull(_ isFull: Bool) {}
  func warn(_ message: String) {}
}

/// The bugs of the workers.
extension Machine {
  private func plant(in batch: Batch) {
    switch bug {
    case .forgottenFollower:
      guard let key = batch.queued.keys.min(by: { $0.bytes.lexicographicallyPrecedes($1.bytes) }), seed.oneIn(3) else {
        return
      }
      batch.queued[key]?.removeLast()
    case .wrongOrder where !batch.needsKeys: swapTwo(of: batch)
    case .overtaking where !batch.needsKeys && seed.oneIn(2): overtake(in: batch)
    case .wrongTime where batch.declaration.rule != nil:
      for index in batch.units.indices where batch.units[index].handler >= 0 && seed.oneIn(4) {
        batch.units[index].recorded += 10_000_000
      }
    case .lostWake where batch.declaration.rule != nil && !batch.needsKeys:
      let isWake = batch.units.map { $0.handler < -1 }
      guard isWake.contains(true), batch.shards.count == 1, seed.oneIn(2) else { return }
      batch.units.removeAll { $0.handler < -1 }
      batch.shards = [Shard(units: Array(batch.units.indices), hash: opened!.hash)]
    case .voidedResult: takeVoided(into: batch)
    case .oldAnswer where batch.declaration.process != nil: giveOldAnswers(in: batch)
    default: break
    }
  }

  private func swapTwo(of batch: Batch) {
    for first in batch.units.indices {
      let second = batch.units[(first + 1)...].firstIndex { $0.keyHash == batch.units[first].keyHash }
      guard let second, !batch.units[first].isRetry, !batch.units[second].isRetry else { continue }
      return batch.units.swapAt(first, second)
    }
  }

  private func overtake(in batch: Batch) {
    guard let key = batch.queued.keys.min(by: { $0.bytes.lexicographicallyPrecedes($1.bytes) }),
      let position = batch.queued[key]?.popLast(), var unit = batch.units.last, batch.shards.count == 1
    else { return }
    unit.position = position
    unit.entry = nil
    unit.handler = -1
    unit.isRetry = false
    unit.keyHash &+= 1
    unit.key = .stored(offset: UInt32(batch.keys.count), length: UInt16(key.bytes.count))
    batch.keys.append(key.bytes)
    batch.units.append(unit)
    batch.shards = [Shard(units: Array(batch.units.indices), hash: opened!.hash)]
  }

  private func takeVoided(into batch: Batch) {
    guard let index = voided.firstIndex(where: { $0.reader == batch.reader && $0.number + 1 < batch.number }) else {
      return
    }
    let old = voided.remove(at: index)
    // With a dead letter at the head of a key the engine would end by a precondition: no log says what would be written.
    guard old.needsKeys == batch.needsKeys, let core, core.control.readers[Int(batch.reader) - 1].blocked.unitCount == 0
    else { return }
    batch.units = old.units
    batch.shards = old.shards
    batch.queued = old.queued
    batch.retriedKeys = old.retriedKeys
    batch.rekeyed = old.rekeyed
    batch.keyFailures = old.keyFailures
    batch.chunks = old.chunks
    batch.keys = ByteWriter(capacity: 16)
    batch.keys.append(old.keys.bytes)
    batch.through = old.through
  }

  /// What was read of due timers.
  func spoil(_ input: EngineInput) -> EngineInput {
    guard bug == .exchangedTimers, case .timersRead(.entries(var entries)) = input, entries.count > 1 else {
      return input
    }
    let positions = entries.keys.sorted()
    let (first, last) = (positions[0], positions[positions.count - 1])
    (entries[first], entries[last]) = (entries[last], entries[first])
    return .timersRead(.entries(entries))
  }

  /// What a shard brings back.
  func spoil(_ shard: Shard, of batch: Batch) {
    if batch.declaration.process != nil {
      spoilInstances(shard, of: batch)
      if bug == .deafInstance, batch.needsKeys, !shard.computedKeys.isEmpty, seed.oneIn(4) {
        shard.computedKeys.removeLast()
      }
    }
    guard bug == .lostEffects, shard.effects.count > 0, seed.oneIn(4) else { return }
    shard.effects.truncate(to: (0, 0))
    shard.ends = shard.ends.map { _ in (0, 0) }
  }
}
