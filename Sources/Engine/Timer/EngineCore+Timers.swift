import DequeModule
import Events
import LogStorage

/// Firing timers that are due.
///
/// Their commit is the first of its group but for what operators and deploys do, so that it is decided on what the log says:
/// what the batches of the same group set, replace or cancel comes after it. Nothing is noted outside the log, so a group
/// that is refused, or a crash, only means that the same timers are due again.
extension EngineCore {
  /// The most that one turn fires.
  static let timersPerTurn = 4096
  static let timerBytesPerTurn = 1 << 20
  /// The most timers that are read from behind the tail at once: many, since timers that are due one after the other may
  /// lie all over the log.
  static let timersPerRead = 1 << 15
  /// How long to wait after a read has failed, in µs.
  static let timerReadPause: Int64 = 1_000_000

  /// What timers go by: with the clock of events, the time of the last commit.
  var timerTime: Int64 { settings.clockIsEvents ? control.time : now }

  private var mayFire: Bool { generation != nil && !isStopping }

  /// Whether a timer can fire now.
  var hasDueTimers: Bool {
    guard let first = control.timers.first, first.due <= timerTime, mayFire else { return false }
    return !timers.isReading && !timers.standBack && timers.readAgainAt <= now
  }

  /// When the next one falls due, or can be tried again, by the host's clock.
  var nextDueOfTimers: Int64? {
    guard let first = control.timers.first, mayFire else { return nil }
    if timers.readAgainAt > now { return timers.readAgainAt }
    return settings.clockIsEvents || first.due <= now ? nil : first.due
  }

  /// Frames the commit of the timers that are due; gives their positions.
  func frameTimers() -> [UInt64] {
    guard hasDueTimers else { return [] }
    let (time, reserved) = (timerTime, reservedSubjects)
    let events = EntryBatch(hash: hash)
    var fired = FiredRecord()
    var isMissing = false
    control.timers.forEachInOrder { place in
      guard place.due <= time, fired.timers.count < Self.timersPerTurn, events.bytes.count < Self.timerBytesPerTurn
      else { return false }
      let added = withTimer(at: place.position) { timer in
        if !reserved.isEmpty, reserved.contains(hash(timer.subject)) { return false }
        events.addEvent(of: timer, at: place.position)
        fired.timers.append(FiredRecord.Timer(position: place.position, name: TimerName(timer.timerScope)))
        return true
      }
      isMissing = added == nil
      timers.standBack = added == false
      return added == true
    }
    if isMissing, fired.timers.isEmpty { readTimers(dueBy: time) }
    guard !fired.timers.isEmpty else { return [] }
    framer.beginCommit(producer: .clock, generation: control.generation, time: commitTime, durable: durableCommit)
    framer.append(events)
    scratch.truncate(to: 0)
    fired.encode(into: &scratch)
    framer.appendRecord(scratch.bytes)
    framer.endCommit()
    return fired.timers.map(\.position)
  }

  /// The timer's entry, when it is in memory.
  private func withTimer<Result>(at position: UInt64, _ body: (EntryView) -> Result) -> Result? {
    if let chunk = tail.chunk(holding: position) {
      return withExtendedLifetime(chunk) { body(chunk.entry(Position(position))) }
    }
    return timers.entries[position]?.withUnsafeBytes { body(EntryView($0.baseAddress!)) }
  }

  private func readTimers(dueBy time: Int64) {
    var positions: [UInt64] = []
    control.timers.forEachInOrder { place in
      guard place.due <= time, positions.count < Self.timersPerRead else { return false }
      if tail.chunk(holding: place.position) == nil { positions.append(place.position) }
      return true
    }
    timers.isReading = true
    timers.entries = [:]
    hands.read(TimerRequest(positions: positions))
  }

  func take(_ read: TimersRead) {
    timers.isReading = false
    switch read {
    case .entries(let entries): timers.entries = entries
    case .failed(let message):
      timers.readAgainAt = now + Self.timerReadPause
      hands.warn("timers that are due cannot be read: \(message)")
    }
  }

  /// The group with their commit is appended and folded.
  func committedTimers(_ positions: [UInt64]) {
    if timers.entries.isEmpty { return }
    for position in positions { timers.entries[position] = nil }
  }
}

/// What the engine knows of timers besides the log.
struct TimerRuntime {
  /// Entries that lie behind the tail, of timers that are due, by position.
  var entries: [UInt64: [UInt8]] = [:]
  var isReading = false
  /// After a failed read: not before this time (µs).
  var readAgainAt: Int64 = 0
  /// In this turn the next timer's subject is kept for commands.
  var standBack = false
}
