/// Turns the wall clock into commit times: never going back, and not following a jump ahead of more than a day while
/// the host runs (faults 41–43).
package struct CommitClock: Sendable {
  /// The longest jump ahead that is followed, in µs.
  package static let longestJump: Int64 = 24 * 3_600_000_000
  /// Steps back up to here are what a time server does to a clock now and then: not worth telling.
  static let shortestStepBack: Int64 = 1_000_000

  /// How the wall clock and the time we give agree.
  package enum Agreement: Equatable, Sendable {
    case same
    /// The wall clock is so many µs ahead, and not followed.
    case ahead(Int64)
    /// The wall clock is so many µs before the last commit: time stands still until it has caught up.
    case behind(Int64)
  }

  package private(set) var agreement = Agreement.same

  private var last: Int64
  private var lastMonotonic: Int64?
  private let acceptsJumps: Bool

  /// `last`: the time of the last commit in the log (µs).
  package init(last: Int64, acceptsJumps: Bool) {
    self.last = last
    self.acceptsJumps = acceptsJumps
  }

  /// The time of a turn (µs since 1970). `wall` in µs since 1970, `monotonic` in ns.
  package mutating func time(wall: Int64, monotonic: Int64) -> Int64 {
    defer { lastMonotonic = monotonic }
    var time = wall
    agreement = last - wall > Self.shortestStepBack ? .behind(last - wall) : .same
    if let lastMonotonic, !acceptsJumps {
      let expected = last + (monotonic - lastMonotonic) / 1000
      if wall - expected > Self.longestJump {
        agreement = .ahead(wall - expected)
        time = expected
      }
    }
    last = max(last, time)
    return last
  }
}

extension CommitClock.Agreement {
  /// What an operator is told; nil when all is well.
  package var note: String? {
    switch self {
    case .same: nil
    case .ahead(let time):
      """
      the clock of this machine is \(Self.text(time)) ahead: a jump of more than a day is not followed; set the clock \
      right, or start with --accept-clock if it is
      """
    case .behind(let time):
      """
      the clock of this machine is \(Self.text(time)) before the last commit: time stands still until it has caught up, \
      and what is to be tried again waits
      """
    }
  }

  /// Whether `other` is the same case.
  func isLike(_ other: Self) -> Bool {
    switch (self, other) {
    case (.same, .same), (.ahead, .ahead), (.behind, .behind): true
    default: false
    }
  }

  private static func text(_ microseconds: Int64) -> String {
    let seconds = microseconds / 1_000_000
    if seconds >= 2 * 86_400 { return "\(seconds / 86_400) days" }
    if seconds >= 2 * 3600 { return "\(seconds / 3600) hours" }
    return seconds >= 120 ? "\(seconds / 60) minutes" : "\(seconds) seconds"
  }
}
