import Events
import LogStorage
import Scripts

/// What a batch of commands carries besides its units: what their states are made of, and what became of them.
///
/// Its owner changes as the batch's does: the engine, then workers that only read it, then the engine.
package final class AggregateWork {
  let declaration: AggregateDeclaration
  /// The head of the log when the batch was handed out: states hold every event up to here.
  package var asOf: UInt64
  /// Up to where the log's index can be asked.
  let durable: (position: UInt64, commit: UInt64)
  /// The newest part of the log, in memory: all that is after that, and some before.
  var recent: [LogChunk] = []
  var known: [KeyBytes: KnownSubject] = [:]
  /// Events that known states have missed and that are in memory, with their commit times.
  var missed: [UInt64: (entry: EntryView, recorded: Int64)] = [:]
  /// Subjects, by their hashes, that were decided on old states again and again: until this batch is back nobody else
  /// appends events to them.
  var reserved: Set<UInt64> = []

  // Set by the engine when the batch is back.

  /// Units that were decided on a state that is not the newest any more: they never happened.
  var setAside: Set<Int> = []
  /// Subjects whose states, as a worker left them, hold what never happened.
  var spoilt: Set<UInt64> = []
  /// What the commit says of its commands.
  var outcomes: [OutcomeRecord] = []

  init(_ declaration: AggregateDeclaration, asOf: UInt64, durable: (position: UInt64, commit: UInt64)) {
    (self.declaration, self.asOf, self.durable) = (declaration, asOf, durable)
  }
}

/// What a worker has made of one shard of commands.
final class AggregateShard {
  /// The units that were decided; the others failed or were passed over.
  var rejections: [Int: String] = [:]
  /// States as the units that were accepted so far leave them.
  var subjects: [KeyBytes: SubjectState] = [:]
  /// Effects, by their index in the shard, that change the state of a subject, by the subject's hash.
  var written: [UInt64: [Int]] = [:]
  /// Where the recent events of each subject are; made when it is first needed.
  var recent: [UInt64: [(chunk: LogChunk, position: UInt64)]]?
}
