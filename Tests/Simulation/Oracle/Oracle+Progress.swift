import Engine
import Events
import LogStorage

/// What a reader's commit may do: per key, the units that were handled are the next of its list, a failure is of the one
/// behind them, and everything else waits; nothing is left out, and what was handled has left all its effects.
extension Oracle {
  /// A call that left effects.
  private struct Handled {
    var position: UInt64
    var key: WorkKey
    /// The handler's clock, ms.
    var time: Int64
  }

  mutating func readProgress(
    _ header: CommitHeader, _ records: [RecordView], _ new: Range<Int>, _ ledger: Ledger
  ) throws(Violation) {
    let place = "commit \(header.number)"
    if let number = header.producer.reader, readers.indices.contains(Int(number) - 1),
      let role = readers[Int(number) - 1].behaviour.bank
    {
      try expect(
        !readers[Int(number) - 1].isPaused, .answered, "\(place): the \(role) works although it is paused")
      return try readBank(header, records, new, Int(number) - 1, role)
    }
    if let number = header.producer.reader, readers.indices.contains(Int(number) - 1),
      readers[Int(number) - 1].behaviour.errand != nil
    {
      return try readErrands(header, records, new, Int(number) - 1, ledger)
    }
    guard let number = header.producer.reader, readers.indices.contains(Int(number) - 1), records.count == 1,
      let progress = ProgressRecord(records[0].fields), progress.reader == number
    else { throw Violation(.allOrNothing, "\(place): effects without the progress of their reader") }
    let reader = readers[Int(number) - 1]
    guard generations.indices.contains(Int(header.generation) - 1),
      let behaviour = generations[Int(header.generation) - 1].first(where: { $0.name == reader.behaviour.name })
    else { throw Violation(.oneOrder, "\(place): \(reader.behaviour.name) is not in generation \(header.generation)") }
    try expect(!reader.isPaused, .answered, "\(place): \(behaviour.name) works although it is paused")
    try expect(!reader.isForgotten, .answered, "\(place): \(behaviour.name) works although it is forgotten")
    try expect(
      progress.through <= UInt64(new.lowerBound), .oneOrder, "\(place): progress to \(progress.through), beyond the log"
    )

    var rest = new
    let handled = try readEffects(of: behaviour, header, &rest)
    var work = Work(
      reader: reader, behaviour: behaviour, header: header, progress: progress, handled: handled, ledger: ledger,
      from: reader.cursor)
    try work.take(from: self)
    try work.settle(self)
    try readLetters(of: work, &rest)
    try expect(rest.isEmpty, .allOrNothing, "\(place): the event at \(rest.lowerBound + 1) is no effect of any call")
    readers[Int(number) - 1] = work.reader
  }

  /// Each call's effects stand together and are all there.
  private func readEffects(
    of behaviour: Behaviour, _ header: CommitHeader, _ rest: inout Range<Int>
  ) throws(Violation) -> [Handled] {
    var handled: [Handled] = []
    while let index = rest.first, !events[index].isHostEvent {
      let effect = events[index]
      guard effect.type == "Did", let cause = event(effect.cause), let did = Did(effect.data) else {
        throw Violation(
          .allOrNothing, "the effect at \(effect.position) has lost its beginning: \(effect.type) \(effect.data)")
      }
      let key: WorkKey = did.key.map { .named($0) } ?? .own(cause.position)
      let expected = behaviour.effects(of: cause, key: key, at: did.time)
      for (offset, wanted) in expected.enumerated() {
        let found = rest.popFirst().map { events[$0] }
        try expect(
          found?.type == wanted.type && found?.data == wanted.data && found?.cause == cause.position
            && found?.subject == cause.subject, .allOrNothing,
          "effect \(offset + 1) of \(behaviour.name) for \(cause.position) is \(String(describing: found)), not \(wanted)"
        )
        if let found { try checkTimer(found, wanted.timer, cause, key, at: did.time, header) }
      }
      try expect(
        behaviour.failure(for: cause.content, at: did.time) == nil, .deterministic,
        "\(behaviour.name) has handled \(cause.position) at \(did.time), where it fails")
      try expect(
        did.time <= header.time / 1000 && did.time >= cause.time / 1000, .deterministic,
        "\(behaviour.name) was called for \(cause.position) at \(did.time), of \(cause.time), committed \(header.time)")
      handled.append(Handled(position: cause.position, key: key, time: did.time))
    }
    return handled
  }

