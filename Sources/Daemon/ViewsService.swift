import Engine
import Events
import ServiceLifecycle
import Views

/// The views in the daemon's service group: told of everything that becomes durable, stopped before the engine.
struct ViewsService: Service {
  let views: RunningViews
  let host: RunningEngine

  func run() async throws {
    // From thread to thread: a task in between would cost a wake more at every sync.
    host.setDurableListener { [views] in views.durableAdvanced(to: $0) }
    views.durableAdvanced(to: host.durable)
    try? await gracefulShutdown()
    host.setDurableListener(nil)
    await views.stop()
  }
}
