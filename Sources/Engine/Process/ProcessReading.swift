import Events
package import LogStorage

/// Tells what instances of processes are and have done, from the log. Blocks on the disk.
package struct ProcessReading {
  package static let mostSteps = 1000

  let log: LogReader

  package init(log: LogReader) { self.log = log }

  /// Those that have a record at the places, which ascend. Reads a commit once, however many of them it holds.
  package func reports(of places: [ProcessPlace]) throws -> [ProcessReport] {
    var reports: [ProcessReport] = []
    var rest = places[...]
    while let first = rest.first?.place {
      let group = rest.prefix { $0.place.reader == first.reader && $0.place.place >> 8 == first.place >> 8 }
      rest.removeFirst(group.count)
      let wanted = Set(group.map { InstancePlace(keyHash: $0.place.keyHash, place: $0.place.place) })
      var found: [InstancePlace: InstanceRecord] = [:]
      try log.forEachInstance(inCommit: first.place >> 8, of: first.reader) { place, record in
        if wanted.contains(place) { found[place] = InstanceRecord(record) }
      }
      for place in group {
        let at = InstancePlace(keyHash: place.place.keyHash, place: place.place.place)
        if let record = found[at], let report = Self.report(record, place) { reports.append(report) }
      }
    }
    return reports
  }

  private static func report(_ record: InstanceRecord, _ place: ProcessPlace) -> ProcessReport? {
    guard let bytes = record.state, var instance = ProcessInstance(bytes) else { return nil }
    instance.noteCommit(of: place.place.place)
    let key = KeyBytes(record.key)
    return ProcessReport(
      process: place.process, key: key, instance: instance, place: place.place,
      trouble: place.troubles.first { $0.key == key })
  }

  /// The running instance of the first key that has one; nil: none has.
  package func report(of keys: [ProcessKey]) throws -> ProcessReport? {
    for key in keys {
      let state = try KeyState.read(key.key, key.keyHash, reader: key.reader, at: key.commit, in: log)
      guard let bytes = state.json, var instance = ProcessInstance(bytes) else { continue }
      instance.noteCommit(of: state.place)
      return ProcessReport(
        process: key.process, key: key.key, instance: instance,
        place: ProcessReport.Place(place: state.place, keyHash: key.keyHash, reader: key.reader), trouble: key.trouble)
    }
    return nil
  }

  package func timeline(of report: ProcessReport) throws -> ProcessTimeline {
    var timeline = ProcessTimeline(report: report)
    let instance = report.instance
    let all = try ProcessHistory.steps(of: instance, key: report.key, reader: report.place.reader, in: log)
    timeline.omitted = max(0, all.count - Self.mostSteps)
    var cause = instance.start
    for (index, step) in all.enumerated() {
      if step.position > 0 { cause = step.position }
      guard index >= timeline.omitted else { continue }
      var shown = ProcessTimeline.Step(number: index + 1, kind: step.kind, time: step.now)
      if step.position > 0 { shown.heard = try entry(at: step.position) }
      var effects: [ProcessTimeline.Entry] = []
      try ProcessEffects.forEach(of: step, cause: cause, in: log) { position, entry in
        effects.append(ProcessTimeline.Entry(entry, position, time: step.now))
      }
      shown.effects = effects
      timeline.steps.append(shown)
    }
    timeline.mailbox = try instance.mailbox.map { try entry(at: $0.position) }
    return timeline
  }

  private func entry(at position: UInt64) throws -> ProcessTimeline.Entry {
    let chunk = try log.chunk(holding: Position(position))
    return ProcessTimeline.Entry(
      chunk.entry(Position(position)), Position(position), time: chunk.commit(of: Position(position)).time)
  }

  /// The subject that events for the instance are on: that of the event which started it.
  package func subject(of report: ProcessReport) throws -> [UInt8] {
    let start = Position(report.instance.start)
    return try Array(log.chunk(holding: start).entry(start).subject)
  }
}

extension ProcessReport {
  fileprivate init(process: String, key: KeyBytes, instance: ProcessInstance, place: Place, trouble: KeyTrouble?) {
    self.init(
      process: process, key: key, instance: instance, state: trouble?.state ?? .waiting, failure: trouble?.failure,
      nextTry: trouble?.nextTry, place: place)
  }
}

extension ProcessTimeline.Entry {
  fileprivate init(_ entry: EntryView, _ position: Position, time: Int64) {
    self.init(
      position: position, kind: RecordKind(rawValue: entry.rawKind).map { "\($0)" } ?? "event", type: entry.type.text,
      about: entry.subject.text, time: time)
  }
}

extension ProcessInstance {
  /// The steps that its record brought are in that record's commit.
  mutating func noteCommit(of place: UInt64) {
    for index in steps.indices where steps[index].commit == 0 { steps[index].commit = place >> 8 }
  }
}

extension KeyBytes {
  /// A key as people write it: `#12` stands for the event at position 12 itself.
  package init(written text: String) {
    if text.utf8.first == UInt8(ascii: "#"), let position = UInt64(text.dropFirst()) {
      self = .own(Position(position))
    } else {
      self.init(text)
    }
  }
}
