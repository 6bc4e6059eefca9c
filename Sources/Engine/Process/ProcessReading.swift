import Events
package import LogStorage
internal import Scripts

/// Lists instances of processes and tells what they have done, from a control state and the log. Blocks on the disk.
package struct ProcessReading {
  package static let mostSteps = 1000

  let control: ControlState
  let log: LogReader

  package init(control: ControlState, log: LogReader) { (self.control, self.log) = (control, log) }

  /// Nil when the query names a process that there is not.
  package func page(_ query: ProcessQuery) throws -> ProcessPage? {
    var readers = control.processes
    if let name = query.process {
      guard let reader = control.reader(named: name, kind: .process) else { return nil }
      readers = [reader]
    }
    var page = ProcessPage()
    page.processes = readers.map { ProcessCount($0) }
    for place in places(query, readers) {
      guard let report = try report(at: place, control[reader: place.reader]) else { continue }
      if let state = query.state, report.state != state { continue }
      if page.instances.count == query.limit {
        page.next = page.instances.last?.place
        break
      }
      page.instances.append(report)
    }
    return page
  }

  /// Those that may be meant, in the order of the list.
  private func places(_ query: ProcessQuery, _ readers: [ReaderState]) -> [ProcessReport.Place] {
    var places: [ProcessReport.Place] = []
    for reader in readers {
      var blocked: Set<UInt64>?
      if query.state == .stuck || query.state == .retrying {
        blocked = Set(reader.blocked.all.map { $0.hash(log.identity.hash) })
      }
      for (place, instance) in reader.open.all {
        if let wanted = query.generation, instance.generation != wanted { continue }
        if let blocked, !blocked.contains(place.keyHash) { continue }
        let at = ProcessReport.Place(place: place.place, keyHash: place.keyHash, reader: reader.number)
        if let after = query.after, at <= after { continue }
        places.append(at)
      }
    }
    return places.sorted()
  }

  private func report(at place: ProcessReport.Place, _ reader: ReaderState) throws -> ProcessReport? {
    guard
      let record = try ProcessHistory.record(at: place.place, keyHash: place.keyHash, reader.number, in: log),
      let bytes = record.state, var instance = ProcessInstance(bytes)
    else { return nil }
    instance.noteCommit(of: place.place)
    return report(instance, KeyBytes(record.key), reader, place)
  }

  private func report(
    _ instance: ProcessInstance, _ key: KeyBytes, _ reader: ReaderState, _ place: ProcessReport.Place
  ) -> ProcessReport {
    var report = ProcessReport(process: reader.name, key: key, instance: instance, state: .waiting, place: place)
    if let blocked = reader.blocked[key] {
      report.state = blocked.isDead ? .stuck : .retrying
      report.failure = blocked.failure
      report.nextTry = blocked.isDead ? nil : blocked.nextTry
    }
    return report
  }

  // MARK: one of them

  /// The running instance of a key, as people write keys; nil when there is none.
  package func instance(of text: String, process name: String) throws -> ProcessReport? {
    guard let reader = control.reader(named: name, kind: .process) else { return nil }
    for key in Set([KeyBytes(text), KeyBytes(written: text)]) {
      let keyHash = key.hash(log.identity.hash)
      guard let commit = reader.states[keyHash] else { continue }
      let state = try KeyState.read(key, keyHash, reader: reader.number, at: commit, in: log)
      guard let bytes = state.json, var instance = ProcessInstance(bytes) else { continue }
      instance.noteCommit(of: state.place)
      return report(
        instance, key, reader, ProcessReport.Place(place: state.place, keyHash: keyHash, reader: reader.number))
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

extension ProcessCount {
  init(_ reader: ReaderState) {
    self.init(process: reader.name)
    instances = reader.open.count
    generations = reader.open.byGeneration
    for key in reader.blocked.all {
      if reader.blocked[key]?.isDead == true { stuck += 1 } else { retrying += 1 }
    }
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

extension ControlState {
  /// Names of the processes that are declared, or have left instances.
  package var processNames: [String] { processes.map(\.name) }

  package func hasProcess(named name: String) -> Bool { reader(named: name, kind: .process) != nil }

  /// The name of a process that was probably meant by one that there is not.
  package func processName(near name: String) -> String? { NearestName.of(name, among: processNames) }

  /// Generations before the running one that instances run on.
  package var olderGenerations: [UInt32] {
    Set(readers.flatMap { $0.open.byGeneration.keys }).filter { $0 != generation }.sorted()
  }

  /// Every process with its instances counted.
  package var processCounts: [ProcessCount] { processes.map { ProcessCount($0) } }

  fileprivate var processes: [ReaderState] { readers.filter { $0.kind == .process && $0.life != .forgotten } }
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
