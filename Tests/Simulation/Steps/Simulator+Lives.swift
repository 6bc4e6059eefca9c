import Engine
import Events
import LogStorage
import Platform
import TestKit

/// How a host ends, and how the next one begins on what is left.
extension Simulator {
  func loss() -> MemoryFileSystem.Loss {
    switch seed.below(4) {
    case 0: .nothing
    case 1: .everything
    default: .some(Seed(seed.next()))
    }
  }

  func crash() throws {
    note("crash")
    try recover(losing: loss())
  }

  /// The process dies; what it had written is in the page cache, and the power may go soon after.
  func kill() throws {
    note("kill")
    hostDied()
    machine.files.killProcess()
    try begin()
    if seed.oneIn(3) { try crash() }
  }

  func recover(losing loss: MemoryFileSystem.Loss) throws {
    hostDied()
    machine.files.restart(losing: loss)
    try begin()
  }

  private func hostDied() {
    if let durable = machine.durable, machine.isOpen { durableCommit = max(durableCommit, durable.commit) }
    machine.die()
    lives += 1
    machine.disk.heal()
    machine.disk.forgetFailure()
    ledger.hostDied()
    streams = []
    jobs = []
    (isServing, isStopping) = (false, false)
    foundDurable = 0
  }

  /// Opens the log and checks that it has all that it must have.
  func begin(mayVary: Bool = true) throws {
    var left = 4
    while true {
      if left > 1, swarm.weights.contains(where: { $0.step == .crashInside }), seed.oneIn(5) {
        machine.disk.callsUntilCrash = seed.below(80)
      }
      do {
        try machine.open()
        if !machine.files.isCrashed { break }
      } catch {
        try expect(machine.files.isCrashed, .kept, "the log does not open: \(error)")
      }
      note("crash while opening")
      left -= 1
      machine.die()
      machine.disk.heal()
      machine.disk.forgetFailure()
      machine.files.restart(losing: loss())
    }
    machine.disk.callsUntilCrash = nil
    machine.files.clearTrace()
    try judge()
    note(
      "open: commit \(oracle.commits.count), position \(oracle.head)\(machine.hadSnapshot ? ", from a snapshot" : "")")
    try deployFirst(mayVary: mayVary)
  }

  private func judge() throws {
    guard let opened = machine.opened, let core = machine.core else { return }
    machine.disk.isWatching = true
    defer { machine.disk.isWatching = false }
    let before = oracle
    var now = Oracle(shelf)
    try now.catchUp(with: opened.reader, ledger)
    try expect(
      UInt64(now.commits.count) >= durableCommit, .kept,
      "\(durableCommit) commits were durable, and \(now.commits.count) are left")
    let common = min(Int(durableCommit), before.commits.count)
    if common > 0 {
      try expect(
        now.commits[common - 1].chain == before.commits[common - 1].chain, .kept,
        "commit \(common) was durable, and is another one now")
    }
    oracle = now
    try checkAcknowledged()
    try expect(
      machine.openedWith.encoded == (try machine.fold()), .foldOfTheLog,
      "\(machine.hadSnapshot ? "a snapshot and the rest of the log" : "the log") fold to another state than the log from nothing"
    )
    try oracle.check(core.control)
    // What opening has found is durable: others may act on it.
    durableCommit = UInt64(oracle.commits.count)
  }

  /// In good order: nothing accepted is left unanswered, and nothing has to be done again.
  func stop(mayVary: Bool = true) throws {
    note("stop")
    isStopping = true
    machine.disk.heal()
    machine.put(.stop)
    let life = lives
    for _ in 0..<5000 {
      guard let core = machine.core, !core.isStopped else { break }
      try round()
      if machine.files.isCrashed || lives > life { return }
      advanceToDue()
    }
    guard let core = machine.core else { return }
    try expect(core.isStopped, .ends, "the host does not stop")
    for (index, append) in ledger.appends.enumerated() where append.outcome == nil && !append.isLost {
      throw Violation(.ends, "the host has stopped without an answer to append \(index)")
    }
    for attempt in ledger.attempts where attempt.outcome == nil && !attempt.isLost {
      throw Violation(.ends, "the host has stopped without an answer to command \(attempt.number)")
    }
    let control = core.control.encoded
    takeLastSnapshot(core.control)
    try machine.close()
    hostDied()
    durableCommit = UInt64(oracle.commits.count)
    try damage(control)
    machine.files.restart(losing: loss())
    try begin(mayVary: mayVary)
  }

  private func takeLastSnapshot(_ control: ControlState) {
    guard let opened = machine.opened, control.commit > 0 else { return }
    let point = DurablePoint(commit: control.commit, position: Position(control.position), time: control.time)
    try? control.encoded.withUnsafeBytes {
      try opened.snapshots.save(point, version: ControlState.snapshotVersion, payload: $0)
    }
  }
}
