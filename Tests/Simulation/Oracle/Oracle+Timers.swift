import Engine
import Events
import LogStorage

/// Timers as the log tells of them: a list of those that are pending, and what may become of them.
extension Oracle {
  struct PendingTimer: Equatable {
    var due: Int64
    var position: UInt64
    /// Reader, key and id; nil: it has no name.
    var name: TimerNote.Name?

    func isBefore(_ other: PendingTimer) -> Bool {
      due != other.due ? due < other.due : position < other.position
    }
  }

  /// A timer entry stands at `position`.
  mutating func note(_ timer: TimerNote, at position: UInt64) {
    if let name = timer.name { pending.removeAll { $0.name == name } }
    if let due = timer.due { pending.append(PendingTimer(due: due, position: position, name: timer.name)) }
  }

  /// The host's clock fires the timers that are due next, one after the other, each as it was set.
  mutating func readClock(
    _ header: CommitHeader, _ records: [RecordView], _ new: Range<Int>
  ) throws(Violation) {
    let place = "commit \(header.number) of the clock"
    guard records.count == 1, records[0].kind == .fired, let fired = FiredRecord(records[0].fields),
      fired.timers.count == new.count
    else { throw Violation(.allOrNothing, "\(place): its events are not those of its record") }
    for (timer, index) in zip(fired.timers, new) {
      guard let next = pending.min(by: { $0.isBefore($1) }), next.position == timer.position else {
        throw Violation(
          .oneOrder,
          "\(place): \(timer.position) fires, and it is the turn of \(pending.min { $0.isBefore($1) } as Any)")
      }
      try expect(
        next.due <= header.time, .oneOrder, "\(place) at \(header.time): \(timer.position) is due at \(next.due)")
      try expect(
        (timer.name == nil) == (next.name == nil), .foldOfTheLog, "\(place): \(timer.position) has another name")
      pending.removeAll { $0 == next }
      guard let set = event(timer.position) else {
        throw Violation(.oneOrder, "\(place): there is no \(timer.position)")
      }
      let made = events[index]
      try expect(
        made.timer == nil && !made.isCommand && made.cause == set.position && "timer \(made.type)" == set.type
          && made.subject == set.subject && made.data == set.data, .allOrNothing,
        "\(place): \(set) has become \(made)")
      firedTimers += 1
    }
  }

  /// What the engine knows of them.
  func checkTimers(_ control: ControlState) throws(Violation) {
    var found: [TimerPlace] = []
    control.timers.forEachInOrder { place in
      found.append(place)
      return true
    }
    let known = pending.sorted { $0.isBefore($1) }.map { TimerPlace(due: $0.due, position: $0.position) }
    try expect(
      found == known && control.timers.count == known.count, .foldOfTheLog,
      "the engine has the timers \(found.map(\.position)) pending, and the log \(known.map(\.position))")
  }
}

/// What a timer entry says.
struct TimerNote: Equatable {
  struct Name: Equatable {
    var reader: UInt32
    var key: String
    var id: String
  }

  /// µs; nil: it ends another.
  var due: Int64?
  var reader: UInt32
  var key: String
  var id: String?

  var name: Name? { id.map { Name(reader: reader, key: key, id: $0) } }

  init(_ entry: EntryView) {
    let scope = entry.timerScope
    (due, reader, key, id) = (entry.due, scope.reader, scope.key.text, scope.id.map(\.text))
  }
}
