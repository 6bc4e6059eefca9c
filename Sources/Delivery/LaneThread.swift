internal import Platform
internal import Synchronization

/// A thread of a lane, which can be waited for within a bound.
final class LaneThread: Sendable {
  private let thread: NamedThread
  private let end: End

  private final class End: Sendable {
    let bell = Doorbell()
    let isOver = Atomic(false)
  }

  init(name: String, _ body: @escaping @Sendable () -> Void) {
    let end = End()
    self.end = end
    thread = NamedThread.start(name: name) {
      body()
      end.isOver.store(true, ordering: .releasing)
      end.bell.ring()
    }
  }

  /// Once. The thread that has not ended by then is let go.
  func join(until deadline: UInt64) {
    if !end.isOver.load(ordering: .acquiring) { end.bell.wait(until: deadline) }
    if end.isOver.load(ordering: .acquiring) { thread.join() }
  }
}
