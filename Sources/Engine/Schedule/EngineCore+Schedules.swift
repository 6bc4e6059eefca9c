import Events
import LogStorage
import Scripts

/// Schedules: what is made because a time has come. The next run follows from the declaration and the last run that the log
/// knows, so a restart neither loses one nor makes one twice.
extension EngineCore {
  /// How late a run may be made that is not made up for, in µs: longer than a busy host takes, and than a clock that is
  /// asked now and then needs to be seen.
  static let lateness: Int64 = 60_000_000
  /// Runs of one turn.
  static let runsPerTurn = 256

  /// A run that is due, and what becomes of it.
  private struct Run {
    var schedule: ScheduleDeclaration
    var name: KeyBytes
    var time: Int64
    var isMade = true
  }

  /// The time that schedules go by.
  private var scheduleClock: Int64 { settings.clockIsEvents ? eventClock : now }

  var hasDueRuns: Bool {
    guard let next = plan.next, !isStopping, !plan.standsBack else { return false }
    return next <= scheduleClock
  }

  /// When the next run is due, as long as it is ahead; with `--clock events` it comes with an event.
  var nextRunAhead: Int64? {
    guard let next = plan.next, !settings.clockIsEvents, !isStopping else { return nil }
    return next > now ? next : nil
  }

  /// Frames the runs that are due as one commit, in the order of their times. False when there are none.
  func frameRuns() -> Bool {
    guard hasDueRuns, let scripts = generation?.scripts else { return false }
    var runs: [Run] = []
    for entry in plan.entries { runs += dueRuns(entry, scripts.schedules[entry.schedule]) }
    runs.sort { left, right in
      left.time == right.time ? left.name.bytes.lexicographicallyPrecedes(right.name.bytes) : left.time < right.time
    }
    let chosen = takeable(runs)
    plan.standsBack = chosen.isEmpty
    guard !chosen.isEmpty else { return false }
    framer.beginCommit(producer: .clock, generation: control.generation, time: commitTime, durable: durableCommit)
    let batch = EntryBatch(hash: hash)
    var position = framer.nextPosition.rawValue
    scratch.truncate(to: 0)
    for run in chosen {
      if batch.count > 0, framer.byteCount + batch.bytes.count > settings.turnBytes { break }
      var record = ScheduleRecord(run.isMade ? .ran : .passed, run.name)
      record.time = run.time
      if run.isMade {
        batch.addRun(of: run.schedule, at: run.time)
        record.position = position
        position += 1
      }
      record.encode(into: &scratch)
    }
    if batch.count > 0 { framer.append(batch) }
    framer.appendRecord(scratch.bytes)
    framer.endCommit()
    return true
  }

  /// What a deploy does to schedules, in its commit: those that it brings, or gives other times, count from here.
  func frameSchedules(of scripts: Generation) {
    scratch.truncate(to: 0)
    for schedule in scripts.schedules {
      let recurrence = schedule.recurrence.description
      if control.schedules[KeyBytes(schedule.name)]?.recurrence == recurrence { continue }
      var record = ScheduleRecord(.began, KeyBytes(schedule.name))
      (record.time, record.recurrence) = (commitTime, recurrence)
      record.encode(into: &scratch)
    }
    for (name, _) in control.schedules.sorted
    where !scripts.schedules.contains(where: { $0.name.utf8.elementsEqual(name.bytes) }) {
      ScheduleRecord(.removed, name).encode(into: &scratch)
    }
    if scratch.count > 0 { framer.appendRecord(scratch.bytes) }
  }

  /// What is due of one schedule, after what `missed` says of it.
  private func dueRuns(_ entry: SchedulePlan.Entry, _ schedule: ScheduleDeclaration) -> [Run] {
    guard let next = entry.next, next <= scheduleClock else { return [] }
    if schedule.missed == .all {
      var times = [next]
      while times.count < Self.runsPerTurn, let later = schedule.recurrence.next(after: times[times.count - 1]),
        later <= scheduleClock
      {
        times.append(later)
      }
      return times.map { Run(schedule: schedule, name: entry.name, time: $0) }
    }
    let last = schedule.recurrence.last(after: entry.through, through: scheduleClock) ?? next
    let isMade = schedule.missed == .once || scheduleClock - last <= Self.lateness
    return [Run(schedule: schedule, name: entry.name, time: last, isMade: isMade)]
  }

  /// For the status: by name.
  var scheduleStatus: [HostStatus.Schedule] {
    guard let schedules = generation?.scripts.schedules else { return [] }
    return plan.entries.map { entry in
      let last = control.schedules[entry.name]?.last
      return HostStatus.Schedule(
        schedules[entry.schedule], next: entry.next, last: last.map { ($0.time, $0.position) })
    }.sorted { $0.declaration.name < $1.declaration.name }
  }

  /// The first of them, as many as one turn makes. One whose subject an aggregate has for itself comes later, and so do
  /// those behind it.
  private func takeable(_ runs: [Run]) -> ArraySlice<Run> {
    let (first, reserved) = (runs.prefix(Self.runsPerTurn), reservedSubjects)
    let end = first.firstIndex { run in
      let effect = run.schedule.effect
      return run.isMade && (effect.isCommand ? deployWaitsForCommands : reserved.contains(hash(effect.subject)))
    }
    return first[..<(end ?? first.endIndex)]
  }
}

extension EntryBatch {
  /// What a run makes: its own cause, at the time that it was due as its claim.
  fileprivate func addRun(of schedule: ScheduleDeclaration, at time: Int64) {
    let effect = schedule.effect
    Array(effect.type.utf8).withUnsafeBytes { type in
      Array(effect.subject.utf8).withUnsafeBytes { subject in
        effect.data.withUnsafeBytes { data in
          begin(
            kind: effect.isCommand ? .command : .event, type: type, subject: subject, data: data, encoding: .json,
            contractVersion: effect.contractVersion)
        }
      }
    }
    Array(Timestamp.text(time).utf8).withUnsafeBytes { addAttribute(.time, $0) }
    // Who is told that it was refused.
    if effect.isCommand { Array(schedule.name.utf8).withUnsafeBytes { addAttribute(.sender, $0) } }
    end()
  }
}
