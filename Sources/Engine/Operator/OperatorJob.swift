/// A verb on its way through the engine, answered exactly once, when it is durable.
///
/// `@unchecked Sendable`: the caller builds it and hands it over; from then on the engine thread alone touches it, but for
/// the time in which the reader thread fetches events for it.
package final class OperatorJob: @unchecked Sendable {
  package enum Verb {
    case reader(ReaderVerb, name: String, complete: (ReaderOutcome) -> Void)
    case letters(LetterVerb, LetterSelection, complete: (LetterOutcome) -> Void)
  }

  let verb: Verb
  /// The readers that it may speak of.
  let scope: ReaderScope
  /// Who acts; kept in the log.
  let by: String

  /// The readers whose batches it waits for; while it waits they get no other.
  var readers: [UInt32] = []
  /// Of letters: what is still to do, the next part last.
  var parts: [(reader: UInt32, letters: [LetterID])] = []
  var receipt = LetterReceipt()
  /// The events of the next part's letters, by position, once they were read.
  var events: [UInt64: [UInt8]] = [:]
  var readFailure: String?
  var isReading = false
  var hasRead = false
  /// The keys whose letters or units are in the group, as they were before.
  var touched: [(key: KeyBytes, before: BlockedSummary)] = []
  /// Outcomes of commands that it gives up.
  var discarded: [OutcomeRecord] = []
  /// What is in the group is not all of it.
  var isPart = false
  /// Of an aggregate that is forgotten: keys that wait, the next one last. Some may have been freed since.
  var keys: [KeyBytes] = []
  /// Of a verb on a reader: what waited before.
  var before = (units: 0, letters: 0)
  /// What a verb on a reader is answered with once it is durable.
  var outcome: ReaderOutcome?

  package init(_ verb: Verb, in scope: ReaderScope = .all, by: String) {
    (self.verb, self.scope, self.by) = (verb, scope, by)
  }
}
