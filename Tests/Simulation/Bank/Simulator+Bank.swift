import Engine
import Events
import LogStorage
import TestKit

/// Money and commands from outside.
extension Simulator {
  /// Scripts of a deploy, with the bank's where the run has one.
  func withBank(_ behaviours: [Behaviour]) -> [Behaviour] {
    swarm.hasBank ? behaviours.filter { $0.bank == nil } + Bank.behaviours : behaviours
  }

  /// An event about an account.
  func bankItem() -> Ledger.Item {
    let number = takeNumber()
    let isDeposit = seed.oneIn(2)
    let entry = Bank.Entry(
      number: number, amount: Int64(seed.below(isDeposit ? 40 : 60)), to: isDeposit || seed.oneIn(2) ? nil : account())
    return Ledger.Item(
      number: number, type: isDeposit ? "Deposited" : "Wish", subject: account(), data: entry.json,
      id: seed.oneIn(2) ? "id-\(number)" : nil)
  }

  /// Few, so that they are fought for.
  func account() -> String { "acc\(seed.below(min(4, swarm.subjects)))" }

  /// Sends a command, or one again, or stops waiting for one.
  func sendCommand() {
    if seed.oneIn(5), let waiting = jobs.randomElement(using: &seed) {
      note("nobody waits for command \(waiting.number) any more")
      return machine.put(.commandWaited(waiting.job))
    }
    let known = ledger.commands.values.filter { $0.id != nil }.sorted { $0.number < $1.number }
    if seed.oneIn(5), !known.isEmpty { return send(known[seed.below(known.count)]) }
    let number = takeNumber()
    let isMove = seed.oneIn(2)
    let entry = Bank.Entry(number: number, amount: Int64(seed.below(50)), to: isMove ? account() : nil)
    let command = Ledger.Item(
      number: number, type: isMove ? "Move" : "Withdraw", subject: account(), data: entry.json,
      id: seed.oneIn(2) ? "id-\(number)" : nil)
    ledger.commands[number] = command
    send(command)
  }

  private func send(_ command: Ledger.Item) {
    guard let hash = machine.opened?.hash else { return }
    let index = ledger.attempts.count
    ledger.attempts.append(Ledger.Attempt(number: command.number))
    let batch = EntryBatch(hash: hash)
    batch.add(command, kind: .command, forgettingIdentity: false)
    let job = CommandJob(batch) { [unowned self] outcome in
      ledger.attempts[index].outcome = outcome
      ledger.freshAttempts.append(index)
    }
    jobs = jobs.suffix(20) + [(command.number, job)]
    machine.put(.command(job))
    note("\(command.type) \(command.number) of \(command.subject): \(command.data)")
  }
}
