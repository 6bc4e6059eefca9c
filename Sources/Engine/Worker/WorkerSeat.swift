import Platform
import Synchronization

/// A worker as the others know it.
final class WorkerSeat: Sendable {
  let number: Int
  let mark = CallMark()
  /// Rung when there is something to run.
  let bell = Doorbell()
  /// Its call was given up: nothing that it does counts any more.
  let isLost = Atomic<Bool>(false)
  /// It was lost and its call has come back: the thread ends.
  let isBack = Atomic<Bool>(false)

  init(number: Int) { self.number = number }
}
