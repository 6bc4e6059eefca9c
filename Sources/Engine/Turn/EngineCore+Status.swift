import Events
import LogStorage
import Scripts

extension EngineCore {
  func status() -> HostStatus {
    var status = HostStatus(
      version: settings.version, generation: control.generation,
      scripts: control.files.map { HostStatus.Script(path: $0.path, hash: $0.hash.description) },
      loadErrors: loadErrors, head: control.position, durable: durablePosition, logBytes: logBytes,
      logID: identity.id.description, warnings: warnings,
      readers: control.readers.filter { $0.life != .forgotten }.map(self.status))
    status.processes = control.processCounts
    status.schedules = scheduleStatus
    status.timers.pending = control.timers.count
    status.timers.next = control.timers.first?.due
    return status
  }

  /// What keeps the whole host from its work.
  private var warnings: [String] {
    var warnings: [String] = []
    if wasDiskFull { warnings.append("the disk is full: appends are refused until there is room") }
    if let note = clock.agreement.note { warnings.append(note) }
    return warnings
  }

  private func status(of reader: ReaderState) -> HostStatus.Reader {
    let runtime = runtimes[Int(reader.number) - 1]
    let cursor = runtime.liveCursor
    let consumer = runtime.consumer.flatMap { generation?.scripts.consumers[$0] }
    var status = HostStatus.Reader(
      name: reader.name, kind: reader.kind.description, script: consumer?.file ?? "", state: state(of: reader),
      cursor: cursor, lag: control.position - min(cursor, control.position), blockedKeys: reader.blocked.count,
      queued: reader.blocked.unitCount, deadLetters: reader.letters.count, number: reader.number,
      hearing: reader.hearing, note: note(on: reader))
    status.pending = reader.pending
    return status
  }

  func state(of reader: ReaderState) -> String {
    switch reader.life {
    case .forgotten: return "forgotten"
    case .removed: return "removed"
    case .paused: return "paused"
    case .active:
      let index = Int(reader.number) - 1
      if runtimes[index].stuckCalls > 0 { return "stuck" }
      if runtimes[index].outbox?.breaker.isOpen == true { return "down" }
      if isFull(index) { return "full" }
      return runtimes[index].scanned + 1 < tail.first ? "behind" : "running"
    }
  }

  /// Targets of a destination that get nothing now.
  private func targetsNote(_ reader: ReaderState, _ index: Int) -> String? {
    func named(_ keys: some Collection<KeyBytes>) -> String {
      let shown = keys.map(\.description).sorted().prefix(5).joined(separator: ", ")
      return keys.count > 5 ? "\(shown) and \(keys.count - 5) more" : shown
    }
    var parts: [String] = []
    if !reader.pausedKeys.isEmpty { parts.append("paused: \(named(reader.pausedKeys))") }
    let resting = runtimes[index].outbox?.breakers.filter { $0.value.isOpen } ?? [:]
    if !resting.isEmpty { parts.append("not reachable: \(named(resting.keys))") }
    return parts.isEmpty ? nil : parts.joined(separator: "; ")
  }

  private func note(on reader: ReaderState) -> String? {
    let index = Int(reader.number) - 1
    guard reader.life == .active else { return nil }
    if runtimes[index].stuckCalls >= Self.mostLostCalls {
      return "\(runtimes[index].stuckCalls) calls have not come back: "
        + "it is called again when one does, or when its script is changed"
    }
    if let breaker = runtimes[index].outbox?.breaker, breaker.isOpen {
      return "\(breaker.reason); tried again now and then"
    }
    if let note = targetsNote(reader, index) { return note }
    guard isFull(index) else { return nil }
    let units = reader.kind == .destination ? "messages" : "events"
    return
      "\(reader.blocked.unitCount) \(units) wait for blocked keys: it reads on when there are fewer than \(mostWaiting(index))"
  }
}
