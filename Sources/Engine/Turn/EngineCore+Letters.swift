import Events
import LogStorage
import Scripts

/// Dead letters: the events that tell of them, what operators do with them, and the list.
extension EngineCore {
  /// Letters that one commit resolves at most.
  static let lettersPerCommit = 1000

  // MARK: verbs

  /// The letters of a selection by reader; nil when it names a consumer that there is not.
  func parts(
    of selection: LetterSelection, in scope: ReaderScope, _ receipt: inout LetterReceipt
  ) -> [(reader: UInt32, letters: [LetterID])]? {
    switch selection {
    case .ids(let ids):
      var rest = Set(ids)
      var parts: [(reader: UInt32, letters: [LetterID])] = []
      for reader in control.readers where scope.contains(reader.kind) {
        let letters = rest.filter { reader.letters[$0] != nil }.sorted()
        if letters.isEmpty { continue }
        rest.subtract(letters)
        parts.append((reader.number, letters))
      }
      receipt.notOpen = rest.sorted()
      return parts
    case .all(let name, let key):
      guard let readers = readers(named: name, in: scope) else { return nil }
      return readers.compactMap { reader in
        var letters: [LetterID] = []
        reader.letters.forEach { letter in
          if key == nil || letter.key == key { letters.append(letter.id) }
          return true
        }
        return letters.isEmpty ? nil : (reader.number, letters)
      }
    }
  }

  private func readers(named name: String?, in scope: ReaderScope) -> [ReaderState]? {
    guard let name else { return control.readers.filter { scope.contains($0.kind) } }
    return operable(named: name, in: scope).map { [$0] }
  }

  /// Frames the next of a reader's letters. False when they are still to be read, or nothing was framed.
  func frameLetters(_ verb: LetterVerb, _ part: (reader: UInt32, letters: [LetterID]), _ job: OperatorJob) -> Bool {
    if job.isReading { return false }
    let reader = control[reader: part.reader]
    var receipt = job.receipt
    let letters = part.letters.prefix(Self.lettersPerCommit).compactMap { id in
      let letter = reader.letters[id]
      if letter == nil { receipt.notOpen.append(id) }
      return letter
    }
    let able = letters.filter { canResolve($0, verb, reader, &receipt) }
    guard job.hasRead || able.isEmpty else {
      job.isReading = true
      hands.read(LetterRequest(job: job, positions: able.map(\.position)))
      return false
    }
    // What was counted before the events were read does not count: others may have acted since.
    job.receipt = receipt
    if job.readFailure == nil, !able.isEmpty { frame(verb, able, of: reader, job) }
    job.receipt.resolved += job.readFailure == nil ? able.count : 0
    return true
  }

  private func canResolve(
    _ letter: DeadLetter, _ verb: LetterVerb, _ reader: ReaderState, _ receipt: inout LetterReceipt
  ) -> Bool {
    switch verb {
    case .discard: return true
    case .skip:
      if !letter.isBlocking { receipt.unchanged += 1 }
      return letter.isBlocking
    case .retry:
      let hasRoom = letter.isBlocking || reader.blocked.unitCount < settings.queueLimit
      if !hasRoom { receipt.left += 1 }
      return hasRoom
    }
  }

  private func frame(_ verb: LetterVerb, _ letters: [DeadLetter], of reader: ReaderState, _ job: OperatorJob) {
    let how: ResolvedRecord.How =
      switch verb {
      case .retry: .retried
      case .skip: .skipped
      case .discard: .discarded
      }
    framer.beginCommit(producer: .operator, generation: control.generation, time: commitTime, durable: durableCommit)
    let events = EntryBatch(hash: hash)
    for letter in letters {
      job.events[letter.position]?.withUnsafeBytes { bytes in
        events.addHostEvent(.letterResolved, cause: EntryView(bytes.baseAddress!), at: letter.position) { data in
          data.member("id", letter.id.description)
          data.member(reader.kind.letterOwner, reader.name)
          data.member("key", letter.key.description)
          data.member("position", letter.position)
          data.member("how", how.description)
          data.member("by", job.by)
        }
      }
    }
    job.discarded = []
    if verb == .discard, reader.kind == .aggregate {
      job.discarded = discarded(letters.map(\.position), told: events, job)
    }
    framer.append(events)
    scratch.truncate(to: 0)
    for record in job.discarded { record.encode(into: &scratch) }
    ResolvedRecord(how, reader: reader.number, letters: letters.map(\.id), by: job.by).encode(into: &scratch)
    framer.appendRecord(scratch.bytes)
    framer.endCommit()
    job.touched = summaries(of: letters.map(\.key), reader)
  }

