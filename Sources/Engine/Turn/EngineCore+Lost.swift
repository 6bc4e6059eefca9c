import Events

/// Workers that were given up: a call inside one library function cannot be interrupted, so it is left behind, with its
/// thread, and the reader goes on without it.
extension EngineCore {
  /// The batch is void: nothing of it happened. The unit that took the worker fails in the reader's next batch, by the
  /// ordinary way of failures, without being called.
  func takeLost(_ batch: Batch, unit index: Int, seconds: Int) {
    let reader = Int(batch.reader) - 1
    guard runtimes[reader].out === batch else { return }
    runtimes[reader].out = nil
    runtimes[reader].scanned = batch.from
    let unit = batch.units[index]
    let keyHash = batch.needsKeys ? 0 : unit.keyHash
    runtimes[reader].givenUp.append(GivenUpUnit(position: unit.position, keyHash: keyHash, seconds: seconds))
    // Keys that were to be tried again are due as before.
    runtimes[reader].due.append(contentsOf: batch.retriedKeys)
    hands.warn(
      "\(control.readers[reader].name) did not come back from one library function for the event at \(unit.position) "
        + "within \(seconds) s: its worker is given up, and the event fails")
  }

  /// Its failure is committed: the next try calls it.
  func forgetGivenUp(_ index: Int, _ progress: ProgressRecord) {
    let failed = Set(progress.failed.map(\.position))
    runtimes[index].givenUp.removeAll { failed.contains($0.position) }
  }
}
