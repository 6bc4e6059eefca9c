import DequeModule
import Events
import LogStorage
import Scripts

/// What the engine knows of a reader besides the log: where its live cursor is and what is out. Lost in a crash, and
/// no loss.
struct ReaderRuntime {
  /// The consumer's index in the running generation; nil while removed.
  var consumer: Int?
  var hearing: HearingTable?
  var hasDefaultKey = true
  /// The kind of entries that it hears.
  var hears = RecordKind.event
  /// Of an aggregate.
  var subjects = SubjectCache()
  /// How often a subject's commands were decided on an old state in a row, by its hash.
  var contended: [UInt64: Int] = [:]
  /// Whether its script declares a state.
  var hasState = false
  /// Whether what it remembers are instances, and when those are called without an event.
  var keepsInstances = false
  var wakes = WakeQueue()
  /// Of a process: what it hears when it is addressed to an instance.
  var heardByAddress: [TypePattern] = []
  /// Of a process that hears by names.
  var listening: ListeningTable?

  /// Everything up to here is handed out, queued or not heard.
  var scanned: UInt64
  /// Everything up to here is in commits, or not heard.
  var committed: UInt64
  /// The current number of its batches.
  var batchNumber: UInt64 = 0
  var out: Batch?
  /// Batches that came back and whose commits are not yet appended.
  var finished = 0
  /// How many units the next batch may have: grows while batches are quick.
  var batchLimit = 64

  /// Where it stands in the chunk that it last looked at.
  var walk: HeardEntries?
  /// What the reader thread read behind the tail.
  var fetched: LogChunk?
  var isFetching = false
  /// After a failed read: not before this time (µs).
  var fetchAgainAt: Int64 = 0

  var blockedHashes = BlockedHashes()
  /// Keys whose next try is due.
  var due: Deque<KeyBytes> = []
  /// Verbs that wait for its batch to be committed: until they are done it gets no other.
  var waitingVerbs = 0
  /// What it remembers, when it has a state.
  var states = StateCache()
  /// Of a destination: its attempts under way.
  var outbox: Outbox?
  /// Calls that did not come back: their units fail without being called again.
  var lost: [LostCall] = []

  init(cursor: UInt64) {
    scanned = cursor
    committed = cursor
  }

  /// The cursor to show and to write down.
  var liveCursor: UInt64 { isQuiet ? scanned : committed }

  /// Work is with others and will come back.
  var isOut: Bool { out != nil || outbox?.flights.isEmpty == false }

  /// Everything that was begun is in commits.
  var isQuiet: Bool { out == nil && finished == 0 && outbox?.isIdle ?? true }

  var stuckCalls: Int { lost.count { !$0.isBack } }

  /// Reads again what lies after `cursor`. Nothing is out.
  mutating func goBack(to cursor: UInt64) {
    scanned = cursor
    committed = cursor
    forgetRead()
  }

  /// What was read and found was for another cursor, or another hearing.
  mutating func forgetRead() {
    fetched = nil
    walk = nil
  }
}

/// When blocked keys are tried again, soonest first.
struct RetryEntry: Comparable {
  var due: Int64
  var reader: UInt32
  var key: KeyBytes

  /// A total order, so that a turn that is taken again does the same in the same order.
  static func < (left: RetryEntry, right: RetryEntry) -> Bool {
    if left.due != right.due { return left.due < right.due }
    if left.reader != right.reader { return left.reader < right.reader }
    return left.key.bytes.lexicographicallyPrecedes(right.key.bytes)
  }
}
