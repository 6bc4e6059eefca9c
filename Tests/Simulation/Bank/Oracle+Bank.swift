import Engine
import Events
import LogStorage

/// What the readers of the bank may do. Accounts are added up from the log alone, so a command that was decided on
/// anything but its subject's newest state, and a document that is not as of its event, differ from what stands here.
extension Oracle {
  mutating func readBank(
    _ header: CommitHeader, _ records: [RecordView], _ new: Range<Int>, _ index: Int, _ role: Bank.Role
  ) throws(Violation) {
    let place = "commit \(header.number) of \(readers[index].behaviour.name)"
    guard let progress = records.last(where: { $0.kind == .progress }).flatMap({ ProgressRecord($0.fields) }) else {
      throw Violation(.allOrNothing, "\(place): effects without the progress of their reader")
    }
    try expect(progress.unheard.isEmpty, .orderPerKey, "\(place): something is not heard any more")
    for unit in progress.failed {
      try expect(
        unit.kind == .host && unit.disposition == .retry, .deterministic,
        "\(place): \(unit.position) has failed: \(unit.kind) \(unit.message)")
    }
    if role.isRule { return try readRule(progress, header, new, index, role, place) }
    try pass(progress.through, index)
    let number = readers[index].number
    let done: [UInt64]
    switch role {
    case .account: done = try readDecisions(records, new, place, header.number)
    case .teller, .auditor, .pair, .quiet:
      try expect(records.count == 1, .oneOrder, "\(place): \(records.count) records")
      done = try new.map { at throws(Violation) in try readReaction(events[at], role, place) }
    }
    for position in done {
      guard let event = event(position), bank.pending[number]?.remove(position) != nil else {
        throw Violation(.allOrNothing, "\(place): \(position) is handled, and was not to be, or was before")
      }
      let before = bank.last[number, default: [:]].updateValue(position, forKey: event.subject) ?? 0
      try expect(
        before < position, .orderPerKey, "\(place): \(position) of \(event.subject) is handled after \(before)")
    }
    let failed = Set(progress.failed.map(\.position))
    try expect(
      failed.isSubset(of: bank.pending[number] ?? []), .orderPerKey,
      "\(place): \(failed) have failed and are not to be called")
  }

  /// A rule tells what is to be told, once; what it has heard without telling anything shows later.
  private mutating func readRule(
    _ progress: ProgressRecord, _ header: CommitHeader, _ new: Range<Int>, _ index: Int, _ role: Bank.Role,
    _ place: String
  ) throws(Violation) {
    try expect(progress.through <= UInt64(new.lowerBound), .oneOrder, "\(place): it is at \(progress.through)")
    readers[index].cursor = max(readers[index].cursor, progress.through)
    for at in new {
      let isDue = bank.watch.tell(events[at], role, through: progress.through, time: header.time)
      try expect(
        isDue, .deterministic, "\(place): it tells \(events[at]), which is not so, not yet, or was told before")
    }
    var waiting = bank.pending[readers[index].number, default: []]
    for units in progress.handled { waiting.subtract(units.positions) }
    for units in progress.queued { waiting.formUnion(units.positions) }
    waiting.formUnion(progress.failed.map(\.position))
    bank.pending[readers[index].number] = waiting
  }

  /// The cursor goes on: what is heard up to there is to be handled.
  private mutating func pass(_ through: UInt64, _ index: Int) throws(Violation) {
    let reader = readers[index]
    try expect(
      through <= UInt64(events.count), .oneOrder, "\(reader.behaviour.name) is at \(through), beyond the log")
    guard through > reader.cursor else { return }
    for at in reader.cursor + 1...through where reader.behaviour.hears(events[Int(at) - 1].type) {
      bank.pending[reader.number, default: []].insert(at)
    }
    readers[index].cursor = through
  }

