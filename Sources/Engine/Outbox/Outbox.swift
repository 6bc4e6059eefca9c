import DequeModule
import Events
import LogStorage
import Scripts

/// What the engine knows of a destination besides the log: attempts under way, and messages that were looked at and are
/// not yet in a record. Lost in a crash, and no loss: what is not in the log as delivered is delivered again.
///
/// It is a window over the log. Every message up to the reader's `scanned` is delivered, under way, or waits for its key;
/// a record says of each that is not delivered that it waits, so that the cursor can go on over slow ones.
struct Outbox {
  /// Messages that were looked at and are in no record; the destination reads no further before they are.
  static let mostUnrecorded = 1024
  /// Messages behind keys that wait, before the destination reads no further.
  static let mostWaiting = 100_000
  /// How long results wait for others to come, so that they share a record (µs).
  static let recordSpacing: Int64 = 5000
  /// So many results make a record at once.
  static let fullRecord = 256
  /// A record ends when what it tells those who asked has so many bytes: an answer may have 256 KiB, and a thousand may be
  /// under way.
  static let toldBytes = 2 << 20

  struct Flight {
    var serial: UInt64
    var key: KeyBytes
    /// Of the declaration that it was made by.
    var scriptHash: ContentHash
    /// The log says that it waits.
    var isRecorded: Bool
    /// When it went out (monotonic, ns).
    var began: Int64
  }

  /// A key with an attempt under way, or with results or followers that are in no record yet.
  struct KeyWork {
    var flight: UInt64?
    /// Delivered and in no record.
    var delivered: [UInt64] = []
    /// Follow what the log says that waits.
    var ahead: Deque<UInt64> = []
    /// Its head has failed, which the log does not say yet.
    var isFailing = false

    var isIdle: Bool { flight == nil && delivered.isEmpty && ahead.isEmpty && !isFailing }
  }

  struct Ended {
    var position: UInt64
    var key: KeyBytes
    var isRecorded: Bool
    var outcome: DeliveryOutcome
    var scriptHash: ContentHash
    var chunk: LogChunk?
  }

  var flights: [UInt64: Flight] = [:]
  var keys: [KeyBytes: KeyWork] = [:]
  /// Followers of keys that wait: by key, ascending.
  var queued: [KeyBytes: [UInt64]] = [:]
  /// Messages in `queued` and in the keys' `ahead`.
  var waiting = 0
  var ended: [Ended] = []
  /// When the first of what is to be recorded came (µs); 0: nothing is.
  var unrecordedSince: Int64 = 0
  var hasFailures = false
  /// Of a destination with one target.
  var breaker = Breaker()
  /// Of a destination with a target for each document: by key, which is the target's; none: closed, and without failures.
  var breakers: [KeyBytes: Breaker] = [:]
  private var serial: UInt64 = 0

  /// Nothing is known here that the log does not say.
  var isIdle: Bool { flights.isEmpty && keys.isEmpty && queued.isEmpty && ended.isEmpty }

  var isReading: Bool { waiting + flights.count < Self.mostUnrecorded && ended.count < Self.mostUnrecorded }

  /// Not before this time (µs) may a message of the key go out.
  func isResting(_ key: KeyBytes, at now: Int64) -> Bool { breakers[key].map { $0.openUntil > now } ?? false }

  mutating func nextSerial() -> UInt64 {
    serial += 1
    return serial
  }

  /// When what is known here is to be written down; nil: there is nothing.
  var recordDue: Int64? {
    guard !ended.isEmpty || waiting > 0 else { return nil }
    let isFull = ended.count >= Self.fullRecord || waiting >= Self.mostUnrecorded / 2
    if hasFailures || isFull || flights.isEmpty { return 0 }
    return unrecordedSince + Self.recordSpacing
  }

  mutating func noteUnrecorded(at now: Int64) {
    if unrecordedSince == 0 { unrecordedSince = now }
  }

  /// What was framed last, everything that was known then, is in the log as this record: the first `count` results as
  /// such, the others as messages that wait. Gives the keys whose heads have failed.
  mutating func recorded(_ record: ProgressRecord, results count: Int) -> Set<KeyBytes> {
    var failed: Set<KeyBytes> = []
    for ended in ended.prefix(count) {
      keys[ended.key]?.delivered.removeAll { $0 == ended.position }
      if case .failed = ended.outcome {
        keys[ended.key]?.isFailing = false
        failed.insert(ended.key)
      }
    }
    for units in record.queued {
      for position in units.positions { flights[position]?.isRecorded = true }
      keys[units.key]?.ahead = []
    }
    ended.removeFirst(count)
    for index in ended.indices { ended[index].isRecorded = true }
    (queued, waiting) = ([:], 0)
    if ended.isEmpty { unrecordedSince = 0 }
    hasFailures = ended.contains { if case .failed = $0.outcome { true } else { false } }
    keys = keys.filter { !$0.value.isIdle }
    return failed
  }

  /// Forgets all of it: attempts that are under way count for nothing.
  mutating func forget() {
    let last = serial
    self = Outbox()
    serial = last
  }
}
