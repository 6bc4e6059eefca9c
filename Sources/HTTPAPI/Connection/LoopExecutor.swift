internal import NIOCore

/// Runs the tasks of a connection on its event loop, where its bytes arrive: no other thread has to be woken for a
/// request. What takes long, reading the log, has threads of its own.
final class LoopExecutor: TaskExecutor {
  private let loop: any EventLoop

  init(_ loop: any EventLoop) { self.loop = loop }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }
}
