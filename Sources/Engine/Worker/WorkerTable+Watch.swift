import Scripts
import Synchronization

/// Calls that do not come back. The hook that ends a call which takes too long is not called inside a library function:
/// there a thread can only be left behind.
extension WorkerTable {
  /// How often the watch looks, in ns.
  var lookEvery: Int64 { min(250_000_000, max(1_000_000, settings.stuckAfter / 8)) }
  /// A call that lasts longer is shown in the status, in ns.
  var overdueAfter: Int64 { settings.stuckAfter / 2 }
  /// The watch goes to sleep after so many looks at a pool where nothing happened, so that an idle host does nothing at
  /// all and a host with an event now and then does not wake it for each.
  static let quietLooksBeforeSleep = 8

  struct Look {
    var lost: [(call: LostCall, seconds: Int, seat: WorkerSeat)] = []
    /// Lost calls that have come back; their threads end.
    var back: [(call: LostCall, seat: WorkerSeat)] = []
    /// Threads to start.
    var hired: [WorkerSeat] = []
    var warning: String?
    var sleeps = false
    var ends = false
  }

  mutating func look(now: Int64) -> Look {
    var look = Look()
    // Time in which the watch itself did not run is not held against anybody: the process was stopped, or the machine
    // slept or was so busy that the call had no chance either.
    let passed = min(now - lastLook, 2 * lookEvery)
    lastLook = now
    for index in workers.indices { see(index, passed) }
    giveUp(&look, now)
    workers.removeAll { worker in
      guard let call = worker.lost, worker.seat.isBack.load(ordering: .relaxed) else { return false }
      look.back.append((call, worker.seat))
      return true
    }
    look.hired = hire()
    if !look.lost.isEmpty, livingCount < settings.workers {
      look.warning =
        "\(lostCount) worker threads are lost in calls that do not come back; they are not replaced any more: "
        + "\(livingCount) of \(settings.workers) workers are left. Restart the daemon, and mend or remove the scripts"
    }
    let isQuiet = !hasStarted && !workers.contains { $0.run != nil && $0.lost == nil }
    quietLooks = isQuiet ? quietLooks + 1 : 0
    hasStarted = false
    look.ends = isStopping
    look.sleeps = quietLooks >= Self.quietLooksBeforeSleep
    watchSleeps = look.sleeps
    return look
  }

  private mutating func see(_ index: Int, _ passed: Int64) {
    guard workers[index].lost == nil, workers[index].run != nil else { return }
    let sight = workers[index].seat.mark.now
    guard sight.unit != nil, sight == workers[index].seen else {
      workers[index].seen = sight
      workers[index].held = 0
      return
    }
    workers[index].held += passed
  }

  private mutating func giveUp(_ look: inout Look, _ now: Int64) {
    let stuck = workers.filter { $0.lost == nil && $0.held >= settings.stuckAfter }.compactMap(\.run?.job.batch)
    guard !stuck.isEmpty else { return }
    for index in workers.indices where workers[index].lost == nil {
      let worker = workers[index]
      // Another call of the same batch goes with it, if it is overdue: it has the same reason, and with the batch void
      // nobody waits for it.
      guard let run = worker.run, let unit = worker.seen.unit, worker.held >= overdueAfter,
        stuck.contains(where: { $0 === run.job.batch })
      else { continue }
      let call = LostCall(batch: run.job.batch, unit: unit, since: now - worker.held)
      workers[index].lost = call
      workers[index].run = nil
      worker.seat.isLost.store(true, ordering: .relaxed)
      queue.end(run, now: now)
      look.lost.append((call, max(1, Int(worker.held / 1_000_000_000)), worker.seat))
    }
    for batch in stuck {
      batch.makeVoid()
      queue.drop(of: batch.reader) { $0.batch === batch }
    }
  }

  /// A call that an operator should know of.
  struct StuckCall {
    var reader: UInt32
    var position: UInt64
    var script: String
    var seconds: Int
    var isGivenUp: Bool
  }

  /// The oldest first.
  func stuckCalls(now: Int64) -> [StuckCall] {
    workers.compactMap { worker -> StuckCall? in
      if let lost = worker.lost { return stuckCall(lost.batch, lost.unit, for: now - lost.since, isGivenUp: true) }
      guard let run = worker.run, let unit = worker.seen.unit, worker.held >= overdueAfter else { return nil }
      return stuckCall(run.job.batch, unit, for: worker.held + now - lastLook, isGivenUp: false)
    }
    .sorted { $0.seconds > $1.seconds }
  }

  private func stuckCall(_ batch: Batch, _ unit: Int, for elapsed: Int64, isGivenUp: Bool) -> StuckCall {
    StuckCall(
      reader: batch.reader, position: batch.units[unit].position, script: batch.declaration.file,
      seconds: Int(elapsed / 1_000_000_000), isGivenUp: isGivenUp)
  }
}
