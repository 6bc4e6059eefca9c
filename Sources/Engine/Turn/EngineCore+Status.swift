import Events
import LogStorage
import Scripts

extension EngineCore {
  func status() -> HostStatus {
    HostStatus(
      version: settings.version, generation: control.generation,
      scripts: control.files.map { HostStatus.Script(path: $0.path, hash: $0.hash.description) },
      loadErrors: loadErrors, head: control.position, durable: durablePosition, logBytes: logBytes,
      logID: identity.id.description, readers: control.readers.filter { $0.life != .forgotten }.map(status))
  }

  private func status(of reader: ReaderState) -> HostStatus.Reader {
    let runtime = runtimes[Int(reader.number) - 1]
    let cursor = runtime.liveCursor
    let consumer = runtime.consumer.flatMap { generation?.scripts.consumers[$0] }
    return HostStatus.Reader(
      name: reader.name, kind: reader.kind.description, script: consumer?.file ?? "", state: state(of: reader),
      cursor: cursor, lag: control.position - min(cursor, control.position), blockedKeys: reader.blocked.count,
      queued: reader.blocked.unitCount, deadLetters: reader.letters.count, number: reader.number,
      hearing: reader.hearing, note: note(on: reader))
  }

  func state(of reader: ReaderState) -> String {
    switch reader.life {
    case .forgotten: return "forgotten"
    case .removed: return "removed"
    case .paused: return "paused"
    case .active:
      let index = Int(reader.number) - 1
      if isFull(index) { return "full" }
      return runtimes[index].scanned + 1 < tail.first ? "behind" : "running"
    }
  }

  private func note(on reader: ReaderState) -> String? {
    let index = Int(reader.number) - 1
    guard reader.life == .active, isFull(index) else { return nil }
    return
      "\(reader.blocked.unitCount) events wait for blocked keys: it reads on when there are fewer than \(settings.queueLimit)"
  }
}