  /// A timer that a call has set is due when its span has passed since the time of the call, and is its reader's and its
  /// key's. `time`: of the call, ms.
  private func checkTimer(
    _ found: LogEvent, _ wanted: Behaviour.Effect.Timer?, _ cause: LogEvent, _ key: WorkKey, at time: Int64,
    _ header: CommitHeader
  ) throws(Violation) {
    let wait = wanted?.wait
    let depth = wait ?? 0 >= 1000 ? 0 : cause.depth + 1
    try expect(
      (found.timer != nil) == (wanted != nil) && found.timer?.id == wanted?.id
        && found.timer?.due.map { $0 / 1000 } == wait.map { time + $0 } && found.depth == depth
        && found.timer.map { $0.reader == header.producer.reader && $0.key == key.name ?? "" } ?? true, .deterministic,
      "the timer at \(found.position), set for \(key) at \(time), is \(found), not \(String(describing: wanted))")
  }

  private struct Did {
    var key: String?
    var time: Int64 = 0

    init?(_ data: String) {
      guard let members = FlatJSON.members(of: data) else { return nil }
      for (name, value) in members {
        if name == "k", case .text(let text) = value { key = text }
        if name == "t", case .integer(let number) = value { time = number }
      }
    }
  }

  /// An event tells of each unit that was given up, but for the host's own.
  private func readLetters(of work: Work, _ rest: inout Range<Int>) throws(Violation) {
    for (index, unit) in work.progress.failed.enumerated() where unit.disposition != .retry {
      guard let cause = event(unit.position), !cause.isHostEvent else { continue }
      guard let next = rest.popFirst() else {
        throw Violation(.allOrNothing, "\(work.place): no event tells that \(unit.position) was given up")
      }
      let event = events[next]
      let name = LetterName(commit: work.header.number, index: UInt32(index))
      let data =
        "{\"id\":\"\(name.text)\",\"consumer\":\"\(work.behaviour.name)\",\"key\":\"\(WorkKey(unit.key.bytes))\","
        + "\"position\":\(unit.position),\"type\":\"\(cause.type)\",\"attempts\":\(unit.attempt),\"kind\":\"\(unit.kind)\""
      try expect(
        event.type == "moondance.dead-letter" && event.cause == unit.position && event.data.hasPrefix(data)
          && event.subject == cause.subject, .allOrNothing,
        "the event at \(event.position) is not \(data): \(event.data)")
    }
  }

  // MARK: lists

  /// One commit of one reader, on its way through the lists.
  private struct Work {
    var reader: ReaderModel
    let behaviour: Behaviour
    let header: CommitHeader
    let progress: ProgressRecord
    let handled: [Handled]
    let ledger: Ledger
    /// The cursor before.
    let from: UInt64
    /// Units that come into the lists with this commit, in the order in which they would be called.
    var incoming: [(key: WorkKey, position: UInt64)] = []

    var place: String { "commit \(header.number) of \(behaviour.name)" }

    /// Finds out which units are new.
    mutating func take(from oracle: Oracle) throws(Violation) {
      var late: [UInt64] = []
      for units in progress.handled {
        guard case .unkeyed(let position) = WorkKey(units.key.bytes) else { continue }
        try expect(
          units.positions == [position] && reader.waiting[.unkeyed(position)] != nil, .orderPerKey,
          "\(place): \(position) has got its keys without having waited for them")
        late.append(position)
        reader.waiting[.unkeyed(position)] = nil
      }
      for position in late.sorted() { try add(position, oracle, isLate: true) }
      if progress.through > reader.cursor {
        for position in reader.cursor + 1...progress.through { try add(position, oracle, isLate: false) }
      }
      reader.cursor = max(reader.cursor, progress.through)
    }

    private mutating func add(_ position: UInt64, _ oracle: Oracle, isLate: Bool) throws(Violation) {
      guard let event = oracle.event(position), behaviour.hears(event.type) || isLate else { return }
      guard let keys = hasLostKeys(position) ? nil : behaviour.keys(of: event) else {
        try expect(!isLate, .deterministic, "\(place): the keys of \(position) were computed, which fails")
        incoming.append((.unkeyed(position), position))
        return
      }
      // What waited for its keys and is not heard any more is done with.
      if isLate, !behaviour.hears(event.type) { return dropUnheard(position, keys) }
      for key in keys { incoming.append((key, position)) }
    }

