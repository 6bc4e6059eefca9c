import Engine
import LogStorage
import TestKit

/// What a run may do and how often: some operations off, others frequent, so that rare things come in heaps.
struct Swarm {
  enum Step: String, CaseIterable {
    case append, burst, duplicate, conflict, expecting, stream
    case turn, work, sync, index, read, wait, due
    case deploy, verb, letters, list
    case loseWorker, haunt, jump, snapshot, check
    case crash, crashInside, kill, stop, fill, failSync, badReads
  }

  private(set) var weights: [(step: Step, weight: Int)] = []
  private let total: Int
  let steps: Int
  /// What events and consumers are like.
  let subjects: Int
  let failures: Int
  let slowness: Int
  let hops: Int
  /// One in so many events sets a timer or cancels one; 0: none.
  let timers: Int
  /// Whether there are accounts and commands.
  let hasBank: Bool
  /// Whether there are schedules.
  let hasClockwork: Bool
  /// Whether there is a process beside the accounts.
  let hasErrands: Bool
  /// Whether the process hears something by the subjects that its starts name.
  let hasBells: Bool

  init(_ seed: inout Seed, hasBank: Bool, hasClockwork: Bool, hasErrands: Bool, hasBells: Bool) {
    (self.hasBank, self.hasClockwork, self.hasErrands, self.hasBells) = (hasBank, hasClockwork, hasErrands, hasBells)
    var weights: [(Step, Int)] = []
    for step in Step.allCases {
      let weight: Int
      switch step {
      case .turn, .work: weight = [8, 14, 20][seed.below(3)]
      case .append, .sync, .read: weight = [3, 8, 14][seed.below(3)]
      case .index, .due: weight = [1, 3, 6][seed.below(3)]
      case .crash, .crashInside, .kill, .stop, .failSync, .burst: weight = [0, 0, 1, 1, 2][seed.below(5)]
      default: weight = [0, 1, 1, 2, 6][seed.below(5)]
      }
      let least = hasErrands ? Self.forErrands[step] ?? 0 : 0
      if max(weight, least) > 0 { weights.append((step, max(weight, least))) }
    }
    self.weights = weights
    total = weights.reduce(0) { $0 + $1.1 }
    steps = [60, 150, 300, 500][seed.below(4)]
    subjects = [1, 3, 8, 30][seed.below(4)]
    failures = [0, 2, 4, 10][seed.below(4)]
    slowness = [0, 0, 3000, 9000][seed.below(4)]
    hops = [0, 1, 1, 2][seed.below(4)]
    timers = [0, 2, 4, 10][seed.below(4)]
  }

  /// What makes instances begin, end, and change their scripts.
  private static let forErrands: [Step: Int] = [.append: 16, .due: 4, .deploy: 2, .verb: 3]

  func next(_ seed: inout Seed) -> Step {
    var choice = seed.below(total)
    for (step, weight) in weights {
      choice -= weight
      if choice < 0 { return step }
    }
    return .turn
  }

  static func options(_ seed: inout Seed) -> LogOptions {
    var options = LogOptions()
    options.ownThreads = false
    options.segmentBytes = [4096, 16 << 10, 64 << 10, 1 << 20][seed.below(4)]
    options.preparedBytes = [0, 0, 4096][seed.below(3)]
    options.limits = LogLimits(
      maxGroupBytes: 4 << 20, maxUnsyncedBytes: (4 << 20) + [16 << 10, 256 << 10][seed.below(2)])
    options.witnessSpacing = [1000, 1_000_000, 1_000_000_000][seed.below(3)]
    return options
  }

  static func settings(_ options: LogOptions, _ seed: inout Seed) -> EngineSettings {
    var settings = EngineSettings()
    settings.tailBytes = [1, 4096, 64 << 10, 32 << 20][seed.below(4)]
    settings.unsyncedLimit = options.limits.maxUnsyncedBytes - options.limits.maxGroupBytes
    settings.turnBytes = [2048, 32 << 10, 1 << 20][seed.below(3)]
    settings.queueLimit = [10, 100, 1_000_000][seed.below(3)]
    settings.workers = 1 + seed.below(3)
    return settings
  }
}
