import Engine
import Events
import LogStorage
import Platform
import Scripts
import TestKit

/// One run: a seed decides what the host goes through, and the oracle looks at everything that it leaves.
final class Simulator {
  var seed: Seed
  let swarm: Swarm
  let palette: Palette
  /// Scripts with schedules.
  let clockworks: [Behaviour]
  /// The process, in its variants.
  let errands: [Behaviour]
  let shelf = ScriptShelf()
  let machine: Machine
  var oracle: Oracle
  var ledger = Ledger()
  var trace: Trace
  /// The scripts in the handlers folder.
  var folder: [Behaviour]
  /// The first deploy of this life has been answered: the door is open.
  var isServing = false
  var streams: [(number: Int, stream: IngressStream)] = []
  var nextNumber = 1
  var nextStream = 1
  /// Up to here the log was reported durable, in any life.
  var durableCommit: UInt64 = 0
  /// Up to here it was looked up on a disk that has lost everything else.
  var foundDurable: UInt64 = 0
  /// What a callback has found, which cannot throw.
  var broken: Violation?
  var isStopping = false
  /// Commands whose senders may still wait.
  var jobs: [(number: Int, job: CommandJob)] = []
  var lives = 0
  private var hasLeapt = false
  private(set) var counts: [String: Int] = [:]

  init(seed number: UInt64, bug: Bug?, keeping steps: Int) {
    trace = Trace(keeping: steps)
    seed = Seed(number)
    swarm = Swarm(
      &seed, hasBank: number % 3 != 1, hasClockwork: number % 3 == 1, hasErrands: number % 3 == 2,
      hasBells: number % 12 == 2 || number % 12 == 5)
    palette = Palette(&seed, hearsTicks: swarm.hasClockwork)
    clockworks = swarm.hasClockwork ? Clockwork.behaviours(&seed) : []
    let options = Swarm.options(&seed)
    machine = Machine(seed: seed.next(), options: options, settings: Swarm.settings(options, &seed), bug: bug)
    machine.workerClock.slowness = swarm.slowness
    for version in palette.versions.values.joined() { shelf.add(version) }
    errands = Errand.behaviours(bug, hasBells: swarm.hasBells)
    for behaviour in Bank.behaviours + errands + clockworks { shelf.add(behaviour) }
    oracle = Oracle(shelf)
    folder = palette.choose(&seed, all: true)
    folder = withErrands(withClockwork(withBank(folder)))
  }

  func run() throws {
    try begin()
    for _ in 0..<swarm.steps {
      let step = swarm.next(&seed)
      try perform(step)
      try afterStep()
    }
    try finish()
  }

  func count(_ what: String) { counts[what, default: 0] += 1 }

  private func perform(_ step: Swarm.Step) throws {
    count(step.rawValue)
    switch step {
    case .append, .burst, .duplicate, .conflict, .expecting, .stream:
      guard isServing else { return }
      if swarm.hasBank, seed.oneIn(3) { sendCommand() } else { send(step) }
    case .turn: try turn()
    case .work:
      if !machine.out.isEmpty { work(seed.below(machine.out.count)) }
    case .sync: sync()
    case .index: machine.opened?.indexer.workOnce()
    case .read:
      if !machine.reads.isEmpty { machine.read(seed.below(machine.reads.count)) }
    case .wait: machine.clock.advance(microseconds: Int64(seed.below(500_000)))
    case .due: advanceToDue()
    case .jump: jump()
    case .deploy:
      if isServing { reload() }
    case .verb, .letters, .list:
      if isServing { operate(step) }
    case .loseWorker: loseWorker()
    case .haunt:
      if !machine.ghosts.isEmpty { machine.haunt(seed.below(machine.ghosts.count)) }
    case .snapshot: takeSnapshot()
    case .check: try checkFold()
    case .crash: try crash()
    case .kill: try kill()
    case .stop: try stop()
    case .crashInside: machine.disk.callsUntilCrash = seed.below(60)
    case .fill: machine.disk.room = seed.below(3000)
    case .failSync: machine.disk.syncsUntilFailure = seed.below(4)
    case .badReads: machine.disk.badReads = 1 + seed.below(4)
    }
  }