    /// The keys were to be computed, and that failed by no fault of the script.
    private func hasLostKeys(_ position: UInt64) -> Bool {
      behaviour.key != .subject
        && progress.failed.contains { unit in
          WorkKey(unit.key.bytes) == .unkeyed(position) && (unit.kind == .host || unit.kind == .time)
        }
    }

    /// It joins the queue of a blocked key all the same, also of one that this commit blocks before its turn, and is passed
    /// over there.
    private mutating func dropUnheard(_ position: UInt64, _ keys: [WorkKey]) {
      for key in keys where reader.waiting[key] != nil || fails(key, before: position) {
        incoming.append((key, position))
      }
    }

    private func fails(_ key: WorkKey, before position: UInt64) -> Bool {
      progress.failed.contains { $0.position < position && WorkKey($0.key.bytes) == key }
    }

    mutating func settle(_ oracle: Oracle) throws(Violation) {
      var keys: [WorkKey] = []
      func note(_ key: WorkKey) { if !keys.contains(key) { keys.append(key) } }
      for unit in handled { note(unit.key) }
      for unit in progress.failed { note(WorkKey(unit.key.bytes)) }
      for units in progress.unheard { note(WorkKey(units.key.bytes)) }
      for unit in incoming { note(unit.key) }
      let open = reader.letters.count
      for key in keys { try settle(key, oracle) }
      reader.letters[open...].sort { $0.name.index < $1.name.index }
      let new = handled.map(\.position).filter { $0 > from }
      try expect(new == new.sorted(), .orderPerKey, "\(place): effects are not in the order of their causes: \(new)")
    }

    private mutating func settle(_ key: WorkKey, _ oracle: Oracle) throws(Violation) {
      let calls = handled.filter { $0.key == key }
      let failures = progress.failed.enumerated().filter { WorkKey($0.element.key.bytes) == key }
      let unheard = progress.unheard.filter { WorkKey($0.key.bytes) == key }.flatMap(\.positions)
      let arrivals = incoming.filter { $0.key == key }.map(\.position)
      let before = reader.waiting[key]
      try expect(failures.count <= 1, .orderPerKey, "\(place): \(failures.count) failures of \(key)")

      // What may be called now: what waits, when it waits for that; else what has come.
      var line = before?.units ?? arrivals
      var handledNow = calls.map(\.position)[...]
      var unheardNow = unheard[...]
      var done = 0
      while let next = line.first {
        if handledNow.first == next {
          handledNow.removeFirst()
        } else if unheardNow.first == next, let event = oracle.event(next), !behaviour.hears(event.type) {
          unheardNow.removeFirst()
        } else {
          break
        }
        line.removeFirst()
        done += 1
      }
      try expect(
        handledNow.isEmpty && unheardNow.isEmpty, .orderPerKey,
        "\(place): \(handledNow.first ?? unheardNow.first ?? 0) of \(key) was handled, and it is the turn of "
          + "\(line.first.map(String.init) ?? "none") (\(before.map { "\($0)" } ?? "not blocked"))")
      if done > 0 || !failures.isEmpty, let before { try checkDue(key, before, calls, failures.first?.element) }

      var state = before ?? ReaderModel.Waiting(units: [])
      if before != nil, done > 0 {
        state.units = line
        state.beginAnew()
      }
      if let (index, unit) = failures.first {
        try expect(
          line.first == unit.position, .orderPerKey,
          "\(place): \(unit.position) of \(key) has failed, and it is the turn of \(line.first.map(String.init) ?? "none")"
        )
        if before == nil {
          line.removeFirst()
          state.units = [unit.position]
        }
        try fail(unit, LetterName(commit: header.number, index: UInt32(index)), key, &state, oracle)
      }
      // Behind a failure, and behind what waits already, everything waits; else everything was called.
      let left = before == nil ? line : arrivals
      try expect(
        left.isEmpty || before != nil || !failures.isEmpty, .orderPerKey,
        "\(place): \(left.first ?? 0) of \(key) was neither handled nor has it failed, and nothing is before it")
      for position in left.sorted() { state.insert(position) }
      reader.waiting[key] = state.units.isEmpty ? nil : state
    }

