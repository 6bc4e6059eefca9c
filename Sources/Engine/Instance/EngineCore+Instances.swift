import Events
import LogStorage

/// Rules and processes keep an instance for each key, which may wait for a time: their deadlines are called here.
///
/// Time passes for a reader with what it reads: at the head of the log it is the time of the turn, behind it the commit
/// time of the entry that it has read last. So it decides the same live, late and catching up.
extension EngineCore {
  /// Wakes that one turn looks at for one reader, the meaningless ones too.
  static let wakesPerTurn = 10_000

  /// What a batch of instances must know; its wakes, unless its keys are still to be computed.
  func prepareInstances(of batch: Batch, _ index: Int) {
    if batch.through == control.position { batch.clock = commitTime }
    batch.withoutDeadline = control.readers[index].open.withoutDeadline
    if !batch.units.contains(where: { if case .unknown = $0.key { true } else { false } }) {
      addWakes(to: batch, index)
    }
  }

  /// Adds the wakes that are due by the batch's clock, behind its units.
  func addWakes(to batch: Batch, _ index: Int) {
    guard runtimes[index].wakes.notBefore <= now else { return }
    let limit = runtimes[index].batchLimit + batch.retriedKeys.count
    var left = Self.wakesPerTurn
    while batch.units.count < limit, let wake = runtimes[index].wakes.take(before: batch.clock) {
      left -= 1
      if isCurrent(wake, index) {
        if runtimes[index].blockedHashes.contains(wake.place.keyHash) {
          runtimes[index].wakes.park(wake)
        } else {
          batch.units.append(.wake(wake, at: batch.through + 1))
        }
      }
      if left == 0 {
        wantsTurn = true
        return
      }
    }
  }

  private func isCurrent(_ wake: Wake, _ index: Int) -> Bool {
    guard let instance = control.readers[index].open[wake.place] else { return false }
    return wake.reason != .deadline || instance.deadline == wake.deadline
  }

  /// Whether a reader that has read everything has something to call.
  func hasDueWakes(_ index: Int) -> Bool {
    guard runtimes[index].scanned == control.position, let next = runtimes[index].wakes.next else { return false }
    return next < commitTime && runtimes[index].wakes.notBefore <= now
  }

  /// When a reader has something to call without any input (µs); nil: it is busy, or does not wait for a time.
  func nextWake(of index: Int) -> Int64? {
    let runtime = runtimes[index]
    guard let next = runtime.wakes.next, !isStopping, generation != nil, runtime.consumer != nil, runtime.out == nil,
      runtime.finished == 0, runtime.waitingVerbs == 0, runtime.scanned == control.position,
      control.readers[index].life == .active, runtime.stuckCalls < Self.mostLostCalls
    else { return nil }
    // With event time a deadline passes by what is committed.
    if settings.clockIsEvents, next >= eventClock { return nil }
    return max(next == .min ? now : next + 1, runtime.wakes.notBefore)
  }

  /// Asks for an instance to be called, at the record that it is at now.
  func ask(for place: InstancePlace, of reader: UInt32) {
    runtimes[Int(reader) - 1].wakes.put(Wake(deadline: now, place: place, reason: .asked))
  }

  /// A batch of instances is in the log.
  func noteWakes(of batch: Batch, _ index: Int) {
    for wake in batch.wakes { runtimes[index].wakes.put(wake) }
    putBackWakes(of: batch, index)
    let open = control.readers[index].open
    if runtimes[index].wakes.count > 2 * open.count + 4096 { runtimes[index].wakes.rebuild(from: open) }
    guard batch.shards.contains(where: { $0.passedOver.contains { batch.units[$0].isWake && isFree($0) } }) else {
      return
    }
    runtimes[index].wakes.notBefore = now + Self.hostFaultPause
    hands.warn("\(control.readers[index].name) cannot read the log for a deadline; it is tried again")

    /// Its key has not failed before it: its record could not be read.
    func isFree(_ unit: Int) -> Bool { !runtimes[index].blockedHashes.contains(batch.units[unit].keyHash) }
  }

  /// Wakes that did not come to anything come again: what they would have called may have failed before, or be in a part of
  /// the batch that never happened. Those whose instances have moved on mean nothing any more.
  func putBackWakes(of batch: Batch, _ index: Int) {
    for unit in batch.units.reversed() {
      guard let (place, reason) = unit.wake else { return }
      guard let instance = control.readers[index].open[place] else { continue }
      if reason == .asked {
        runtimes[index].wakes.put(Wake(deadline: now, place: place, reason: .asked))
      } else if let deadline = instance.deadline {
        runtimes[index].wakes.put(Wake(deadline: deadline, place: place))
      }
    }
  }
}
