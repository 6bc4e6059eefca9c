import Events
import Scripts

/// Workers that were given up: a call inside one library function cannot be interrupted, so it is left behind, with its
/// thread, and the reader goes on without it.
extension EngineCore {
  /// Calls that one reader may have left behind at once. Then it is called for nothing until one of them comes back or
  /// its script is changed: the threads of the host are not its own.
  static let mostLostCalls = 4

  /// The batch is void: nothing of it happened. The unit that took the worker fails in the reader's next batch, by the
  /// ordinary way of failures, without being called; and so it does at every try until its call has come back, so that
  /// one event never takes a second worker.
  func takeLost(_ batch: Batch, unit index: Int, seconds: Int) {
    let reader = Int(batch.reader) - 1
    let isOut = runtimes[reader].out === batch
    // A batch may lose more than one worker, and they need not be found at the same time.
    guard isOut || runtimes[reader].lost.contains(where: { $0.batch == batch.number }) else { return }
    if isOut { voidBatch(of: reader) }
    let unit = batch.units[index]
    // New code has not shown yet whether it comes back.
    if control.readers[reader].scriptHash == batch.declaration.scriptHash {
      let keyHash = batch.needsKeys ? 0 : unit.keyHash
      runtimes[reader].lost.append(
        LostCall(
          batch: batch.number, index: index,
          unit: GivenUpUnit(position: unit.wake?.place.place ?? unit.position, keyHash: keyHash, seconds: seconds)))
    }
    hands.warn(
      "\(control.readers[reader].name) did not come back from one library function for the event at \(unit.position) "
        + "within \(seconds) s: its worker is given up, and the event fails")
  }

  /// What is out of a reader never happened. What it was to try again is due as before.
  private func voidBatch(of reader: Int) {
    guard let batch = runtimes[reader].out else { return }
    batch.makeVoid()
    runtimes[reader].out = nil
    takeApart(batch, reader)
  }

  /// What a batch has brought out is to be brought out again.
  func takeApart(_ batch: Batch, _ reader: Int) {
    runtimes[reader].scanned = batch.from
    runtimes[reader].due.append(contentsOf: batch.retriedKeys)
    if batch.keepsInstances { putBackWakes(of: batch, reader) }
  }

  /// What was not recorded is looked at again after the next start, and delivered again unless it turns out to be there.
  private func voidDeliveries(of reader: Int) {
    runtimes[reader].outbox!.forget()
    runtimes[reader].goBack(to: control.readers[reader].cursor)
  }

  /// A call that was given up has come back; what it did does not count. Its unit is called again at its next try, once
  /// it has failed.
  func takeBackLost(_ batch: Batch, unit index: Int) {
    let reader = Int(batch.reader) - 1
    guard let at = runtimes[reader].lost.firstIndex(where: { $0.batch == batch.number && $0.index == index }) else {
      return
    }
    runtimes[reader].lost[at].isBack = true
    if runtimes[reader].lost[at].hasFailed { runtimes[reader].lost.remove(at: at) }
  }

  /// The failures of units that were given up are committed.
  func noteFailedLost(_ reader: Int, _ progress: ProgressRecord) {
    for unit in progress.failed {
      let keyHash = unit.key.isUnkeyed ? 0 : unit.key.hash(hash)
      for at in runtimes[reader].lost.indices {
        let lost = runtimes[reader].lost[at].unit
        if lost.position == unit.wake?.place ?? unit.position, lost.keyHash == keyHash {
          runtimes[reader].lost[at].hasFailed = true
        }
      }
    }
    runtimes[reader].lost.removeAll { $0.isBack && $0.hasFailed }
  }

  /// Some time after `.stop`: what is still out is not waited for, and is done after the next start.
  func stopWaiting() {
    guard isStopping else { return }
    for reader in runtimes.indices {
      voidBatch(of: reader)
      if runtimes[reader].outbox != nil { voidDeliveries(of: reader) }
    }
  }
}

/// A call that did not come back.
struct LostCall {
  /// The number of its batch, and the unit's index there.
  var batch: UInt64
  var index: Int
  var unit: GivenUpUnit
  var isBack = false
  /// Its failure is in the log.
  var hasFailed = false
}