  /// What every step may have set off.
  private func afterStep() throws {
    if machine.disk.room != nil, seed.oneIn(12) { machine.disk.room = nil }
    if machine.disk.badReads != nil, seed.oneIn(12) { machine.disk.badReads = nil }
    if machine.files.isCrashed {
      note("the power is gone")
      try recover(losing: loss())
    }
    if let broken { throw broken }
    if let call = machine.disk.afterFailure { throw Violation(.stopsAtFailedSync, call) }
    machine.files.clearTrace()
  }

  func note(_ line: @autoclosure () -> String) { trace.note(line()) }

  // MARK: small steps

  /// One turn, and a look at what it has done.
  func turn() throws {
    guard let core = machine.core else { return }
    let head = oracle.head
    let mustEnd = machine.journalHasEnded
    ledger.latestTime = max(ledger.latestTime, machine.clock.wallMicroseconds())
    do {
      try machine.turn()
    } catch {
      if machine.files.isCrashed { return }
      note("the engine ends: \(error)")
      // An index file that cannot be read back is a fault of the disk too.
      try expect(
        machine.disk.failedSync != nil || "\(error)".contains("read data/log"), .ends,
        "the engine ended without a fault: \(error)")
      return try recover(losing: loss())
    }
    if machine.files.isCrashed { return }
    try expect(!mustEnd, .stopsAtFailedSync, "the engine goes on although its journal has ended")
    note("turn: commit \(core.control.commit), position \(core.control.position), out \(machine.out.count)")
    try observe(from: head)
  }

  func work(_ index: Int) {
    let batch = machine.out[index].batch
    machine.work(on: index)
    note("work on batch \(batch.number) of reader \(batch.reader): \(batch.units.map(\.position).brief)")
  }

  func sync() {
    machine.sync()
    note("sync: durable \(machine.durable?.commit ?? 0)")
  }

  private func loseWorker() {
    guard !machine.out.isEmpty else { return }
    let call = machine.loseWorker(of: seed.below(machine.out.count)) { batch, position in
      let declared = oracle.generations[Int(batch.generation.number) - 1]
      guard let behaviour = declared.first(where: { $0.name == batch.declaration.name }) else { return false }
      if position == 0 { return behaviour.errand != nil }
      guard let event = oracle.event(position) else { return false }
      return behaviour.bank == nil && behaviour.hears(event.type)
    }
    guard let call else { return }
    ledger.lostCalls.insert(Ledger.LostCall(reader: call.reader, position: call.position))
    note("the worker that runs \(call.position) for reader \(call.reader) is lost")
  }

  func advanceToDue() {
    guard let core = machine.core, let due = core.nextDue else { return }
    // Before its first turn the engine has no time of its own.
    let followed = core.now > 0 ? due - core.now : 0
    let wait = max(followed, due - machine.clock.wallMicroseconds())
    if wait > 0 { machine.clock.advance(microseconds: wait) }
  }

  private func jump() {
    let hour: Int64 = 3_600_000_000
    var span = [hour, -hour, 5 * hour, -30_000_000, 49 * hour, -49 * hour, 50 * 365 * 24 * hour][seed.below(7)]
    // Fifty years once: the monotonic clock has to catch up with the time that follows, in 63 bits of nanoseconds.
    if span > 49 * hour {
      // So many runs would be missed that nothing else happens.
      if hasLeapt || swarm.hasClockwork { span = -hour }
      hasLeapt = true
    }
    machine.clock.jump(microseconds: span)
    note("the clock jumps by \(span) µs")
  }

  private func takeSnapshot() {
    do {
      try machine.takeSnapshot()
      note("snapshot of commit \(machine.durable?.commit ?? 0)")
    } catch {
      note("no snapshot: \(error)")
    }
  }
}
