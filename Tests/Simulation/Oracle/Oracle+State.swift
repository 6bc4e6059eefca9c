import Engine

/// What the engine should know after what the log says.
extension Oracle {
  func check(_ control: ControlState) throws(Violation) {
    try expect(
      control.commit == UInt64(commits.count) && control.position == UInt64(events.count)
        && control.time == commits.last?.time ?? 0 && control.generation == UInt32(generations.count), .foldOfTheLog,
      "the engine is at commit \(control.commit), position \(control.position), generation \(control.generation); "
        + "the log at \(commits.count), \(events.count), \(generations.count)")
    try expect(
      control.readers.count == readers.count, .foldOfTheLog,
      "the engine knows \(control.readers.count) readers, the log \(readers.count)")
    for (state, model) in zip(control.readers, readers) { try check(state, model) }
    try checkSchedules(control.schedules)
    try checkTimers(control)
    try checkPinned(control)
  }

  private func check(_ state: ReaderState, _ model: ReaderModel) throws(Violation) {
    let name = "\(model.behaviour.name) (\(model.number))"
    try expect(
      state.name == model.behaviour.name && state.number == model.number && state.cursor == model.cursor
        && state.hearing == model.behaviour.hears && state.keyRule == model.behaviour.key.fingerprint, .foldOfTheLog,
      "\(name): the engine has \(state.name), cursor \(state.cursor), hearing \(state.hearing), not \(model.cursor)")
    try expect(
      state.isPaused == model.isPaused && state.isRemoved == model.isRemoved && state.isForgotten == model.isForgotten,
      .foldOfTheLog, "\(name): the engine says \(state.life)")
    if model.behaviour.bank != nil { return try checkBank(state, model) }
    if model.behaviour.errand != nil { return try checkErrands(state, model) }
    try checkLetters(state, model, name)
    let units = model.waiting.values.reduce(0) { $0 + $1.units.count }
    var missing = model.waiting
    for (key, blocked) in state.blocked.sorted {
      let waiting = ReaderModel.Waiting(
        units: Array(blocked.queue), attempts: Int(blocked.attempt), isDead: blocked.isDead, next: blocked.nextTry,
        failure: blocked.failure.map { LetterName(commit: $0.commit, index: $0.index) })
      let wanted = missing.removeValue(forKey: WorkKey(key.bytes))
      try expect(
        waiting == wanted, .orderPerKey, "\(name): \(key) waits as \(waiting), not \(String(describing: wanted))")
    }
    try expect(missing.isEmpty, .orderPerKey, "\(name): what should wait does not: \(missing)")
    try expect(
      state.blocked.unitCount == units, .orderPerKey,
      "\(name): \(state.blocked.unitCount) are said to wait, not \(units)")
  }

  private func checkLetters(_ state: ReaderState, _ model: ReaderModel, _ name: String) throws(Violation) {
    var letters: [ReaderModel.Letter] = []
    state.letters.forEach { letter in
      letters.append(
        ReaderModel.Letter(
          name: LetterName(commit: letter.id.commit, index: letter.id.index), position: letter.position,
          key: WorkKey(letter.key.bytes), isBlocking: letter.isBlocking))
      return true
    }
    try expect(
      letters == model.letters, .orderPerKey, "\(name): its letters are \(letters), not \(model.letters)")
  }

  // MARK: the end

  /// Nothing is left to do: all that is heard was called, and what waits does so for an operator.
  func checkQuiet(fullAt limit: Int) throws(Violation) {
    try expect(pending.isEmpty, .ends, "timers never fire: \(pending.map(\.position))")
    for reader in readers where !reader.isRemoved && !reader.isForgotten {
      let name = reader.behaviour.name
      for (key, waiting) in reader.waiting {
        try expect(waiting.isDead, .ends, "\(name): \(key) is never called again: \(waiting)")
      }
      try expect(
        bank.pending[reader.number, default: []].isEmpty, .ends,
        "\(name): \(bank.pending[reader.number, default: []].sorted()) are never handled")
      if reader.behaviour.errand != nil { try checkErrandsRest(name) }
      if let role = reader.behaviour.bank, role.isRule {
        let rest = bank.watch.rest(role)
        try expect(rest.isEmpty, .ends, "\(name) never tells \(rest)")
      }
      let units = reader.waiting.values.reduce(0) { $0 + $1.units.count }
      if units >= limit { continue }
      for event in events[Int(reader.cursor)...] where isHeard(event, by: reader) {
        throw Violation(.ends, "\(name) stays at \(reader.cursor) and never hears \(event.position)")
      }
    }
  }

  /// After operators have discarded every letter.
  func checkEmpty() throws(Violation) {
    try checkQuiet(fullAt: .max)
    for reader in readers where !reader.isForgotten && !reader.isRemoved {
      try expect(
        reader.waiting.isEmpty && reader.letters.isEmpty, .ends,
        "\(reader.behaviour.name): \(reader.waiting) and \(reader.letters) are left")
    }
  }
}
