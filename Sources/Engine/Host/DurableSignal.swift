import Events
import Synchronization

/// Lets tasks wait until the log is durable past a position.
final class DurableSignal: Sendable {
  private struct State {
    var position: UInt64
    var nextID = 0
    var waiters: [Int: (after: UInt64, continuation: CheckedContinuation<UInt64?, Never>)] = [:]
    var isEnded = false
    var listener: (@Sendable (UInt64) -> Void)?
  }

  private let state: Mutex<State>

  init(position: UInt64) { state = Mutex(State(position: position)) }

  var position: UInt64 { state.withLock { $0.position } }

  /// One thread at a time: the one that has synced.
  func advance(to position: UInt64) {
    let (ready, listener) = state.withLock {
      state -> ([CheckedContinuation<UInt64?, Never>], (@Sendable (UInt64) -> Void)?) in
      guard position > state.position else { return ([], nil) }
      state.position = position
      if state.waiters.isEmpty { return ([], state.listener) }
      let ready = state.waiters.filter { $0.value.after < position }
      for id in ready.keys { state.waiters[id] = nil }
      return (ready.values.map(\.continuation), state.listener)
    }
    listener?(position)
    for continuation in ready { continuation.resume(returning: position) }
  }

  /// Who is told of every advance, on the thread that has synced; nil: nobody any more, but for one call that may be under way.
  func setListener(_ listener: (@Sendable (UInt64) -> Void)?) { state.withLock { $0.listener = listener } }

  /// Nobody waits any longer.
  func end() {
    let all = state.withLock { state in
      state.isEnded = true
      defer { state.waiters = [:] }
      return state.waiters.values.map(\.continuation)
    }
    for continuation in all { continuation.resume(returning: nil) }
  }

  func wait(after: UInt64) async throws -> UInt64 {
    let id = state.withLock { state in
      state.nextID += 1
      return state.nextID
    }
    let position = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let now: UInt64?? = state.withLock { state in
          if state.isEnded || Task.isCancelled { return .some(nil) }
          if state.position > after { return .some(state.position) }
          state.waiters[id] = (after, continuation)
          return .none
        }
        if case .some(let position) = now { continuation.resume(returning: position) }
      }
    } onCancel: {
      let waiter = state.withLock { $0.waiters.removeValue(forKey: id) }
      waiter?.continuation.resume(returning: nil)
    }
    guard let position else { throw CancellationError() }
    return position
  }
}
