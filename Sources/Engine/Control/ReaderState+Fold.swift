import DequeModule
import Events

/// How the records of a reader change its state.
extension ReaderState {
  mutating func apply(_ change: ReaderChange) {
    if let cursor = change.cursor { self.cursor = cursor }
    if let hearing = change.hearing { self.hearing = hearing }
    if let keyRule = change.keyRule {
      // What a rule has heard by other keys goes together no more. Other readers keep their keys while they have states.
      if kind == .rule, keyRule != self.keyRule { forgetStates() }
      self.keyRule = keyRule
    }
    if let scriptHash = change.scriptHash, scriptHash != self.scriptHash {
      self.scriptHash = scriptHash
      tryAllAgain()
    }
    switch change.what {
    case .created, .hearingChanged, .codeChanged: break
    case .rewound:
      dropUnits(after: cursor)
      // What was remembered as of a position is known at the start only: nothing.
      if cursor == 0 { forgetStates() }
    case .paused:
      if let key = change.key { pausedKeys.insert(key) } else { isPaused = true }
    case .resumed:
      if let key = change.key { pausedKeys.remove(key) } else { isPaused = false }
    case .returned: isRemoved = false
    case .removed: isRemoved = true
    case .forgotten:
      // A letter that blocks its key is the first of the key's units.
      if kind == .destination { messages.dropped += UInt64(blocked.unitCount + letters.skippedCount) }
      letters.forEach { letter in
        if let wake = letter.wake, letter.isBlocking { open.giveUp(wake) }
        return true
      }
      blocked = BlockedKeys()
      letters = DeadLetters()
      if isRemoved {
        isForgotten = true
        forgetStates()
      }
    }
  }

  private mutating func forgetStates() {
    states = StatePlaces()
    open = OpenInstances()
  }

  mutating func apply(_ record: InstanceRecord, commit: UInt64) {
    states.apply(record, commit: commit)
    open.apply(record, commit: commit)
  }

  /// New code: what is blocked is due at once and its attempts begin again; dead letters wait for an operator.
  private mutating func tryAllAgain() {
    for key in Array(blocked.all) where blocked[key]?.isDead == false { blocked.update(key) { $0.beginAnew() } }
  }

  /// What lies after the cursor is read again, so nothing of it may wait as well.
  private mutating func dropUnits(after cursor: UInt64) {
    for key in Array(blocked.all) { blocked.update(key) { _ = $0.drop(after: cursor) } }
    letters.removeAll { $0.position > cursor }
  }

  /// What the engine never writes is refused: followed, it would leave letters that block nothing.
  mutating func apply(_ record: ProgressRecord, commit: UInt64) throws(ControlState.FoldError) {
    cursor = max(cursor, record.through)
    messages.settled += UInt64(record.settled)
    // Order matters: what was handled leaves the queues before the failures put their keys in order.
    for units in record.handled + record.unheard {
      guard let state = blocked[units.key] else { continue }
      if state.isDead, units.positions.contains(state.queue[0]) {
        throw ControlState.FoldError(commit: commit, what: "position \(state.queue[0]) is handled and a dead letter")
      }
      blocked.update(units.key) { $0.remove(units.positions) }
    }
    for (index, unit) in record.failed.enumerated() {
      try apply(unit, LetterID(commit: commit, index: UInt32(index)))
    }
    for units in record.queued {
      blocked.update(units.key) { state in
        for position in units.positions { state.enqueue(position) }
      }
    }
  }

  private mutating func apply(_ unit: ProgressRecord.FailedUnit, _ id: LetterID) throws(ControlState.FoldError) {
    if blocked[unit.key]?.isDead == true {
      throw ControlState.FoldError(commit: id.commit, what: "position \(unit.position) fails behind a dead letter")
    }
    blocked.update(unit.key) { state in
      if state.queue.first != unit.position { state.queue.prepend(unit.position) }
      state.attempt = unit.attempt
      state.failure = id
      switch unit.disposition {
      case .retry: state.nextTry = unit.nextTry
      case .deadAndBlocking: state.isDead = true
      case .deadAndSkipped: state.removeHead()
      }
    }
    guard unit.disposition != .retry else { return }
    let letter = DeadLetter(
      id: id, position: unit.position, key: unit.key, isBlocking: unit.disposition == .deadAndBlocking,
      wake: unit.wake)
    // Whoever goes on without it does not meet the deadline again.
    if !letter.isBlocking, let wake = unit.wake { open.giveUp(wake) }
    if !letters.appendIfLater(letter) {
      throw ControlState.FoldError(commit: id.commit, what: "the dead letter \(id) comes after a later one")
    }
  }

  mutating func apply(_ record: ResolvedRecord, commit: UInt64) throws(ControlState.FoldError) {
    for id in record.letters {
      guard let letter = letters[id] else { continue }
      if letter.isBlocking, !blocks(letter) {
        throw ControlState.FoldError(commit: commit, what: "the dead letter \(id) blocks no key")
      }
      switch record.how {
      case .retried:
        if let wake = letter.wake { open.takeUp(wake) }
        blocked.update(letter.key) { state in
          if letter.isBlocking {
            state.isDead = false
            state.beginAnew()
          } else {
            state.enqueue(letter.position, failure: id)
          }
        }
        letters.remove(id)
      case .skipped:
        if let wake = letter.wake { open.giveUp(wake) }
        if letter.isBlocking { blocked.update(letter.key) { $0.removeHead() } }
        letters.stopBlocking(id)
      case .discarded:
        if let wake = letter.wake { open.giveUp(wake) }
        if letter.isBlocking { blocked.update(letter.key) { $0.removeHead() } }
        letters.remove(id)
        if kind == .destination { messages.dropped += 1 }
      }
    }
  }

  /// Whether a blocking letter is what its key waits for.
  func blocks(_ letter: DeadLetter) -> Bool {
    guard let state = blocked[letter.key] else { return false }
    return state.isDead && state.queue[0] == letter.position
  }
}
