import Engine
import Events
import TestKit

/// A run and what came of it.
package struct SimulatedRun: Sendable {
  package let seed: UInt64
  package let bug: Bug?
  /// The promise that was broken; nil: none.
  package let broken: Violation?
  /// How many steps it took, and all of them, with the bytes of the log, as a number.
  package let steps: Int
  package let digest: UInt64
  /// The last steps.
  package let trace: [String]
  package let events: Int
  /// Commands that were accepted or rejected, and calls that have read what an aggregate and a projection had.
  package let decided: Int
  package let read: Int
  /// Timers that have fired.
  package let fired: Int
  /// Instances of the process that have ended, and how often one went on with other scripts, or could not.
  package let instances: Int
  package let moved: Int
  package let stayed: Int
  /// How often one was told what it hears by a subject, and how often late.
  package let bells: Int
  package let missed: Int
  /// How often each kind of step was taken.
  package let counts: [String: Int]

  /// - keeping: how many of the last steps are to be told.
  package static func run(seed: UInt64, bug: Bug? = nil, keeping steps: Int = 30) -> SimulatedRun {
    let simulator = Simulator(seed: seed, bug: bug, keeping: steps)
    var broken: Violation?
    do {
      try simulator.run()
    } catch {
      broken = error as? Violation ?? Violation(.ends, "the run ended with \(error)")
    }
    simulator.mixLog()
    return SimulatedRun(
      seed: seed, bug: bug, broken: broken, steps: simulator.trace.count, digest: simulator.trace.digest,
      trace: simulator.trace.lines, events: simulator.oracle.head, decided: simulator.oracle.bank.outcomes.count,
      read: simulator.oracle.events.count { $0.type == "Audit" }, fired: simulator.oracle.firedTimers,
      instances: simulator.oracle.errands.ended, moved: simulator.oracle.errands.moved,
      stayed: simulator.oracle.errands.stayed, bells: simulator.oracle.errands.bells,
      missed: simulator.oracle.errands.missed, counts: simulator.counts)
  }
}

extension Simulator {
  fileprivate func mixLog() {
    machine.files.inject(nil)
    for name in (try? machine.files.list("data/log").sorted()) ?? [] {
      trace.mix(name.utf8)
      trace.mix(machine.files.contents("data/log/\(name)") ?? [])
    }
  }
}
