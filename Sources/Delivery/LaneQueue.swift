internal import Engine
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
    let (isOver, wasEmpty) = state.withLock { state in
      if !state.isOver { state.parcels.append(parcel) }
      return (state.isOver, state.parcels.count == 1)
    }
    if isOver {
      parcel.end(.failed(.stopping))
    } else if wasEmpty {
      wake()
    }
  }

  /// Whatever comes after this is ended at once.
  func finish() {
    state.withLock { $0.isOver = true }
    wake()
  }

  /// After `finish`: ends what lies here.
  func endAll() { for parcel in take() { parcel.end(.failed(.stopping)) } }

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
