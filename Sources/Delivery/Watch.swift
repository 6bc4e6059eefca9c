internal import Engine
internal import Platform
internal import Synchronization

/// The attempts that are not answered yet, and the net below them: whoever is too late is answered here.
///
/// Lanes keep their deadlines themselves. But a thread can hang in a call that has no bound, such as finding a host's
/// address, or `fdatasync` on a disk that does not answer.
final class Watch: Sendable {
  private struct State {
    var open: [ObjectIdentifier: Parcel] = [:]
    var thread: LaneThread?
    /// Nobody looks until the bell rings.
    var isAsleep = false
    var isFinishing = false
    var isOver = false
  }

  private let state = Mutex(State())
  private let clock: any HostClock
  private let bell = Doorbell()
  private let emptied = Doorbell()
  /// How often the thread looks while there is anything to look after.
  private static let period: UInt64 = 100_000_000
  /// What a lane has to answer by itself after the deadline.
  private static let patience: UInt64 = 200_000_000

  init(clock: any HostClock) { self.clock = clock }

  func add(_ parcel: Parcel) {
    let mustWake = state.withLock { state in
      state.open[ObjectIdentifier(parcel)] = parcel
      if state.thread == nil && !state.isOver { state.thread = LaneThread(name: "courier") { [self] in run() } }
      defer { state.isAsleep = false }
      return state.isAsleep
    }
    if mustWake { bell.ring() }
  }

  func remove(_ parcel: Parcel) {
    let isLast = state.withLock { state in
      state.open[ObjectIdentifier(parcel)] = nil
      return state.isFinishing && state.open.isEmpty
    }
    if isLast { emptied.ring() }
  }

  /// Waits until all are answered, at most for `grace`, and answers the rest.
  func finish(grace: Duration) {
    let (seconds, attoseconds) = grace.components
    let end = clock.monotonicNanoseconds() + UInt64(max(0, seconds * 1_000_000_000 + attoseconds / 1_000_000_000))
    while true {
      let isEmpty = state.withLock { state in
        state.isFinishing = true
        return state.open.isEmpty
      }
      if isEmpty || !emptied.wait(until: end) { break }
    }
    let (rest, thread) = state.withLock { state in
      state.isOver = true
      return (Array(state.open.values), state.thread)
    }
    for parcel in rest { parcel.end(.failed(.stopping)) }
    bell.ring()
    thread?.join(until: clock.monotonicNanoseconds() + 2_000_000_000)
  }

  private func run() {
    while true {
      let now = clock.monotonicNanoseconds()
      let (late, isOver, isAsleep) = state.withLock { state in
        let late = state.open.values.filter { $0.deadline + Self.patience <= now }
        state.isAsleep = state.open.isEmpty
        return (late, state.isOver, state.isAsleep)
      }
      for parcel in late { parcel.end(.failed(parcel.late)) }
      if isOver { return }
      bell.wait(until: isAsleep ? nil : now + Self.period)
    }
  }
}
