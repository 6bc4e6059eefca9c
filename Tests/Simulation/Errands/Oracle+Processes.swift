import Engine
import Events
import LogStorage

/// An instance of the process, as the log has made it.
struct ErrandInstance {
  struct Step {
    var input: Course.Input
    /// µs.
    var now: Int64
    var effects: [Course.Effect]
  }

  let start: LogEvent
  var generation: UInt32
  var course: Course
  var steps: [Step] = []
  /// After it has begun anew: with which words, and how many steps it had had.
  var words: [Errand.Word]?
  var earlierSteps = 0
  /// It began when its reader was here already: the bells before it that it has missed, and is still to be told.
  var caughtUp: UInt64 = 0
  var missed: [UInt64] = []
  /// Heard and not yet awaited.
  var mailbox: [LogEvent] = []
  var since: Int64 = 0
  var deadline: Int64?
  /// The step that waits for an outcome.
  var asker = 0
  /// The event that it went on with last.
  var cause: UInt64
  /// An abort has reached it.
  var isTold = false
  var ignoredStarts = 0
  /// A generation where its history would have been another, and the first step that differs.
  var stays: (generation: UInt32, step: Int)?

  /// The first event of the chain that it is a part of.
  var root: UInt64 { start.root == 0 ? start.position : start.root }

  /// The number of its next step, from its very beginning.
  var nextStep: Int { earlierSteps + steps.count }

  /// Its history is over, and so is what a rollback would undo. What it has heard stays.
  mutating func restart(with words: [Errand.Word]) {
    earlierSteps = nextStep
    course = Course(course.variant, start, words: words)
    (self.words, steps, cause, isTold, stays) = (words, [], start.position, false, nil)
  }

  /// What of the mailbox ends a wait; nil: it goes on.
  var fitting: Int? {
    guard case .events(let types, let all, _) = course.wait else { return nil }
    if !all { return mailbox.firstIndex { types.contains($0.type) } }
    guard types.allSatisfy({ type in mailbox.contains { $0.type == type } }) else { return nil }
    return mailbox.firstIndex { $0.type == types[0] }
  }
}

/// What the oracle knows of the process: its instances, by key, and the units that wait behind a failure.
struct ErrandsModel {
  var live: [WorkKey: ErrandInstance] = [:]
  var waiting: [WorkKey: [UInt64]] = [:]
  /// Those of them whose first unit was called with the scripts that run.
  var called: Set<WorkKey> = []
  /// Verbs of operators that the log has.
  var verbs: Set<String> = []
  /// Instances that have ended, and steps that moved to other scripts or could not.
  var ended = 0
  var moved = 0
  var stayed = 0
  /// Bells that instances were told, and how many of them had missed them.
  var bells = 0
  var missed = 0

  /// A bell may be late: it stands where its position is, but never before what was called.
  mutating func wait(_ position: UInt64, _ key: WorkKey) {
    let units = waiting[key] ?? []
    let first = called.contains(key) ? 1 : 0
    let index = units.indices.dropFirst(first).first { units[$0] > position } ?? units.count
    waiting[key, default: []].insert(position, at: index)
  }
}

/// What a commit of the process may say. From the events that it has handled follows what every instance does: that is made
/// here again, and must be what the commit holds, no more and no less.
extension Oracle {
  mutating func readErrands(
    _ header: CommitHeader, _ records: [RecordView], _ new: Range<Int>, _ index: Int, _ ledger: Ledger
  ) throws(Violation) {
    let place = "commit \(header.number) of the process"
    guard let progress = records.last(where: { $0.kind == .progress }).flatMap({ ProgressRecord($0.fields) }) else {
      throw Violation(.allOrNothing, "\(place): effects without the progress of their reader")
    }
    try expect(!readers[index].isPaused, .answered, "\(place): it works although it is paused")
    var work = ErrandWork(
      header, reader: readers[index].number, through: progress.through, generations: generations,
      events: events[..<new.lowerBound])
    try work.read(records, events[new], errands, place)
    for (key, units) in try takeUnits(progress, index, ledger, place) {
      for position in units { try work.handle(events[Int(position) - 1], key, &self, place) }
    }
    for unit in progress.failed where unit.kind == .error {
      try expect(
        isToFail(unit, WorkKey(unit.key.bytes)), .deterministic,
        "\(place): \(unit.position) of \(unit.key) has failed: \(unit.message)")
    }
    for key in Set(work.records.keys).union(work.effects.keys) {
      try work.wake(key, through: progress.through, &errands, place)
    }
    try work.finish(errands, place)
    errands.bells += work.bells
    errands.missed += work.missed
    readers[index].cursor = max(readers[index].cursor, progress.through)
  }

