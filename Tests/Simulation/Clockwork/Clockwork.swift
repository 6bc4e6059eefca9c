import Engine
import TestKit

/// Schedules: a script of nothing else, beside the consumers of every third run. Each is due at multiples of a span, so that
/// it takes no calendar to say when.
enum Clockwork {
  static let name = "clockwork"
  static let type = "Tick"
  static let data = "{\"n\":0}"

  /// One schedule as a run may deploy it.
  struct Rhythm: Hashable {
    enum Missed: String { case once, skip, all }

    var name: String
    /// In seconds.
    var span: Int64
    var missed: Missed
    /// Written as `cron`, which must come to the same.
    var isCron: Bool

    /// As the log names its times.
    var times: String {
      if isCron { return "cron \(span == 300 ? "*/5" : "0") * * * *, UTC" }
      return switch span {
      case 3600: "every 1h"
      case 300: "every 5m"
      default: "every \(span)s"
      }
    }

    var script: String {
      let times = isCron ? "cron = \"\(span == 300 ? "*/5" : "0") * * * *\"" : "every = \"\(span)s\""
      return "schedule \"\(name)\" { \(times), emit = \"\(type)\", data = { n = 0 }, missed = \"\(missed)\" }"
    }

    /// The first time after `time` at which it is due, µs; the second one is the last that is not after `end`.
    func next(after time: Int64) -> Int64 { (time / (span * 1_000_000) + 1) * span * 1_000_000 }
    func last(through end: Int64) -> Int64 { end / (span * 1_000_000) * span * 1_000_000 }
  }

  /// A few scripts to choose from.
  static func behaviours(_ seed: inout Seed) -> [Behaviour] {
    (1...4).map { version in
      var rhythms: [Rhythm] = []
      for name in ["t1", "t2", "t3"] where !seed.oneIn(3) {
        let missed = [Rhythm.Missed.once, .skip, .all][seed.below(3)]
        // A jump of two days must not be too many runs.
        let span = missed == .all ? [300, 3600, 3600][seed.below(3)] : [1, 7, 300, 3600][seed.below(4)]
        rhythms.append(Rhythm(name: name, span: Int64(span), missed: missed, isCron: span >= 300 && seed.oneIn(2)))
      }
      if rhythms.isEmpty { rhythms = [Rhythm(name: "t1", span: 3600, missed: .all, isCron: false)] }
      return Behaviour(
        name: name, version: version, hears: [], fromStart: false, key: .subject, attempts: 1, first: 0, factor: 1,
        cap: 0, jitter: 0, skips: false, rhythms: rhythms)
    }
  }
}

extension Simulator {
  /// Scripts of a deploy, now and then with other schedules, or with none.
  func withClockwork(_ behaviours: [Behaviour]) -> [Behaviour] {
    guard swarm.hasClockwork else { return behaviours }
    let others = behaviours.filter(\.rhythms.isEmpty)
    return seed.oneIn(8) ? others : others + [clockworks[seed.below(clockworks.count)]]
  }

  /// At the end: what is due is made, however often the clock goes on, and then the schedules go.
  func endClockwork() throws {
    guard swarm.hasClockwork else { return }
    for _ in 0..<10 {
      try makeRuns()
      advanceToDue()
    }
    try makeRuns()
    // What runs, since a deploy of anything else may be refused.
    folder = (oracle.generations.last ?? folder).filter(\.rhythms.isEmpty)
    deploy(folder)
  }

  private static var pauseAfterFullDisk: Int64 { EngineSettings().fullDiskPause }

  private func makeRuns() throws {
    for _ in 0..<2000 {
      try round()
      guard let core = machine.core else { throw Violation(.ends, "the host has ended without a fault") }
      guard let late = oracle.rhythms.first(where: { $0.next <= core.now }) else { return }
      if core.nextDue.map({ $0 > core.now }) ?? true, !machine.hasInputs, machine.out.isEmpty, machine.reads.isEmpty {
        // After a full disk the host waits for a moment before it writes again.
        if let due = core.nextDue, due <= core.now + Self.pauseAfterFullDisk {
          advanceToDue()
          continue
        }
        throw Violation(.ends, "\(late.rhythm.name) is due at \(late.next), and is not made at \(core.now)")
      }
    }
    throw Violation(.ends, "the schedules never come to rest")
  }
}
