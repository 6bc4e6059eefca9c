import Engine
import Events
import LogStorage
import Scripts
import TestKit

/// What operators do, and whoever saves a script.
extension Simulator {
  // MARK: deploys

  func reload() {
    folder = withErrands(
      withClockwork(withBank(seed.oneIn(2) ? palette.choose(&seed, all: false) : palette.vary(folder, &seed))))
    deploy(folder)
  }

  /// At the start of a host: what the folder holds, which may have changed while it was down.
  func deployFirst(mayVary: Bool) throws {
    if mayVary, seed.oneIn(5) { folder = withErrands(withClockwork(palette.vary(folder, &seed))) }
    let scripts = shelf.load(folder)
    machine.disk.isWatching = true
    defer { machine.disk.isWatching = false }
    let passed = try machine.openedWith.cursorsPassingUnheard(with: scripts, in: machine.opened!.reader)
    deploy(folder, passed: passed)
  }

  func deploy(_ chosen: [Behaviour], passed: [String: UInt64] = [:]) {
    note(
      "deploy \(chosen.map { "\($0.name)\($0.version)" })\(passed.isEmpty ? "" : ", passing \(passed.sorted { $0.key < $1.key })")"
    )
    machine.put(
      .deploy(
        DeployJob(scripts: shelf.load(chosen), passed: passed) { [unowned self] outcome, _ in
          deployed(chosen, outcome)
        }))
  }

  private func deployed(_ chosen: [Behaviour], _ outcome: ReloadOutcome) {
    switch outcome {
    case .loaded(let generation, _, _):
      note("generation \(generation) is live")
      ledger.freshGenerations.append(generation)
      isServing = true
    case .refused(let errors):
      note("deploy refused: \(errors.count) errors")
      let isMeant = chosen.contains { behaviour in
        oracle.readers.contains {
          $0.behaviour.name == behaviour.name && !$0.isForgotten && $0.behaviour.key != behaviour.key
            && !$0.waiting.isEmpty
        }
      }
      if !isMeant, !isStopping { broken = Violation(.answered, "a deploy was refused for no reason: \(errors)") }
      guard !isStopping, !isServing, let running = oracle.generations.last else { return }
      // The folder does not go with the log: the last good generation runs.
      deploy(running)
    }
  }

  // MARK: verbs

  func operate(_ step: Swarm.Step) {
    switch step {
    case .verb: act()
    case .letters: resolve()
    default: list()
    }
  }

  private func act() {
    if swarm.hasErrands, seed.oneIn(3) { return tellSomeErrand() }
    if swarm.hasBank, seed.oneIn(6) {
      let names = swarm.hasErrands ? Bank.names + [Errand.name, Errand.name] : Bank.names
      return order(seed.oneIn(3) ? .pause : .resume, names[seed.below(names.count)])
    }
    let name = seed.oneIn(20) ? "nobody" : Palette.names[seed.below(Palette.names.count)]
    let verb: ReaderVerb =
      switch seed.below(7) {
      case 0, 1: .pause
      case 2, 3: .resume
      case 4: .forget
      default: .rewind(to: Position(UInt64(seed.below(oracle.head + 2))))
      }
    order(verb, name)
  }

  func order(_ verb: ReaderVerb, _ name: String) {
    let index = ledger.orders.count
    ledger.orders.append(Ledger.Order(verb: .reader(verb, name)))
    note("order \(index): \(verb) \(name)")
    if machine.bug == .lostVerb, seed.oneIn(2), verb == .pause {
      ledger.answered(order: index, .reader(.done(ReaderReceipt(changed: true, state: "paused", cursor: 0))))
      return
    }
    let complete: (ReaderOutcome) -> Void = { [unowned self] in ledger.answered(order: index, .reader($0)) }
    machine.put(.operate(OperatorJob(.reader(verb, name: name, complete: complete), by: Ledger.name(ofOrder: index))))
  }

  private func resolve() {
    let verb = LetterVerb.allCases[seed.below(3)]
    let open = oracle.readers.flatMap { reader in
      reader.letters.map { LetterID(commit: $0.name.commit, index: $0.name.index) }
    }
    switch seed.below(4) {
    case 0:
      let consumer = seed.oneIn(3) ? nil : Palette.names[seed.below(Palette.names.count)]
      let key = seed.oneIn(3) ? KeyBytes("s\(seed.below(swarm.subjects))") : nil
      order(verb, .all(consumer: consumer, key: key))
    default:
      var ids = open.isEmpty ? [] : (0..<(1 + seed.below(3))).map { _ in open[seed.below(open.count)] }
      if seed.oneIn(4) { ids.append(LetterID(commit: UInt64(1 + seed.below(oracle.commits.count + 1)), index: 0)) }
      order(verb, .ids(ids))
    }
  }

  func order(_ verb: LetterVerb, _ selection: LetterSelection) {
    let index = ledger.orders.count
    ledger.orders.append(Ledger.Order(verb: .letters(verb, selection)))
    note("order \(index): \(verb) \(selection)")
    let complete: (LetterOutcome) -> Void = { [unowned self] in ledger.answered(order: index, .letters($0)) }
    machine.put(.operate(OperatorJob(.letters(verb, selection, complete: complete), by: Ledger.name(ofOrder: index))))
  }

  private func list() {
    let query = LetterQuery(
      consumer: seed.oneIn(2) ? nil : Palette.names[seed.below(Palette.names.count)], limit: 1 + seed.below(20))
    let asked = Asked(self)
    machine.put(.letters(query) { page in asked.simulator.listed(query, page) })
  }

  /// `@unchecked Sendable`: a run has one thread.
  private final class Asked: @unchecked Sendable {
    unowned let simulator: Simulator
    init(_ simulator: Simulator) { self.simulator = simulator }
  }

  /// The answer comes before the turn changes anything.
  private func listed(_ query: LetterQuery, _ page: LetterPage?) {
    let durable = machine.durable?.commit ?? 0
    let readers = oracle.readers.filter { reader in
      query.consumer.map { $0 == reader.behaviour.name && !reader.isForgotten } ?? true
    }
    let known = readers.flatMap { reader in reader.letters.map { (reader, $0) } }
    guard let page else {
      if !readers.isEmpty { broken = Violation(.answered, "the letters of \(query.consumer ?? "all") are not listed") }
      return
    }
    for letter in page.letters {
      let name = LetterName(commit: letter.id.commit, index: letter.id.index)
      let found = known.first { $0.1.name == name }
      guard let (reader, model) = found, letter.id.commit <= durable, letter.position.rawValue == model.position,
        letter.isBlocking == model.isBlocking,
        letter.waiting == (model.isBlocking ? (reader.waiting[model.key]?.units.count ?? 1) - 1 : 0)
      else {
        broken = Violation(.durable, "the list of letters has \(letter), and the log \(String(describing: found?.1))")
        return
      }
    }
    if page.letters.count > min(known.count, query.limit) || page.total != known.count {
      broken = Violation(
        .answered, "\(page.letters.count) letters of \(page.total) are listed, there are \(known.count)")
    }
  }
}