  /// The units that the commit has handled: by key, in order.
  private mutating func takeUnits(
    _ progress: ProgressRecord, _ index: Int, _ ledger: Ledger, _ place: String
  ) throws(Violation) -> [(key: WorkKey, units: [UInt64])] {
    let reader = readers[index]
    try expect(progress.through <= UInt64(events.count), .oneOrder, "\(place): it is at \(progress.through)")
    try expect(progress.unheard.isEmpty, .orderPerKey, "\(place): something is not heard any more")
    let before = errands.waiting
    var handled: [WorkKey: [UInt64]] = [:]
    // Bells that waited since it could not be found out whom they are for.
    var late: [LogEvent] = []
    for units in progress.handled {
      let key = WorkKey(units.key.bytes)
      let count = units.positions.count
      try expect(
        errands.waiting[key]?.prefix(count) == units.positions[...], .orderPerKey,
        "\(place): \(units.positions) of \(key) are handled, and \(errands.waiting[key] ?? []) wait")
      errands.waiting[key]?.removeFirst(count)
      errands.called.remove(key)
      if case .unkeyed(let position) = key {
        late.append(events[Int(position) - 1])
      } else {
        handled[key] = units.positions
      }
    }
    var queued: [WorkKey: Set<UInt64>] = [:]
    for units in progress.queued { queued[WorkKey(units.key.bytes)] = Set(units.positions) }
    let failed = Dictionary(grouping: progress.failed) { WorkKey($0.key.bytes) }
    let new = events[min(Int(reader.cursor), Int(progress.through))..<Int(progress.through)]
    var arrivals: [WorkKey: [UInt64]] = [:]
    for event in late.sorted(by: { $0.position < $1.position }) + new where reader.behaviour.hears(event.type) {
      for key in keys(of: event, reader.number, failed) {
        let isFirst = failed[key]?.first?.position == event.position
        if isFirst || queued[key]?.contains(event.position) == true {
          arrivals[key, default: []].append(event.position)
        } else {
          try expect(
            arrivals[key] == nil && before[key] == nil, .orderPerKey,
            "\(place): \(event.position) of \(key) is handled before what was before it")
          handled[key, default: []].append(event.position)
        }
      }
    }
    for unit in progress.failed {
      let key = WorkKey(unit.key.bytes)
      if unit.attempt > 0 { errands.called.insert(key) } else { errands.called.remove(key) }
    }
    for (key, units) in arrivals {
      for position in units { errands.wait(position, key) }
    }
    for (key, units) in failed { try checkFailure(units, key, reader, ledger, place) }
    errands.waiting = errands.waiting.filter { !$0.value.isEmpty }
    return handled.sorted { $0.value[0] < $1.value[0] }.map { ($0.key, $0.value) }
  }

  /// The script fails where it is told to; else only workers and disks do.
  private mutating func checkFailure(
    _ units: [ProgressRecord.FailedUnit], _ key: WorkKey, _ reader: ReaderModel, _ ledger: Ledger, _ place: String
  ) throws(Violation) {
    let unit = units[0]
    let call = Ledger.LostCall(reader: reader.number, position: unit.wake == nil ? unit.position : 0)
    try expect(
      units.count == 1 && unit.disposition == .retry
        && (unit.kind == .host || unit.kind == .time && ledger.lostCalls.contains(call)
          || unit.kind == .error),
      .deterministic,
      "\(place): \(unit.position) of \(key) has failed: \(unit.kind) \(unit.message)")
    // What failed is the call at a deadline: it stands under the event that has started the instance, before all others.
    if unit.wake != nil, errands.waiting[key]?.first != unit.position {
      errands.waiting[key, default: []].insert(unit.position, at: 0)
    }
    try expect(
      errands.waiting[key]?.first == unit.position, .orderPerKey,
      "\(place): \(unit.position) of \(key) has failed, and \(errands.waiting[key] ?? []) wait")
  }