  /// The keys that a verb acts on as they are before it, each once: several letters may be of one key.
  func summaries(of keys: [KeyBytes], _ reader: ReaderState) -> [(key: KeyBytes, before: BlockedSummary)] {
    var seen: Set<KeyBytes> = []
    return keys.filter { seen.insert($0).inserted }.map { ($0, BlockedSummary(reader.blocked[$0])) }
  }

  func takeLettersRead(_ job: OperatorJob) {
    job.isReading = false
    job.hasRead = true
  }

  /// A part of the job is appended and folded, or had nothing to append.
  func committedLetters(_ job: OperatorJob) {
    if let part = job.parts.popLast() {
      tellSenders(job.discarded, commit: control.commit)
      let index = Int(part.reader) - 1
      for (key, before) in job.touched { noteChange(of: key, from: before, index, wasTried: false) }
      let rest = Array(part.letters.dropFirst(Self.lettersPerCommit))
      if !rest.isEmpty, job.readFailure == nil { job.parts.append((part.reader, rest)) }
      if job.readFailure != nil { job.parts = [] }
    }
    (job.touched, job.events, job.hasRead, job.discarded) = ([], [:], false, [])
    if job.parts.isEmpty { finish(job) }
  }

  // MARK: giving up

  /// Tells of the units that a batch gives up, so that scripts can react. The host's own events are left out: a consumer
  /// that fails on them would go round in a circle.
  func appendLetterEvents(of batch: Batch, _ progress: ProgressRecord) {
    guard progress.failed.contains(where: { $0.disposition != .retry }) else { return }
    let events = EntryBatch(hash: hash)
    for (index, unit) in progress.failed.enumerated() where unit.disposition != .retry {
      guard let failure = batch.failure(at: unit.position, unit.key), let entry = failure.entry else { continue }
      let reader = control[reader: batch.reader]
      addLetterEvent(of: unit, number: index, reader, cause: entry, to: events)
    }
    if events.count > 0 { framer.append(events) }
  }

  /// Tells that a reader gives a unit up. `number`: of the unit among the failed ones of the commit that is framed.
  func addLetterEvent(
    of unit: ProgressRecord.FailedUnit, number: Int, _ reader: ReaderState, cause: EntryView, to events: EntryBatch
  ) {
    let isMessage = reader.kind == .destination
    events.addHostEvent(.letter, cause: cause, at: unit.position) { data in
      data.member("id", LetterID(commit: framer.nextCommit, index: UInt32(number)).description)
      data.member(reader.kind.letterOwner, reader.name)
      data.member("key", unit.key.description)
      data.member("position", unit.position)
      if !isMessage { data.member("type", cause.type.text) }
      data.member("attempts", UInt64(unit.attempt))
      if !isMessage { data.member("kind", unit.kind.description) }
      data.member("error", unit.message)
    }
  }

  // MARK: the list

  func page(_ query: LetterQuery) -> LetterPage? {
    guard let readers = readers(named: query.consumer, in: query.scope) else { return nil }
    var found: [LetterSummary] = []
    for reader in readers {
      var left = query.limit + 1
      reader.letters.forEach(after: query.after) { letter in
        guard letter.id.commit <= durableCommit, left > 0 else { return false }
        if let key = query.key, letter.key != key { return true }
        left -= 1
        let waiting = letter.isBlocking ? max(1, reader.blocked[letter.key]?.queue.count ?? 1) - 1 : 0
        found.append(
          LetterSummary(
            id: letter.id, consumer: reader.name, key: letter.key, position: Position(letter.position),
            isBlocking: letter.isBlocking, waiting: waiting))
        return true
      }
    }
    found.sort { $0.id < $1.id }
    let letters = Array(found.prefix(query.limit))
    return LetterPage(
      letters: letters, next: found.count > query.limit ? letters.last?.id : nil,
      total: readers.reduce(0) { $0 + $1.letters.count })
  }
}

extension ReaderChange.Kind {
  /// What events about dead letters call the reader whose letter it is.
  fileprivate var letterOwner: StaticString { self == .destination ? "destination" : "consumer" }
}
