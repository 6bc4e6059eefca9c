/// The promises of the design, and two that the simulation adds: that a stopped log is what it says, and that everything
/// ends.
package enum Promise: String, Sendable {
  case oneOrder = "one log, one order"
  case allOrNothing = "a call is all or nothing"
  case durable = "nothing leaves before it is durable"
  case orderPerKey = "order per key, and a failure stops its own key only"
  case deterministic = "handlers are deterministic"
  case foldOfTheLog = "the log is the only truth"
  case kept = "what was acknowledged is there, once, in order"
  case answered = "an answer is true"
  case damageIsTold = "damage is refused or read around, never read as something else"
  case stopsAtFailedSync = "after a failed sync nothing is written any more"
  case ends = "when faults stop, everything ends handled, blocked or dead"
}

/// A promise that was broken, found by the oracle.
package struct Violation: Error, Sendable, CustomStringConvertible {
  package var promise: Promise
  package var what: String

  init(_ promise: Promise, _ what: String) { (self.promise, self.what) = (promise, what) }

  package var description: String { "\(promise.rawValue): \(what)" }
}

func expect(_ condition: Bool, _ promise: Promise, _ what: @autoclosure () -> String) throws(Violation) {
  if !condition { throw Violation(promise, what()) }
}
