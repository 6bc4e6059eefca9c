internal import Wire

/// Decides when a connection has had enough time. A value: bytes, parts and ticks go in, verdicts come out.
///
/// Times are nanoseconds of one clock that does not go back.
struct ConnectionClock {
  enum Verdict: Equatable {
    case wait
    /// Close without a word: nobody waits for an answer.
    case close
    /// Reset: the peer takes nothing, so what waits for it in the kernel is not worth its memory.
    case reset
    /// Answer with a problem and close.
    case refuse(ProblemKind)
  }

  private enum Reading {
    /// Between requests.
    case idle(since: UInt64)
    /// The headers are on their way.
    case head(since: UInt64)
    /// The body is on its way. A stream may go on for as long as bytes come.
    case body(since: UInt64, isStream: Bool)
  }

  private let header: UInt64
  private let request: UInt64
  private let idle: UInt64
  private let stall: UInt64

  private var reading: Reading
  /// Requests whose answer has not ended.
  private var unanswered = 0
  private var lastByte: UInt64
  /// Whether we have asked for more bytes: while we have not, their absence is our doing.
  private var hasAsked = true
  private var stalledSince: UInt64?

  init(limits: DoorLimits, now: UInt64) {
    header = limits.headerTime.nanoseconds
    request = limits.requestTime.nanoseconds
    idle = limits.idleTime.nanoseconds
    stall = limits.stallTime.nanoseconds
    reading = .idle(since: now)
    lastByte = now
  }

  /// Whether a request is being read or answered.
  var isBusy: Bool {
    if case .body = reading { return true }
    return unanswered > 0
  }

  /// Whether headers have begun and not ended.
  var isInHead: Bool {
    if case .head = reading { return true }
    return false
  }

  mutating func asked(now: UInt64) {
    if !hasAsked { lastByte = now }
    hasAsked = true
  }

  mutating func received(now: UInt64) {
    lastByte = now
    hasAsked = false
    if case .idle = reading { reading = .head(since: now) }
  }

  mutating func headEnded(isStream: Bool, now: UInt64) {
    var start = now
    if case .head(let since) = reading { start = since }
    reading = .body(since: start, isStream: isStream)
    unanswered += 1
  }

  mutating func requestEnded(now: UInt64) { reading = .idle(since: now) }

  /// The bytes of a read are used up, and what is left of them begins no further request.
  mutating func answerEnded(now: UInt64) {
    unanswered = max(0, unanswered - 1)
    switch reading {
    case .idle: reading = .idle(since: now)
    // It could not get on while the answer before it was made.
    case .head: reading = .head(since: now)
    case .body: break
    }
  }

  mutating func writable(_ isWritable: Bool, now: UInt64) { stalledSince = isWritable ? nil : stalledSince ?? now }

  func verdict(now: UInt64) -> Verdict {
    if let stalledSince, now >= stalledSince + stall { return .reset }
    switch reading {
    case .idle(let since):
      return unanswered == 0 && now >= since + idle ? .close : .wait
    case .head(let since):
      return unanswered == 0 && now >= since + header ? .refuse(.requestTimeout) : .wait
    case .body(let since, let isStream):
      if unanswered > 1 { return .wait }
      if isStream { return hasAsked && now >= lastByte + idle ? .refuse(.requestTimeout) : .wait }
      return now >= since + request ? .refuse(.requestTimeout) : .wait
    }
  }
}

extension Duration {
  /// Whole nanoseconds; of a negative duration none.
  var nanoseconds: UInt64 {
    let (seconds, attoseconds) = components
    return seconds < 0 ? 0 : UInt64(seconds) * 1_000_000_000 + UInt64(max(0, attoseconds) / 1_000_000_000)
  }
}
