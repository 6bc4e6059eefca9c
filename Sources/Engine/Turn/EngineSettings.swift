package import LogStorage

package struct EngineSettings: Sendable {
  /// Bytes of the newest part of the log that stay in memory.
  package var tailBytes = 32 << 20
  /// Appending pauses while more than this is not yet durable.
  package var unsyncedLimit = 48 << 20
  /// Ingress of one turn, in bytes.
  package var turnBytes = 4 << 20
  /// Entries that all readers together look at in one turn, so that a turn is short also with a thousand readers. Half of
  /// it is for those whose batches have just come back.
  package var scanPerTurn = 1 << 18
  /// Instances of processes that one turn looks at for those who list them.
  package var instancesPerTurn = 1 << 14
  /// How long to wait after the disk was full, in µs.
  package var fullDiskPause: Int64 = 500_000
  /// Queued units a reader may have before it stops reading.
  package var queueLimit = 1_000_000
  /// Bytes of consumers' states that stay in memory, of all consumers together.
  package var stateCacheBytes = 64 << 20
  package var workers = 2
  /// A call that lasts longer is given up with its worker, in µs. Longer than four times a call's time limit, which is
  /// what a call may take on a busy machine.
  package var stuckAfter: Int64 = 2_000_000
  /// How long a stop waits for calls that do not come back, in µs.
  package var stopGrace: Int64 = 2_000_000
  package var acceptsClockJumps = false
  /// Commit times come from the events (`run --clock events`).
  package var clockIsEvents = false
  package var version = "0"
  package init() {}
}

/// What a start found in the log.
package struct EngineStart {
  package var identity: LogIdentity
  package var control: ControlState
  package var logBytes: UInt64

  /// The older generations, and the last one, as far as instances of processes run on them.
  package var pinned: [RunningGeneration]

  package init(
    identity: LogIdentity, control: ControlState, logBytes: UInt64, pinned: [RunningGeneration] = []
  ) {
    (self.identity, self.control, self.logBytes, self.pinned) = (identity, control, logBytes, pinned)
  }
}
