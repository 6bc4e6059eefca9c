import Events
import LogStorage
import Scripts

extension EngineCore {
  func status() -> HostStatus {
    HostStatus(
      version: settings.version, generation: control.generation,
      scripts: control.files.map { HostStatus.Script(path: $0.path, hash: $0.hash.description) },
      loadErrors: loadErrors, head: control.position, durable: durablePosition, logBytes: logBytes,
      logID: identity.id.description, readers: control.readers.map(status))
  }

  private func status(of reader: ReaderState) -> HostStatus.Reader {
    let runtime = runtimes[Int(reader.number) - 1]
    let cursor = runtime.liveCursor
    let consumer = runtime.consumer.flatMap { generation?.scripts.consumers[$0] }
    return HostStatus.Reader(
      name: reader.name, kind: reader.kind.description, script: consumer?.file ?? "", state: state(of: reader, runtime),
      cursor: cursor, lag: control.position - min(cursor, control.position), blockedKeys: reader.blocked.count,
      queued: runtime.queued, deadLetters: reader.deadLetterCount)
  }

  private func state(of reader: ReaderState, _ runtime: ReaderRuntime) -> String {
    switch reader.life {
    case .removed: "removed"
    case .paused: "paused"
    case .active:
      if runtime.queued >= settings.queueLimit {
        "full"
      } else if runtime.scanned + 1 < tail.first {
        "behind"
      } else {
        "running"
      }
    }
  }
}
