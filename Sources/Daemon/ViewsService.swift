import Engine
import Events
import ServiceLifecycle
import Views

/// The views in the daemon's service group: told of everything that becomes durable, stopped before the engine.
struct ViewsService: Service {
  let views: RunningViews
  let host: RunningEngine

  func run() async throws {
    await cancelWhenGracefulShutdown {
      var durable = host.durable
      views.durableAdvanced(to: durable)
      while let next = try? await host.waitForDurable(after: durable) {
        views.durableAdvanced(to: next)
        durable = next
      }
    }
    await views.stop()
  }
}
