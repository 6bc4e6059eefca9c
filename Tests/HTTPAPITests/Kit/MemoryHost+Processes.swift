import Synchronization

@testable import Engine
@testable import HTTPAPI

/// Lists instances that a test has put there.
extension MemoryHost {
  /// What a fold of the log would say, and the instances that reading it would find, in the order of the list.
  struct Processes: Sendable {
    var control = ControlState()
    var reports: [ProcessReport] = []
    /// Of every instance.
    var steps: [ProcessTimeline.Step] = []
    /// What was asked of the list.
    var asked: [ProcessQuery] = []
  }

  func processes(_ query: ProcessQuery) async -> ProcessPlaces? {
    instances.withLock { state in
      state.asked.append(query)
      if let name = query.process, !state.control.hasProcess(named: name) { return nil }
      let found = state.reports.filter { report in
        (query.process == nil || report.process == query.process)
          && (query.generation == nil || report.instance.generation == query.generation)
          && query.after.map { $0 < report.place } ?? true
      }
      return ProcessPlaces(
        instances: found.prefix(query.limit + 1).map { ProcessPlace(process: $0.process, place: $0.place) },
        isLast: found.count <= query.limit + 1,
        processes: state.control.processCounts.filter { query.process == nil || $0.process == query.process })
    }
  }

  func reports(of places: [ProcessPlace]) throws -> [ProcessReport] {
    try throwIfUnreadable()
    return instances.withLock { state in
      let reports = Dictionary(uniqueKeysWithValues: state.reports.map { ($0.place, $0) })
      return places.compactMap { reports[$0.place] }
    }
  }

  func process(key: String, of name: String) async -> [ProcessKey]? {
    instances.withLock { state in
      guard let reader = state.control.reader(named: name, kind: .process) else { return nil }
      return Set([KeyBytes(key), KeyBytes(written: key)]).map {
        ProcessKey(process: name, key: $0, keyHash: $0.hash(hash), reader: reader.number, commit: 1)
      }
    }
  }

  func report(of keys: [ProcessKey]) throws -> ProcessReport? {
    try throwIfUnreadable()
    return instances.withLock { state in
      state.reports.first { report in keys.contains { $0.process == report.process && $0.key == report.key } }
    }
  }

  func timeline(of report: ProcessReport) throws -> ProcessTimeline {
    var timeline = ProcessTimeline(report: report)
    timeline.steps = instances.withLock { $0.steps }
    return timeline
  }

  func subject(of report: ProcessReport) throws -> [UInt8] { Array("subject of \(report.key)".utf8) }
}
