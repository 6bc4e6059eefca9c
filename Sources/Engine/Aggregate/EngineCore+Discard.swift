import DequeModule
import Events
import LogStorage

/// Commands that operators give up: that is their outcome.
extension EngineCore {
  private static let reason = "an operator has discarded it"

  /// Who sent them from a script is told in `events`.
  func discarded(_ positions: [UInt64], told events: EntryBatch, _ job: OperatorJob) -> [OutcomeRecord] {
    let record = OutcomeRecord(.discarded, positions, reason: Self.reason)
    for position in positions {
      job.events[position]?.withUnsafeBytes { bytes in
        events.addAnswer(to: EntryView(bytes.baseAddress!), at: position, record)
      }
    }
    return [record]
  }

  // MARK: of an aggregate that is forgotten

  /// Commands that one commit discards at most.
  static let discardsPerCommit = 1000

  enum Discarding {
    /// Nothing waits any more but what the commit that forgets it discards.
    case last
    /// The next ones are framed.
    case part
    /// They are being read.
    case reading
  }

  /// Who has sent the commands that wait for an aggregate is told that they are discarded, some in each commit: the last
  /// in that of the verb itself. What is discarded before it waits no more, if the host should stop in between.
  func frameDiscarded(_ job: OperatorJob) -> Discarding {
    if job.isReading { return .reading }
    let reader = control[reader: job.readers[0]]
    guard reader.kind == .aggregate, reader.life != .forgotten, job.readFailure == nil else { return .last }
    let letters = nextLetters(of: reader)
    let units = letters.isEmpty ? nextUnits(of: reader, job) : []
    let positions = letters.map(\.position) + units.flatMap(\.positions)
    if positions.isEmpty { return .last }
    let isLast = reader.letters.count + reader.blocked.unitCount <= Self.discardsPerCommit
    let last = isLast ? allPositions(of: reader) : positions
    // Another verb may have acted on the reader while they were read, so that others are the next.
    guard last.allSatisfy({ job.events[$0] != nil }) else {
      job.isReading = true
      hands.read(LetterRequest(job: job, positions: last))
      return .reading
    }
    if job.before == (0, 0) { job.before = (reader.blocked.unitCount, reader.letters.count) }
    if isLast { return .last }
    framer.beginCommit(producer: .operator, generation: control.generation, time: commitTime, durable: durableCommit)
    appendDiscarded(positions, job)
    scratch.truncate(to: 0)
    for record in job.discarded { record.encode(into: &scratch) }
    if letters.isEmpty {
      var progress = ProgressRecord(reader: reader.number, through: reader.cursor)
      progress.unheard = units
      progress.encode(into: &scratch)
    } else {
      ResolvedRecord(.discarded, reader: reader.number, letters: letters.map(\.id), by: job.by).encode(into: &scratch)
    }
    framer.appendRecord(scratch.bytes)
    framer.endCommit()
    job.touched = summaries(of: letters.map(\.key) + units.map(\.key), reader)
    job.isPart = true
    return .part
  }

  /// Frames the answers to everything that still waits for an aggregate that is forgotten; the outcomes are for the
  /// caller to frame.
  func discardAll(of reader: ReaderState, _ job: OperatorJob) {
    let positions = allPositions(of: reader)
    if !positions.isEmpty { appendDiscarded(positions, job) }
  }

  private func appendDiscarded(_ positions: [UInt64], _ job: OperatorJob) {
    let events = EntryBatch(hash: hash)
    job.discarded = discarded(positions.sorted(), told: events, job)
    if events.count > 0 { framer.append(events) }
  }

  private func nextLetters(of reader: ReaderState) -> [DeadLetter] {
    var letters: [DeadLetter] = []
    reader.letters.forEach { letter in
      letters.append(letter)
      return letters.count < Self.discardsPerCommit
    }
    return letters
  }

  private func nextUnits(of reader: ReaderState, _ job: OperatorJob) -> [ProgressRecord.QueuedUnits] {
    while let key = job.keys.last, reader.blocked[key] == nil { job.keys.removeLast() }
    // Sorted once, not for every thousand of a million.
    if job.keys.isEmpty { job.keys = reader.blocked.sorted.reversed().map(\.key) }
    var units: [ProgressRecord.QueuedUnits] = []
    var left = Self.discardsPerCommit
    for key in job.keys.reversed() {
      guard let queue = reader.blocked[key]?.queue else { continue }
      let positions = Array(queue.prefix(left))
      units.append(ProgressRecord.QueuedUnits(key: key, positions: positions))
      left -= positions.count
      if left == 0 { break }
    }
    return units
  }

  private func allPositions(of reader: ReaderState) -> [UInt64] {
    var positions: Set<UInt64> = []
    for key in reader.blocked.all { positions.formUnion(reader.blocked[key]?.queue ?? []) }
    reader.letters.forEach { letter in
      positions.insert(letter.position)
      return true
    }
    return positions.sorted()
  }

  /// A part is appended and folded: the verb goes on with the next.
  func committedDiscarded(_ job: OperatorJob) {
    tellSenders(job.discarded, commit: control.commit)
    let index = Int(job.readers[0]) - 1
    for (key, before) in job.touched { noteChange(of: key, from: before, index, wasTried: false) }
    (job.isPart, job.events, job.discarded, job.touched) = (false, [:], [], [])
  }
}
