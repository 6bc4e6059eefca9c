/// The circuit breaker of a destination. While it is open nothing is attempted but, now and then, one message to see
/// whether the far side is back; what fails then is neither counted nor recorded.
struct Breaker {
  /// So many failures without an answer in between open it. Of refusals each key counts once: a message that is refused
  /// over and over says nothing about the far side.
  static let tolerance = 5
  static let shortestPause: Int64 = 1_000_000
  static let longestPause: Int64 = 60_000_000

  private var unanswered = 0
  private var refused: Set<KeyBytes> = []
  private var pause = Self.shortestPause
  /// Closed when 0; else nothing is attempted before this time (µs).
  private(set) var openUntil: Int64 = 0
  /// Why it is open, for people.
  private(set) var reason = ""

  var isOpen: Bool { openUntil > 0 }

  /// How many more attempts may be under way.
  func room(now: Int64, under way: Int, most: Int) -> Int {
    if !isOpen { return max(0, most - way) }
    return now >= openUntil && way == 0 ? 1 : 0
  }

  /// The far side took a message, or answered what is no failure of its own.
  mutating func succeeded() { self = Breaker() }

  /// False: the failure counts for the message. True: it is the far side's, and the message waits as if it had not been
  /// tried.
  mutating func absorbs(_ failure: DeliveryFailure, key: KeyBytes, now: Int64) -> Bool {
    if failure.kind == .impossible { return false }
    if let retryAfter = failure.retryAfter {
      open(until: now + max(retryAfter, 1), failure)
      return true
    }
    if isOpen {
      if now < openUntil { return failure.kind == .unavailable }
      pause = min(2 * pause, Self.longestPause)
      open(until: now + pause, failure)
      return true
    }
    switch failure.kind {
    case .unavailable: unanswered += 1
    case .refused: refused.insert(key)
    case .impossible: break
    }
    if unanswered + refused.count >= Self.tolerance { open(until: now + pause, failure) }
    return false
  }

  private mutating func open(until time: Int64, _ failure: DeliveryFailure) {
    openUntil = time
    reason = failure.message
    (unanswered, refused) = (0, [])
  }
}
