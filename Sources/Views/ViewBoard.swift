internal import Scripts
import Synchronization

/// What the views' thread tells everybody else: how far each view is. Others read it, and wait for a view to get on.
final class ViewBoard: Sendable {
  private struct State {
    /// Nil until views.db is open for the first time.
    var views: [ViewStatus]?
    /// The code that folds each of them.
    var codes: [Generation] = []
    var nextID = 0
    var waiters: [Int: Waiter] = [:]
    var hasEnded = false
  }

  private struct Waiter {
    let name: [UInt8]
    let position: UInt64
    let continuation: CheckedContinuation<Void, Never>
  }

  private let state = Mutex(State())

  /// Nil until views.db has been opened.
  var views: [ViewStatus]? { state.withLock { $0.views } }

  var hasEnded: Bool { state.withLock { $0.hasEnded } }

  func view(named name: String) -> ViewStatus? {
    views?.first { $0.name.utf8.elementsEqual(name.utf8) }
  }

  /// The code by which the documents of a view are what they are.
  func code(of name: String) -> Generation? {
    state.withLock { state in
      let index = state.views?.firstIndex { $0.name.utf8.elementsEqual(name.utf8) }
      return index.map { state.codes[$0] }
    }
  }

  /// The views' thread. `codes`: one for each of `views`.
  func publish(_ views: [ViewStatus], codes: [Generation]) {
    let ready = state.withLock { state in
      state.views = views
      state.codes = codes
      if state.waiters.isEmpty { return [CheckedContinuation<Void, Never>]() }
      let positions = Dictionary(views.map { (Array($0.name.utf8), $0.position) }) { first, _ in first }
      let ready = state.waiters.filter { positions[$0.value.name, default: .max] >= $0.value.position }
      for id in ready.keys { state.waiters[id] = nil }
      return ready.values.map(\.continuation)
    }
    for continuation in ready { continuation.resume() }
  }

  /// Nobody waits any longer.
  func end() {
    let all = state.withLock { state in
      state.hasEnded = true
      defer { state.waiters = [:] }
      return state.waiters.values.map(\.continuation)
    }
    for continuation in all { continuation.resume() }
  }

  /// Returns when the view has read `position`, when there is no such view any more, when the task is cancelled or when
  /// everything ends: the caller looks again.
  func wait(for name: String, toRead position: UInt64) async {
    let key = Array(name.utf8)
    let id = state.withLock { state in
      state.nextID += 1
      return state.nextID
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
        let isOver = state.withLock { state in
          let view = state.views?.first { $0.name.utf8.elementsEqual(name.utf8) }
          let hasRead = state.views != nil && (view?.position ?? .max) >= position
          if state.hasEnded || hasRead || Task.isCancelled { return true }
          state.waiters[id] = Waiter(name: key, position: position, continuation: continuation)
          return false
        }
        if isOver { continuation.resume() }
      }
    } onCancel: {
      state.withLock { $0.waiters.removeValue(forKey: id) }?.continuation.resume()
    }
  }
}
