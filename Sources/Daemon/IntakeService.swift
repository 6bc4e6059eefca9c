import Delivery
import ServiceLifecycle

/// The sources in the daemon's service group: stopped before the engine, so that whatever they have taken is answered.
struct IntakeService: Service {
  let intake: Intake

  func run() async throws {
    try? await gracefulShutdown()
    intake.stop()
  }
}
