import DequeModule
import Events
import LogStorage

/// Commands that operators give up: that is their outcome.
extension EngineCore {
  private static let reason = "an operator has discarded it"

  /// Of dead letters. Who sent them from a script is told in `events`.
  func discarded(_ letters: [DeadLetter], told events: EntryBatch, _ job: OperatorJob) -> [OutcomeRecord] {
    let record = OutcomeRecord(.discarded, letters.map(\.position), reason: Self.reason)
    for letter in letters {
      job.events[letter.position]?.withUnsafeBytes { bytes in
        events.addAnswer(to: EntryView(bytes.baseAddress!), at: letter.position, record)
      }
    }
    return [record]
  }

  /// Of everything that waits for a reader that is forgotten.
  func encodeDiscarded(allOf reader: ReaderState, _ job: OperatorJob) {
    var positions: Set<UInt64> = []
    for key in reader.blocked.all { positions.formUnion(reader.blocked[key]?.queue ?? []) }
    reader.letters.forEach { letter in
      positions.insert(letter.position)
      return true
    }
    guard !positions.isEmpty else { return }
    job.discarded = [OutcomeRecord(.discarded, positions.sorted(), reason: Self.reason)]
    for record in job.discarded { record.encode(into: &scratch) }
  }
}