  /// Whether an instance of the key, or the one that the event begins, is to fail at the time that the error tells.
  private func isToFail(_ unit: ProgressRecord.FailedUnit, _ key: WorkKey) -> Bool {
    guard unit.message.hasPrefix("till@"), let time = Int64(unit.message.dropFirst(5)) else { return false }
    let words = (event(unit.position)?.content.words ?? []) + (errands.live[key]?.start.content.words ?? [])
    return words.contains { text in Errand.Word(text).map { $0.kind == .till && time < $0.number } ?? false }
  }

  /// The instances that an event is for: by its address, or by its subject.
  private func keys(
    of event: LogEvent, _ reader: UInt32, _ failed: [WorkKey: [ProgressRecord.FailedUnit]]
  ) -> [WorkKey] {
    if let address = event.reply, address.reader == reader {
      return [address.key.map { WorkKey($0) } ?? .own(address.start)]
    }
    if event.type == Errand.bell {
      // Who they are is read from the log.
      let unkeyed = WorkKey.unkeyed(event.position)
      return failed[unkeyed] == nil ? listeners(of: event) : [unkeyed]
    }
    return [event.subject.isEmpty ? .own(event.position) : .named(event.subject)]
  }

  // MARK: what the engine knows

  func checkErrands(_ state: ReaderState, _ model: ReaderModel) throws(Violation) {
    let waiting = Dictionary(
      uniqueKeysWithValues: state.blocked.sorted.map { (WorkKey($0.key.bytes), Array($0.1.queue)) })
    try expect(
      waiting == errands.waiting, .orderPerKey, "of the process \(waiting) wait, not \(errands.waiting)")
    try expect(state.letters.isEmpty, .orderPerKey, "the process has dead letters")
    let byGeneration = Dictionary(grouping: errands.live.values, by: \.generation).mapValues(\.count)
    try expect(
      state.open.count == errands.live.count && state.open.byGeneration == byGeneration, .foldOfTheLog,
      "the engine has \(state.open.byGeneration) instances of generations, and the log \(byGeneration)")
    try expect(
      state.open.listeners.isEmpty == errands.live.values.allSatisfy(\.bells.isEmpty), .foldOfTheLog,
      "the engine knows of \(state.open.listeners), and the log of \(errands.live.mapValues(\.bells))")
  }

  /// Older scripts are kept as long as an instance runs on them, and no longer.
  func checkPinned(_ control: ControlState) throws(Violation) {
    let needed = Set(errands.live.values.map(\.generation)).subtracting([control.generation])
    try expect(
      Set(control.pinned.keys) == needed, .foldOfTheLog,
      "the scripts of the generations \(control.pinned.keys.sorted()) are kept, and \(needed.sorted()) are needed")
  }

  /// At rest an instance waits for what has not come, and for no time that has.
  func checkErrandsRest(_ name: String) throws(Violation) {
    try expect(errands.waiting.isEmpty, .ends, "\(name): \(errands.waiting) are never handled")
    for (key, instance) in errands.live {
      var isFitting = instance.deadline == nil && instance.fitting == nil && instance.missed.isEmpty
      if case .events = instance.course.wait {} else { isFitting = false }
      try expect(isFitting, .ends, "\(name): \(key) waits for ever: \(instance.course.wait), \(instance.mailbox)")
    }
  }

  /// What an operator has asked of an instance, as it was asked, once.
  mutating func readDoor(verb event: LogEvent, _ ledger: Ledger) throws(Violation) {
    try expect(
      ledger.errandVerbs[event.data] == event.subject && event.cause == 0, .kept,
      "nobody has asked what is at \(event.position): \(event.data)")
    try expect(
      errands.verbs.insert(event.data).inserted, .kept, "what an operator asked is at \(event.position) again")
  }
}
