import Engine
import Events
import LogStorage
import TestKit

/// The end of a run: the faults stop, time goes on, and everything must come to its own end.
extension Simulator {
  func finish() throws {
    note("the faults stop")
    machine.disk.heal()
    machine.workerClock.slowness = 0
    try endClockwork()
    try quiesce()
    for name in Palette.names + (swarm.hasBank ? Bank.names : []) + (swarm.hasErrands ? [Errand.name] : []) {
      order(.resume, name)
    }
    try quiesce()
    try checkAllAnswered()
    try oracle.checkQuiet(fullAt: machine.settings.queueLimit)
    try checkFold()
    try endErrands()
    try resolveAll()
    try checkAllAnswered()
    try oracle.checkEmpty()
    try checkFold()
    folder = oracle.generations.last ?? folder
    try stop(mayVary: false)
    try stayQuiet()
  }

  /// Turns, work, reads and syncs, each once.
  func round() throws {
    try turn()
    while machine.isOpen, !machine.files.isCrashed, !machine.out.isEmpty { work(0) }
    while machine.isOpen, !machine.files.isCrashed, !machine.ghosts.isEmpty { machine.haunt(0) }
    while machine.isOpen, !machine.files.isCrashed, !machine.reads.isEmpty { machine.read(0) }
    if machine.isOpen, !machine.files.isCrashed {
      sync()
      machine.opened?.indexer.workOnce()
    }
  }

  func quiesce() throws {
    for _ in 0..<20_000 {
      try round()
      guard let core = machine.core else { throw Violation(.ends, "the host has ended without a fault") }
      machine.files.clearTrace()
      if machine.hasInputs || !machine.out.isEmpty || !machine.reads.isEmpty { continue }
      guard core.nextDue != nil else { return }
      advanceToDue()
    }
    throw Violation(.ends, "the engine never becomes quiet")
  }

  private func checkAllAnswered() throws {
    for (index, append) in ledger.appends.enumerated() where append.outcome == nil && !append.isLost {
      throw Violation(.ends, "append \(index) is never answered")
    }
    for attempt in ledger.attempts where attempt.outcome == nil && !attempt.isLost {
      throw Violation(.ends, "command \(attempt.number) is never answered")
    }
    for (index, order) in ledger.orders.enumerated() where order.outcome == nil && !order.isLost {
      throw Violation(.ends, "order \(index), \(order.verb), is never answered")
    }
  }

  /// Somebody mends the scripts, and operators have every letter tried again.
  private func resolveAll() throws {
    var mended: [Behaviour] = []
    for name in Palette.names {
      guard let reader = oracle.readers.last(where: { $0.behaviour.name == name && !$0.isForgotten }) else { continue }
      var behaviour = reader.behaviour
      behaviour.isTame = true
      shelf.add(behaviour)
      mended.append(behaviour)
    }
    if mended.isEmpty { return }
    folder = withErrands(withBank(mended))
    deploy(folder)
    try quiesce()
    for name in Palette.names { order(.resume, name) }
    try quiesce()
    for _ in 0..<200 {
      guard oracle.readers.contains(where: { !$0.isForgotten && !$0.letters.isEmpty }) else { return }
      order(seed.oneIn(3) ? .discard : .retry, .all(consumer: nil, key: nil))
      try quiesce()
    }
  }

  /// A host that was stopped in good order finds nothing to do.
  private func stayQuiet() throws {
    let commits = oracle.commits.count
    try quiesce()
    try expect(
      oracle.commits.count == commits, .allOrNothing,
      "after a stop in good order the host has made \(oracle.commits.count - commits) commits")
    try checkAcknowledged()
    try checkFold()
  }
}
