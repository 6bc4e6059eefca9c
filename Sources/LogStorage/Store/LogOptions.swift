/// How a log is opened. The first three are taken when the log is made and are read from it afterwards.
package struct LogOptions: Sendable {
  package var clockMode = ClockMode.host
  /// The `source` of events made here; nil: `moondance:<log id>`.
  package var name: String?
  package var limits = LogLimits()

  /// A segment that would grow beyond this is sealed.
  package var segmentBytes = 256 << 20
  /// At least this long between two syncs, in nanoseconds; acknowledgements still wait for them.
  package var syncSpacing: UInt64 = 0
  /// How many zeros are written ahead of small groups, so that their syncs are short; 0: none.
  package var preparedBytes = 256 << 10
  /// At most once in this many nanoseconds the witness file is written while commits become durable.
  package var witnessSpacing: UInt64 = 1_000_000_000
  /// With threads of its own the log needs the system's clock; without, it is worked by whoever calls
  /// `FileJournal.syncOnce` and `LogIndexer.workOnce`.
  package var ownThreads = true
  /// Called on the sync thread after each sync of commits with how long it took, in nanoseconds: be quick.
  package var didSync: (@Sendable (_ nanoseconds: UInt64) -> Void)?
  /// What else is known to have been durable, such as the position of a view: a log that ends before is refused.
  package var claims: [DurableClaim] = []

  package init() {}

  func check() throws(LogError) {
    if !limits.areSound || limits.maxGroupBytes > limits.maxUnsyncedBytes {
      throw LogError(.options, "maxGroupBytes must be 4 KiB to 1 GiB, and maxUnsyncedBytes at least as much")
    }
    if !(4096...(2 << 30)).contains(segmentBytes) {
      throw LogError(.options, "a segment must have 4 KiB to 2 GiB, not \(segmentBytes) bytes")
    }
    if !(0...(16 << 20)).contains(preparedBytes) {
      throw LogError(.options, "at most 16 MiB are prepared ahead, not \(preparedBytes) bytes")
    }
    if let name, !(1...LogIdentity.maximumNameBytes).contains(name.utf8.count) {
      throw LogError(.options, "the name of a log must have 1 to \(LogIdentity.maximumNameBytes) bytes: \(name)")
    }
  }
}

/// Somebody who has seen durable entries up to a position.
package struct DurableClaim: Sendable {
  /// For people: "views.db", "the snapshot 1234.snap".
  package var who: String
  package var position: UInt64
  /// The log that it speaks of; nil: whichever is opened. It says nothing about another one.
  package var log: LogID?

  package init(who: String, position: UInt64, log: LogID? = nil) {
    self.who = who
    self.position = position
    self.log = log
  }
}
