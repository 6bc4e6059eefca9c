internal import Platform
internal import Synchronization

/// What waits for a lane's threads.
final class LaneQueue: Sendable {
  private struct State {
    var parcels: [Parcel] = []
    var isOver = false
  }

  private let state = Mutex(State())
  private let wake: @Sendable () -> Void

  /// - Parameter wake: called when there is something for a thread that may be waiting.
  init(wake: @escaping @Sendable () -> Void) { self.wake = wake }

  func put(_ parcel: Parcel) {
    let wasEmpty = state.withLock { state in
      state.parcels.append(parcel)
      return state.parcels.count == 1
    }
    if wasEmpty { wake() }
  }

  /// No parcel comes any more.
  func finish() {
    state.withLock { $0.isOver = true }
    wake()
  }

  var isOver: Bool { state.withLock { $0.isOver } }

  /// Up to `limit`, in their order. Does not wait.
  func take(atMost limit: Int = .max) -> [Parcel] {
    state.withLock { state in
      if state.parcels.count <= limit {
        defer { state.parcels = [] }
        return state.parcels
      }
      let first = Array(state.parcels.prefix(limit))
      state.parcels.removeFirst(limit)
      return first
    }
  }
}