  /// One effect of the teller, or of the auditor: each has one for each event. The event that it handles.
  private func readReaction(_ effect: LogEvent, _ role: Bank.Role, _ place: String) throws(Violation) -> UInt64 {
    guard let cause = event(effect.cause), let asked = cause.bank else {
      throw Violation(.allOrNothing, "\(place): the effect at \(effect.position) has no cause")
    }
    let wanted: (type: String, data: String) =
      switch role {
      case .teller: (asked.to == nil ? "Withdraw" : "Move", asked.json)
      default:
        ("Audit", bank.behind[cause.position].map { "{\"balance\":\($0.balance),\"n\":\($0.moves)}" } ?? "none")
      }
    try expect(
      effect.type == wanted.type && effect.data == wanted.data && effect.subject == cause.subject
        && effect.isCommand == (role == .teller), .deterministic,
      "\(place): \(cause) has led to \(effect), not to \(wanted)")
    return cause.position
  }

  /// Each command has one outcome, which is the one that the newest state of its subject gives.
  private mutating func readDecisions(
    _ records: [RecordView], _ new: Range<Int>, _ place: String, _ commit: UInt64
  ) throws(Violation) -> [UInt64] {
    var rest = new
    var done: [UInt64] = []
    var answers: [(command: LogEvent, outcome: OutcomeRecord)] = []
    var accounts = BankWorld(self, before: new.lowerBound)
    for record in records where record.kind == .outcome {
      guard let outcome = OutcomeRecord(record.fields), outcome.commands.count == 1,
        let command = event(outcome.commands[0]), command.isCommand, let asked = command.bank
      else { throw Violation(.oneOrder, "\(place): an outcome of no command") }
      let known = bank.outcomes.updateValue((outcome, commit), forKey: command.position)
      try expect(known == nil, .kept, "\(place): \(command.position) ends as \(outcome.result), and has ended before")
      done.append(command.position)
      let balance = accounts[command.subject]
      if balance < asked.amount {
        let reason = "short of \(asked.amount - balance)"
        try expect(
          outcome.result == .rejected && outcome.effects.count == 0 && outcome.reason?.hasSuffix(reason) == true,
          .deterministic, "\(place): \(command), with \(balance) there, is \(outcome), not \(reason)")
        if command.cause != 0 { answers.append((command, outcome)) }
        continue
      }
      if command.reply != nil { answers.append((command, outcome)) }
      var withdrawn = Bank.Entry(number: asked.number, amount: asked.amount)
      withdrawn.left = balance - asked.amount
      var effects = [(type: "Withdrawn", subject: command.subject, data: withdrawn.json)]
      if let to = asked.to, command.type == "Move" {
        effects.append(("Deposited", to, Bank.Entry(number: asked.number, amount: asked.amount).json))
      }
      try expect(
        outcome.result == .accepted && outcome.effects.first == UInt64(rest.lowerBound + 1)
          && outcome.effects.count == UInt32(effects.count), .deterministic,
        "\(place): \(command), with \(balance) there, is \(outcome)")
      for wanted in effects {
        let effect = rest.popFirst().map { events[$0] }
        try expect(
          effect?.type == wanted.type && effect?.subject == wanted.subject && effect?.data == wanted.data
            && effect?.cause == command.position, .deterministic,
          "\(place): \(command), with \(balance) there, has led to \(String(describing: effect)), not to \(wanted)")
        accounts.add(effect!)
      }
    }
    for (command, outcome) in answers {
      var type = "moondance.rejected"
      var data = "{\"command\":\"\(command.type)\",\"to\":\"\(command.subject)\",\"position\":\(command.position)"
      let reason = outcome.reason.map { ",\"reason\":\"\($0)\"" } ?? ""
      if command.reply != nil {
        type = "moondance.decided"
        data += ",\"result\":\"\(outcome.result)\"\(reason)"
        if outcome.effects.count > 0 {
          data += ",\"first\":\(outcome.effects.first),\"count\":\(outcome.effects.count)"
        }
      } else {
        data += reason
      }
      data += "}"
      let told = rest.popFirst().map { events[$0] }
      try expect(
        told?.type == type && told?.cause == command.position && told?.data == data && told?.reply == command.reply,
        .allOrNothing, "\(place): how \(command) ended is told as \(String(describing: told)), not as \(data)")
    }
    try expect(rest.isEmpty, .allOrNothing, "\(place): the event at \(rest.lowerBound + 1) is no effect of any command")
    return done
  }