    /// A blocked key is called when its time has come, and never while a dead letter is at its head.
    private func checkDue(
      _ key: WorkKey, _ before: ReaderModel.Waiting, _ calls: [Handled], _ failure: ProgressRecord.FailedUnit?
    ) throws(Violation) {
      try expect(
        !before.isDead, .orderPerKey, "\(place): \(key) is called, and its head \(before.units[0]) is a dead letter")
      guard let time = calls.first?.time ?? failure.flatMap({ Self.time(of: $0) }) else { return }
      try expect(
        time >= before.next / 1000, .orderPerKey, "\(place): \(key) is called at \(time), and is due at \(before.next)")
    }

    /// The handler's clock, which its error tells.
    private static func time(of unit: ProgressRecord.FailedUnit) -> Int64? {
      guard let at = unit.message.lastIndex(of: "@") else { return nil }
      return Int64(unit.message[unit.message.index(after: at)...])
    }

    private mutating func fail(
      _ unit: ProgressRecord.FailedUnit, _ name: LetterName, _ key: WorkKey, _ state: inout ReaderModel.Waiting,
      _ oracle: Oracle
    ) throws(Violation) {
      try checkReason(unit, key, oracle)
      let place = "\(place): the failure of \(unit.position), \(unit.message)"
      try expect(
        unit.previous == state.failure?.commit ?? 0, .foldOfTheLog,
        "\(place), follows commit \(unit.previous), not \(state.failure?.commit ?? 0)")
      try expect(unit.time == header.time, .foldOfTheLog, "\(place), has another time than its commit")
      let isOldCode = reader.behaviour.script != behaviour.script
      let attempts = isOldCode ? 0 : state.attempts + (unit.kind == .host ? 0 : 1)
      try expect(unit.attempt == attempts, .orderPerKey, "\(place), is number \(unit.attempt), not \(attempts)")
      let isLast = !isOldCode && unit.kind != .host && (unit.kind == .refused || attempts >= behaviour.attempts)
      let disposition: ProgressRecord.FailedUnit.Disposition =
        !isLast ? .retry : behaviour.skips ? .deadAndSkipped : .deadAndBlocking
      try expect(
        unit.disposition == disposition, .orderPerKey, "\(place), number \(attempts), is \(unit.disposition)")
      state.attempts = attempts
      state.failure = name
      switch disposition {
      case .retry:
        let pause = isOldCode ? 0 : unit.kind == .host ? 1_000_000 : behaviour.pause(after: attempts)
        let spread = isOldCode || unit.kind == .host ? 0 : pause * behaviour.jitter / 100
        let wait = unit.nextTry - header.time
        try expect(
          wait >= pause - spread - 1 && wait <= pause + spread + 1, .orderPerKey,
          "\(place), is tried again after \(wait) µs, not \(pause) ± \(spread)")
        state.next = unit.nextTry
      case .deadAndBlocking: state.isDead = true
      case .deadAndSkipped: state.removeHead()
      }
      if disposition != .retry {
        reader.letters.append(
          ReaderModel.Letter(
            name: name, position: unit.position, key: key, isBlocking: disposition == .deadAndBlocking))
      }
    }

    /// Whether the call fails at all, and so.
    private func checkReason(
      _ unit: ProgressRecord.FailedUnit, _ key: WorkKey, _ oracle: Oracle
    ) throws(Violation) {
      let place = "\(place): \(unit.position) of \(key) has failed: \(unit.kind) \(unit.message)"
      guard let event = oracle.event(unit.position) else { throw Violation(.oneOrder, place) }
      switch unit.kind {
      case .host: break
      case .time:
        let call = Ledger.LostCall(reader: reader.number, position: unit.position)
        try expect(ledger.lostCalls.contains(call), .deterministic, place)
      case .error, .refused:
        if case .unkeyed(let position) = key {
          try expect(
            position == unit.position && behaviour.keys(of: event) == nil && unit.message == "no key", .deterministic,
            place)
          return
        }
        guard let time = Self.time(of: unit), let mode = behaviour.failure(for: event.content, at: time) else {
          throw Violation(.deterministic, place)
        }
        try expect(
          unit.message.hasSuffix("\(mode.rawValue)@\(time)") && (unit.kind == .refused) == (mode == .fail),
          .deterministic, place)
      default: throw Violation(.deterministic, place)
      }
    }
  }
}
