import Events
import Scripts

/// When each schedule of the running scripts is due next: what the declarations say after what the log says. Nothing but a
/// memory of that.
struct SchedulePlan {
  struct Entry {
    let name: KeyBytes
    /// An index into the generation's schedules.
    let schedule: Int
    /// From where `next` follows; another one in the log, and it must be found again.
    var through: Int64
    /// µs since 1970; nil: never again.
    var next: Int64?
  }

  private(set) var entries: [Entry] = []
  /// The smallest of all.
  private(set) var next: Int64?

  /// In this turn the next run waits for an aggregate, whose batch brings the next turn.
  var standsBack = false
  /// False while the log has no time to count from.
  private(set) var isComplete = true

  init() {}

  /// A plan for other scripts.
  init(_ scripts: Generation, _ states: ScheduleStates) {
    entries = scripts.schedules.enumerated().map {
      Entry(name: KeyBytes($1.name), schedule: $0, through: .min, next: nil)
    }
    update(scripts, states)
  }

  /// Looks again at those of which the log says something new.
  mutating func update(_ scripts: Generation, _ states: ScheduleStates) {
    for index in entries.indices {
      // Without a time to count from there is none to count to.
      guard let state = states[entries[index].name], state.through != entries[index].through, state.through > 0 else {
        continue
      }
      entries[index].through = state.through
      entries[index].next = scripts.schedules[entries[index].schedule].recurrence.next(after: state.through)
    }
    next = entries.compactMap(\.next).min()
    isComplete = entries.allSatisfy { $0.through > .min }
  }
}
