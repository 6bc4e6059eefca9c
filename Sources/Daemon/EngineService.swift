import Engine
import LogStorage
import ServiceLifecycle

/// The engine in the daemon's service group: started before it, stopped last.
struct EngineService: Service {
  let engine: RunningEngine
  /// Called with the control state of a stop in good order.
  let stopped: @Sendable (ControlState) -> Void

  func run() async throws {
    try? await gracefulShutdown()
    stopped(try await engine.stop())
  }
}

/// The folder watcher in the service group.
struct WatcherService: Service {
  let watcher: FolderWatcher

  func run() async throws {
    watcher.start()
    try? await gracefulShutdown()
    watcher.stop()
  }
}
