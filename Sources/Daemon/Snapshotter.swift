import Engine
import Events
import LogStorage
import Platform
import ServiceLifecycle
import Synchronization

/// Keeps a recent snapshot of the control state, so that a start has little of the log to read. It folds the durable
/// log by itself, behind the engine, which is never stopped for it.
final class Snapshotter: Sendable {
  /// Bytes of log between two snapshots.
  static let spacing: UInt64 = 64 << 20

  private let store: SnapshotStore
  private let log: LogReader
  private let console: Console
  private let state: Mutex<ControlState>
  private let lastBytes: Mutex<UInt64>

  init(store: SnapshotStore, log: LogReader, control: ControlState, console: Console) {
    self.store = store
    self.log = log
    self.console = console
    state = Mutex(control)
    lastBytes = Mutex(log.byteCount)
  }

  /// Takes a snapshot when the log has grown enough, of nothing that is not durable. Blocks on the disk.
  func takeIfDue(through durable: DurablePoint) {
    let bytes = log.byteCount
    guard lastBytes.withLock({ bytes - min($0, bytes) >= Self.spacing }) else { return }
    let folded = state.withLock { state -> ControlState? in
      do {
        try state.catchUp(with: log, through: durable.commit)
        return state
      } catch {
        console.write("error", "log", "no snapshot: \(error)")
        return nil
      }
    }
    if let folded { write(folded) }
    lastBytes.withLock { $0 = bytes }
  }

  /// The last snapshot, of a stop in good order: the next start reads nothing again.
  func finish(with control: ControlState) { write(control) }

  private func write(_ control: ControlState) {
    var writer = ByteWriter(capacity: 1 << 16)
    guard control.commit > 0 else { return }
    control.encode(into: &writer)
    let point = DurablePoint(commit: control.commit, position: Position(control.position), time: control.time)
    do {
      try store.save(point, version: ControlState.snapshotVersion, payload: writer.bytes)
    } catch {
      // The log is the truth; without a snapshot the next start only takes longer.
      console.write("warning", "log", "no snapshot: \(error)")
    }
  }
}

/// Runs the snapshotter beside the engine.
struct SnapshotService: Service {
  let snapshots: Snapshotter
  let host: RunningEngine

  func run() async throws {
    await cancelWhenGracefulShutdown {
      var position = host.durable
      while let durable = try? await host.waitForDurable(after: position) {
        await NamedThread.run(name: "snapshot") { snapshots.takeIfDue(through: host.durablePoint) }
        position = durable
        try? await Task.sleep(for: .seconds(1))
      }
    }
  }
}
