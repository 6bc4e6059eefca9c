internal import Glibc
internal import Synchronization

private let raised = Atomic<Bool>(false)

/// Ctrl-C, for what should end in good order: a flag that long transfers look at.
package enum Interrupt {
  package static var isRaised: Bool { raised.load(ordering: .relaxed) }

  /// From now on the first SIGINT or SIGTERM raises the flag; a second one ends the process as usual.
  package static func listen() {
    _ = isRaised
    var action = sigaction()
    action.__sigaction_handler.sa_handler = { _ in raised.store(true, ordering: .relaxed) }
    action.sa_flags = Int32(bitPattern: UInt32(SA_RESETHAND))
    sigaction(SIGINT, &action, nil)
    sigaction(SIGTERM, &action, nil)
  }

  /// Waits; false at once when the flag is raised meanwhile.
  static func wait(milliseconds: Int) -> Bool {
    let deadline = ContinuousClock.now + .milliseconds(milliseconds)
    while !isRaised {
      let left = ContinuousClock.now.duration(to: deadline)
      if left <= .zero { return true }
      poll(nil, 0, Int32(min(100, max(1, left / .milliseconds(1)))))
    }
    return false
  }
}
