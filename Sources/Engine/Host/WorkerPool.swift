import DequeModule
import Platform
import Synchronization

/// The threads that run Lua. Shards are taken in the order they came, by whichever worker is free.
final class WorkerPool: Sendable {
  private struct State {
    var jobs: Deque<(batch: Batch, shard: Shard)> = []
    /// Workers that wait.
    var idle: [Int] = []
    var isStopping = false
  }

  private let state = Mutex(State())
  private let bells: [Doorbell]
  private let threads = Mutex<[NamedThread]>([])
  private let done: @Sendable (Batch) -> Void

  /// `done` is called on a worker's thread with a batch whose last shard has ended.
  init(count: Int, makeRunner: @escaping @Sendable () -> ShardRunner, done: @escaping @Sendable (Batch) -> Void) {
    bells = (0..<count).map { _ in Doorbell() }
    self.done = done
    let started = (0..<count).map { number in
      NamedThread.start(name: "worker-\(number)", stackBytes: 8 << 20) { self.work(number, makeRunner()) }
    }
    threads.withLock { $0 = started }
  }

  /// Any thread.
  func run(_ batch: Batch) {
    batch.remaining.store(batch.shards.count, ordering: .relaxed)
    let woken = state.withLock { state in
      for shard in batch.shards { state.jobs.append((batch, shard)) }
      let count = min(batch.shards.count, state.idle.count)
      let woken = Array(state.idle.suffix(count))
      state.idle.removeLast(count)
      return woken
    }
    for number in woken { bells[number].ring() }
  }

  /// Waits until the workers have ended what they are at; the rest of the queue is dropped.
  func stop() {
    state.withLock { $0.isStopping = true }
    for bell in bells { bell.ring() }
    let started = threads.withLock { threads in
      defer { threads = [] }
      return threads
    }
    for thread in started { thread.join() }
  }

  private enum Next {
    case job(Batch, Shard)
    case wait
    case stop
  }

  private func work(_ number: Int, _ runner: consuming ShardRunner) {
    var runner = runner
    while true {
      let next: Next = state.withLock { state in
        if state.isStopping { return .stop }
        if let job = state.jobs.popFirst() { return .job(job.batch, job.shard) }
        if !state.idle.contains(number) { state.idle.append(number) }
        return .wait
      }
      switch next {
      case .stop: return
      case .wait: bells[number].wait()
      case .job(let batch, let shard):
        runner.run(batch, shard)
        if batch.remaining.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 { done(batch) }
      }
    }
  }
}
