/// Turns the wall clock into commit times: never going back, and not following a jump ahead of more than a day while
/// the host runs (faults 41–43).
package struct CommitClock: Sendable {
  /// The longest jump ahead that is followed, in µs.
  package static let longestJump: Int64 = 24 * 3_600_000_000

  private var last: Int64
  private var lastMonotonic: Int64?
  /// How far the wall clock is ahead of the time we follow, while a jump is refused; else 0.
  package private(set) var refusedJump: Int64 = 0
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
    if let lastMonotonic, !acceptsJumps {
      let expected = last + (monotonic - lastMonotonic) / 1000
      if wall - expected > Self.longestJump {
        refusedJump = wall - expected
        time = expected
      } else {
        refusedJump = 0
      }
    }
    last = max(last, time)
    return last
  }
}
