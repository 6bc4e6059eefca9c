import ArgumentParser
import Foundation
import Platform
import Simulation
import Synchronization

/// `simulate`: runs seeds, and says how to run the one again that has failed.
@main
struct SimulateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate",
    abstract:
      "Run the engine, the log and recovery over a simulated disk, clock and workload, and check the six promises.",
    discussion: """
      A seed decides everything that happens in its run. Without --seconds and --runs one seed is run.

      EXAMPLES
        simulate --seed 42
        simulate --seed 1 --seconds 600
        simulate --seed 1 --runs 200 --bug lost-effects
      """)

  @Option(help: "The first seed; the others follow it. (default: by chance)")
  var seed: UInt64?

  @Option(help: "Run one seed after the other for so long.")
  var seconds: Int?

  @Option(help: "Run so many seeds.")
  var runs: Int?

  @Option(help: "Take every so-manieth seed only: 12 from seed 2 has a process in each run that hears by names.")
  var stride: UInt64 = 1

  @Option(help: "Plant a bug: \(Bug.allCases.map(\.rawValue).joined(separator: ", ")).")
  var bug: String?

  @Option(help: "How many runs at a time.")
  var jobs = max(1, ProcessInfo.processInfo.activeProcessorCount)

  @Flag(help: "Print a number for each run that stands for all of its steps and the bytes of its log.")
  var digests = false

  @Flag(help: "Go on after a failure and list the seeds that fail.")
  var keepGoing = false

  @Option(help: "How many of the last steps of a run that fails are printed.")
  var trace = 30

  func validate() throws {
    if let bug, Bug(rawValue: bug) == nil { throw ValidationError("there is no bug \"\(bug)\"") }
    guard (1...256).contains(jobs) else { throw ValidationError("--jobs takes a number from 1 to 256") }
    if let runs, runs < 1 { throw ValidationError("--runs takes a number from 1") }
    guard (1...1_000_000).contains(stride) else { throw ValidationError("--stride takes a number from 1") }
  }

  func run() throws {
    let first = seed ?? UInt64.random(in: 1...999_999_999)
    let last = runs.map { first + (UInt64($0) - 1) * stride } ?? (seconds == nil ? first : .max - stride)
    let progress = Progress(
      next: first, last: last, stride: stride, end: seconds.map { Date(timeIntervalSinceNow: Double($0)) })
    let planted = bug.flatMap { Bug(rawValue: $0) }
    // Scripts want a stack of their own size.
    let threads = (0..<jobs).map { number in
      NamedThread.start(name: "simulate-\(number)", stackBytes: 8 << 20) { [digests, keepGoing, trace] in
        while let seed = progress.take(keepGoing: keepGoing) {
          let run = SimulatedRun.run(seed: seed, bug: planted, keeping: trace)
          if keepGoing, let broken = run.broken { print("seed \(seed): \(broken)") }
          progress.add(run, digests: digests)
        }
      }
    }
    for thread in threads { thread.join() }
    if progress.finish() { throw ExitCode.failure }
  }
}

/// What the runs have come to; tells every two seconds. The first failure ends it.
private final class Progress: Sendable {
  private struct State {
    var next: UInt64
    var runs = 0
    var steps = 0
    var events = 0
    var decided = 0
    var read = 0
    var fired = 0
    var instances = 0
    var moved = 0
    var stayed = 0
    var bells = 0
    var missed = 0
    var failed: SimulatedRun?
    var told: Date
  }

  private let first: UInt64
  private let last: UInt64
  private let stride: UInt64
  private let end: Date?
  private let began = Date()
  private let state: Mutex<State>

  init(next: UInt64, last: UInt64, stride: UInt64, end: Date?) {
    (first, self.last, self.stride, self.end) = (next, last, stride, end)
    state = Mutex(State(next: next, told: began))
  }

  func take(keepGoing: Bool) -> UInt64? {
    state.withLock { state in
      if !keepGoing && state.failed != nil || state.next > last || end.map({ $0 < Date() }) ?? false { return nil }
      defer { state.next += stride }
      return state.next
    }
  }

  func add(_ run: SimulatedRun, digests: Bool) {
    state.withLock { state in
      state.runs += 1
      state.steps += run.steps
      state.events += run.events
      state.decided += run.decided
      state.read += run.read
      state.fired += run.fired
      state.instances += run.instances
      state.moved += run.moved
      state.stayed += run.stayed
      state.bells += run.bells
      state.missed += run.missed
      // The lowest seed of those that fail at the same time.
      if run.broken != nil, run.seed < state.failed?.seed ?? .max { state.failed = run }
      if digests { print("\(run.seed) \(String(run.digest, radix: 16))") }
      if Date().timeIntervalSince(state.told) >= 2 {
        state.told = Date()
        print(Self.line(state, first, since: began))
      }
    }
  }

  /// True when a run has failed.
  func finish() -> Bool {
    state.withLock { state in
      print(Self.line(state, first, since: began))
      guard let failed = state.failed, let broken = failed.broken else { return false }
      for line in failed.trace { print("  \(line)") }
      print("broken promise: \(broken)")
      print("run it again: make simulate SEED=\(failed.seed)\(failed.bug.map { " BUG=\($0.rawValue)" } ?? "")")
      return true
    }
  }

  private static func line(_ state: State, _ first: UInt64, since began: Date) -> String {
    let seconds = Int(Date().timeIntervalSince(began).rounded())
    return
      "\(state.runs) runs from seed \(first), \(state.steps) steps, \(state.events) events, \(state.decided) commands, "
      + "\(state.read) reads, \(state.fired) timers, \(state.instances) instances (\(state.moved) moved, "
      + "\(state.stayed) stayed), \(state.bells) told by name (\(state.missed) late), \(seconds) s"
  }
}
