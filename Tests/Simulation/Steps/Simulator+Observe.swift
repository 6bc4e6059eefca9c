import Engine
import Events
import LogStorage
import TestKit

/// Looking: at what the log has now, at what was answered, and at whether both agree.
extension Simulator {
  /// After a turn; before it the log ended at `head`.
  func observe(from head: Int) throws {
    guard let core = machine.core, let opened = machine.opened else { return }
    machine.disk.isWatching = true
    defer { machine.disk.isWatching = false }
    if let durable = machine.durable { durableCommit = max(durableCommit, durable.commit) }
    if opened.reader.lastCommit > UInt64(oracle.commits.count) {
      try oracle.catchUp(with: opened.reader, ledger)
      try oracle.check(core.control)
    }
    for line in machine.told {
      let hasMade = oracle.events[head...].contains { event in
        event.type == "Did" && event.cause == line.position && event.data.contains("\"r\":\"\(line.consumer)\"")
      }
      try expect(
        hasMade, .durable, "\(line.consumer) tells of \(line.position), and its call is not in this turn's commits")
    }
    try checkAnswers()
  }

  /// What was answered since is so, and would be so if the power went now.
  private func checkAnswers() throws {
    var needed: UInt64 = 0
    for index in ledger.freshAppends {
      try oracle.check(append: index, ledger)
      needed = max(needed, oracle.commit(of: ledger.appends[index]))
    }
    for index in ledger.freshOrders {
      try oracle.check(order: index, ledger)
      if ledger.orders[index].isDone { needed = max(needed, oracle.done[index]?.lastCommit ?? 0) }
    }
    for index in ledger.freshAttempts {
      needed = max(needed, try oracle.check(command: ledger.attempts[index], ledger))
    }
    for generation in ledger.freshGenerations {
      try expect(
        generation >= 1 && Int(generation) <= oracle.generations.count, .kept,
        "generation \(generation) was said to be live, and is not in the log")
      needed = max(needed, oracle.generationCommits[Int(generation) - 1])
    }
    ledger.generations += ledger.freshGenerations
    (ledger.freshAppends, ledger.freshOrders, ledger.freshGenerations) = ([], [], [])
    ledger.freshAttempts = []
    if needed > foundDurable { try checkDurable(needed) }
  }

  /// The log on a disk that has lost everything that it may lose has the commits up to `commit`.
  private func checkDurable(_ commit: UInt64) throws {
    let files = machine.files.copy()
    files.restart(losing: .everything)
    do {
      foundDurable = try LogStore.openReadOnly(folder: "data", fileSystem: files, allowingUse: true).reader.lastCommit
    } catch {
      throw Violation(.durable, "commit \(commit) was acknowledged, and after a loss the log does not open: \(error)")
    }
    try expect(
      foundDurable >= commit, .durable, "commit \(commit) was acknowledged, and only \(foundDurable) are durable")
  }

  /// A fold from nothing is what the engine has.
  func checkFold() throws {
    guard let core = machine.core else { return }
    let folded = try machine.fold()
    try expect(folded == core.control.encoded, .foldOfTheLog, "a fold from nothing is not the live state")
    note("fold of commit \(core.control.commit)")
  }

  /// Everything that was ever acknowledged is in the log as it is now.
  func checkAcknowledged() throws {
    for (index, append) in ledger.appends.enumerated() {
      guard case .appended? = append.outcome else { continue }
      try oracle.check(append: index, ledger)
    }
    for (index, order) in ledger.orders.enumerated() where order.outcome != nil {
      try oracle.check(order: index, ledger)
    }
    for attempt in ledger.attempts where attempt.outcome != nil { _ = try oracle.check(command: attempt, ledger) }
    for generation in ledger.generations {
      try expect(
        Int(generation) <= oracle.generations.count, .kept, "generation \(generation) was live, and is not in the log")
    }
  }
}
