import Engine
import Events
import LogStorage

/// A schedule that is declared, and how far it has come.
struct RhythmModel: Equatable {
  var rhythm: Clockwork.Rhythm
  /// Every run up to here is done with, µs.
  var through: Int64
  /// When the last run that was made was due, and where its event is.
  var last: (time: Int64, position: UInt64)?

  var next: Int64 { rhythm.next(after: through) }

  static func == (left: RhythmModel, right: RhythmModel) -> Bool {
    left.rhythm == right.rhythm && left.through == right.through && left.last?.time == right.last?.time
      && left.last?.position == right.last?.position
  }
}

/// What schedules may do: each run at its time, once, and what was missed as the script says.
extension Oracle {
  /// A deploy brings schedules, gives them other times, and takes them away.
  mutating func readSchedules(
    _ header: CommitHeader, _ records: [RecordView], declared: [Behaviour]
  ) throws(Violation) {
    var wanted: [ScheduleRecord] = []
    var models: [RhythmModel] = []
    for rhythm in declared.flatMap(\.rhythms) {
      var model = rhythms.first { $0.rhythm.name == rhythm.name } ?? RhythmModel(rhythm: rhythm, through: 0)
      let isNew = !rhythms.contains { $0.rhythm.name == rhythm.name }
      if isNew || model.rhythm.times != rhythm.times {
        var record = ScheduleRecord(.began, KeyBytes(rhythm.name))
        (record.time, record.recurrence) = (header.time, rhythm.times)
        wanted.append(record)
        model.through = max(model.through, header.time)
      }
      model.rhythm = rhythm
      models.append(model)
    }
    for model in rhythms where !models.contains(where: { $0.rhythm.name == model.rhythm.name }) {
      wanted.append(ScheduleRecord(.removed, KeyBytes(model.rhythm.name)))
    }
    let found = records.compactMap { ScheduleRecord($0.fields) }
    try expect(
      found == wanted && found.count == records.count, .foldOfTheLog,
      "commit \(header.number) says of schedules \(found), not \(wanted)")
    rhythms = models.sorted { $0.rhythm.name < $1.rhythm.name }
  }

  /// A commit of the clock.
  mutating func readRuns(
    _ header: CommitHeader, _ records: [RecordView], _ new: Range<Int>, _ ledger: Ledger
  ) throws(Violation) {
    let place = "commit \(header.number) of the clock"
    try expect(!records.isEmpty, .allOrNothing, "\(place) has events without their records")
    try expect(
      header.time <= ledger.latestTime, .oneOrder, "\(place) is of \(header.time), and no clock has shown that time")
    var rest = new
    var before: (time: Int64, name: String) = (0, "")
    for record in records {
      guard record.kind == .schedule, let run = ScheduleRecord(record.fields), run.what == .ran || run.what == .passed,
        let index = rhythms.firstIndex(where: { KeyBytes($0.rhythm.name) == run.name })
      else { throw Violation(.oneOrder, "\(place) holds what only others write") }
      let model = rhythms[index]
      try expect(
        before.time < run.time || before.time == run.time && before.name < model.rhythm.name, .oneOrder,
        "\(place): \(model.rhythm.name) is due at \(run.time), and comes after \(before)")
      before = (run.time, model.rhythm.name)
      try check(run, of: model, at: header.time, place)
      rhythms[index].through = run.time
      guard run.what == .ran else { continue }
      guard let event = rest.popFirst().map({ events[$0] }), event.type == Clockwork.type,
        event.subject == model.rhythm.name, event.data == Clockwork.data, event.cause == 0, event.identity == nil,
        event.position == run.position, !event.isCommand
      else { throw Violation(.allOrNothing, "\(place): the run of \(model.rhythm.name) has left no event of its own") }
      rhythms[index].last = (run.time, run.position)
    }
    try expect(rest.isEmpty, .allOrNothing, "\(place): the event at \(rest.lowerBound + 1) is no run's")
  }

  private func check(
    _ run: ScheduleRecord, of model: RhythmModel, at time: Int64, _ place: String
  ) throws(Violation) {
    let rhythm = model.rhythm
    try expect(
      run.time > model.through && run.time <= time, .deterministic,
      "\(place): \(rhythm.name) is made for \(run.time) at \(time), after \(model.through)")
    if rhythm.missed == .all {
      try expect(
        run.what == .ran && run.time == model.next, .deterministic,
        "\(place): \(rhythm.name) is due at \(model.next), not \(run.time)")
      return
    }
    try expect(
      run.time == rhythm.last(through: time), .deterministic,
      "\(place): \(rhythm.name) was due last at \(rhythm.last(through: time)), not \(run.time)")
    let isMade = rhythm.missed == .once || time - run.time <= 60_000_000
    try expect(
      (run.what == .ran) == isMade, .deterministic,
      "\(place): \(rhythm.name), due at \(run.time): \(run.what) at \(time)"
    )
  }

  func checkSchedules(_ states: ScheduleStates) throws(Violation) {
    let found = states.sorted
    try expect(
      found.count == rhythms.count
        && zip(found, rhythms).allSatisfy { pair in
          pair.0.name == KeyBytes(pair.1.rhythm.name) && pair.0.schedule.recurrence == pair.1.rhythm.times
            && pair.0.schedule.through == pair.1.through && pair.0.schedule.last?.time == pair.1.last?.time
            && pair.0.schedule.last?.position == pair.1.last?.position
        }, .foldOfTheLog, "the engine has the schedules \(found), the log \(rhythms)")
  }
}
