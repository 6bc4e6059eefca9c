internal import Engine
internal import Events

/// Keeps the books of a stream's chunks: which are under way, what is in, and what failed first. Outcomes may come in
/// any order; they are booked in the order of the chunks.
struct StreamLedger {
  struct Failure {
    let chunk: StreamChunk
    let outcome: AppendOutcome
    /// The failed chunk and those after it, which are not in either.
    var unbooked: [StreamChunk]
  }

  /// Of the first and last event that is in.
  private(set) var first: Position?
  private(set) var last: Position?
  private(set) var count = 0
  private(set) var duplicates = 0
  private(set) var inFlight = 0

  private var submitted: [StreamChunk] = []
  private var outcomes: [Int: AppendOutcome] = [:]

  mutating func submit(_ chunk: StreamChunk) {
    submitted.append(chunk)
    inFlight += 1
  }

  mutating func complete(_ number: Int, _ outcome: AppendOutcome) {
    inFlight -= 1
    outcomes[number] = outcome
    while let chunk = submitted.first, case .appended(let first, let last, _, let duplicates) = outcomes[chunk.number] {
      outcomes[chunk.number] = nil
      submitted.removeFirst()
      book(chunk, first, last, duplicates)
    }
  }

  mutating func book(_ chunk: StreamChunk, _ first: Position, _ last: Position, _ duplicates: Int) {
    self.first = self.first ?? first
    self.last = last
    count += chunk.batch.count
    self.duplicates += duplicates
  }

  /// Whether the first chunk that is not in has failed.
  var hasFailed: Bool { submitted.first.map { outcomes[$0.number] != nil } ?? false }

  /// What failed first, taken out of the books with everything after it, once nothing is under way any more.
  mutating func takeFailure() -> Failure? {
    guard inFlight == 0, let chunk = submitted.first, let outcome = outcomes[chunk.number] else { return nil }
    var unbooked: [StreamChunk] = []
    for chunk in submitted {
      // None follows one that failed; if one did all the same, it must not be sent twice.
      if case .appended(let first, let last, _, let duplicates) = outcomes[chunk.number] {
        book(chunk, first, last, duplicates)
      } else {
        unbooked.append(chunk)
      }
    }
    submitted = []
    outcomes = [:]
    return Failure(chunk: chunk, outcome: outcome, unbooked: unbooked)
  }
}