  /// What the engine knows of a reader of the bank.
  func checkBank(_ state: ReaderState, _ model: ReaderModel) throws(Violation) {
    var waiting: Set<UInt64> = []
    for (_, blocked) in state.blocked.sorted { waiting.formUnion(blocked.queue) }
    try expect(
      waiting == bank.pending[model.number, default: []], .orderPerKey,
      "\(model.behaviour.name): \(waiting.sorted()) wait, not \(bank.pending[model.number, default: []].sorted())")
    try expect(state.letters.isEmpty, .orderPerKey, "\(model.behaviour.name): it has dead letters")
  }

  /// A command from outside, as it was sent.
  mutating func readDoor(command event: LogEvent, _ ledger: Ledger) throws(Violation) {
    guard let number = event.bank?.number, let sent = ledger.commands[number], event.cause == 0 else {
      throw Violation(.kept, "nobody has sent the command at \(event.position)")
    }
    try expect(
      sent.type == event.type && sent.subject == event.subject && sent.data == event.data
        && sent.id.map { "test \($0)" } == event.identity, .kept,
      "the command at \(event.position) is \(event), and \(sent) was sent")
    let known = bank.positions.updateValue(event.position, forKey: number)
    try expect(known == nil, .kept, "command \(number) is at \(known ?? 0) and again at \(event.position)")
    try expect(ledger.mayBeIn(command: number), .answered, "command \(number) is at \(event.position), and was refused")
  }

  /// Whether what a sender was told is so; the commit that must be durable for that.
  func check(command attempt: Ledger.Attempt, _ ledger: Ledger) throws(Violation) -> UInt64 {
    let position = bank.positions[attempt.number]
    let known = position.flatMap { bank.outcomes[$0] }
    let who = "command \(attempt.number)"
    let needs: (UInt64?, Bool) =
      switch attempt.outcome {
      case .accepted(let at, let first, let count)?:
        (
          known?.commit,
          at.rawValue == position && known?.outcome.result == .accepted
            && known.map { $0.outcome.effects == (first.rawValue, UInt32(count)) } == true
        )
      case .rejected(let at, let reason)?:
        (
          known?.commit,
          at.rawValue == position && known?.outcome.result == .rejected && known?.outcome.reason == reason
        )
      case .pending(let at, let letter)?:
        (event(at.rawValue)?.commit, at.rawValue == position && letter == nil)
      case .decidedBefore(let at)?: (known?.commit, at.rawValue == position && known != nil)
      case .unowned?, .discarded?, .conflict?: (nil, false)
      case .tooLarge?, .overloaded?, .noSpace?, .stopped?, .readFailed?, nil: (nil, true)
      }
    try expect(
      needs.1, .answered,
      "\(who) is at \(position ?? 0) with the outcome \(String(describing: known)); it was answered \(attempt.outcome!)"
    )
    return needs.0 ?? 0
  }
}

/// Balances from some place of the log on.
private struct BankWorld {
  private let model: BankModel
  private var changes: [String: Int64] = [:]

  /// - before: the log's events from here on are not in it.
  init(_ oracle: Oracle, before: Int) {
    model = oracle.bank
    for event in oracle.events[before...] { change(event, -1) }
  }

  subscript(account: String) -> Int64 { model[account].balance + changes[account, default: 0] }

  mutating func add(_ event: LogEvent) { change(event, 1) }

  private mutating func change(_ event: LogEvent, _ sign: Int64) {
    guard let entry = event.bank else { return }
    if event.type == "Deposited" { changes[event.subject, default: 0] += sign * entry.amount }
    if event.type == "Withdrawn" { changes[event.subject, default: 0] -= sign * entry.amount }
  }
}
