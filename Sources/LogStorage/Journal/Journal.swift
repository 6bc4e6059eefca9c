package import Events
package import Platform

/// Up to where the log is durable.
package struct DurablePoint: Sendable, Equatable {
  /// The number of the last durable commit; 0: none.
  package var commit: UInt64
  /// The last durable position.
  package var position: Position
  /// The commit time (µs) of that commit.
  package var time: Int64

  package init(commit: UInt64, position: Position, time: Int64) {
    self.commit = commit
    self.position = position
    self.time = time
  }
}

/// Why a group was not appended, or why the journal has ended.
package enum JournalError: Error, Sendable, CustomStringConvertible {
  /// No room: nothing of the group is in the log, everything is as before. It may be tried again (docs/faults, L2).
  case noSpace(FileError)
  /// Final. What was appended and not reported durable may or may not be in the log; the process must end (L3).
  case failed(FileError)
  /// Final. Another host has taken the log over; the process must end.
  case fenced(String)

  package var description: String {
    switch self {
    case .noSpace(let error): "no room for the log: \(error)"
    case .failed(let error): "the log cannot go on: \(error)"
    case .fenced(let reason): "another host has taken over the log: \(reason)"
    }
  }
}

/// What a journal tells while it runs.
package enum JournalReport: Sendable {
  /// Everything up to here is durable. Points only grow.
  case durable(DurablePoint)
  /// The last report: `.failed` or `.fenced`.
  case ended(JournalError)
}

/// Decides when a group is durable. The engine appends; whoever must wait for durability listens to the reports.
///
/// `start` once, before anything else. `append`, `sync` and `hasRoom` belong to one thread, the engine's. Reports come one at
/// a time, on a thread of the journal's, or on the caller's of `syncHere` and of what ends it; handlers must be quick and
/// must not call the journal.
package protocol Journal: AnyObject, Sendable {
  func start(_ report: @escaping @Sendable (JournalReport) -> Void)

  /// Takes a group that follows the one before it. On return it is written and visible to readers, but not durable, nor
  /// on the way there before `sync`. Groups may be appended without waiting for earlier ones; when too much is not
  /// durable, it waits for room.
  func append(_ group: LogChunk) throws(JournalError)

  /// Everything appended so far is to become durable. The engine's thread; returns at once.
  func sync()

  /// Makes everything appended so far durable before it returns, and reports it on the calling thread, the engine's: saves
  /// the wakes of another thread, for one that would only wait for it. Returns false when that would not
  /// be as quick as it usually is, or when there was no room: `sync` is for that.
  func syncHere() -> Bool

  /// Whether a group of `bytes` would be appended without waiting.
  func hasRoom(for bytes: Int) -> Bool

  /// After `.noSpace`: does what a group of `bytes` needs besides being written, and so finds out whether there is room
  /// again. The engine's thread. Nothing is in the log afterwards that was not there before.
  func makeRoom(for bytes: Int) throws(JournalError)

  /// The first position of the segment that is being written. The engine's thread.
  var activeFirstPosition: Position { get }

  /// Up to where the log is durable now. Any thread.
  var durable: DurablePoint { get }

  /// Makes everything appended durable, reports it and ends the journal in good order. The last call.
  func stop() throws(JournalError)
}

extension Journal {
  /// A journal without a disk always has room.
  package func makeRoom(for bytes: Int) throws(JournalError) {}

  /// A journal whose syncs somebody else drives.
  package func sync() {}
  package func syncHere() -> Bool { false }
}
