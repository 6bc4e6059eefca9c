import Engine
import Events
import LogStorage

/// What operators and deploys do to readers.
extension Oracle {
  mutating func readOperator(
    _ header: CommitHeader, _ records: [RecordView], _ new: Range<Int>, _ ledger: Ledger
  ) throws(Violation) {
    switch records.first?.kind {
    case .deploy?:
      try expect(new.isEmpty, .oneOrder, "the deploy in commit \(header.number) comes with events")
      try readDeploy(header, records)
    case .reader?:
      guard records.count == 1, new.isEmpty, let change = ReaderChange(records[0].fields) else { fallthrough }
      try readVerb(header, change, ledger)
    case .resolved?:
      guard records.count == 1, let record = ResolvedRecord(records[0].fields) else { fallthrough }
      try readResolved(header, record, new, ledger)
    default: throw Violation(.oneOrder, "commit \(header.number) of an operator makes no sense")
    }
  }

  // MARK: deploys

  private mutating func readDeploy(_ header: CommitHeader, _ records: [RecordView]) throws(Violation) {
    guard let deploy = DeployRecord(records[0].fields), deploy.generation == UInt32(generations.count + 1) else {
      throw Violation(.oneOrder, "commit \(header.number): a deploy that does not follow the one before it")
    }
    var declared: [Behaviour] = []
    for file in deploy.files {
      guard let behaviour = scripts.behaviours[file.hash], behaviour.path == file.path else {
        throw Violation(.kept, "commit \(header.number) deploys a \(file.path) that nobody wrote")
      }
      declared.append(behaviour)
    }
    generations.append(declared)
    generationCommits.append(header.number)
    var changes: [ReaderChange] = []
    let others = records.dropFirst().drop { $0.kind == .reader }
    try readSchedules(header, Array(others), declared: declared)
    for record in records.dropFirst().dropLast(others.count) {
      guard record.kind == .reader, let change = ReaderChange(record.fields) else {
        throw Violation(.oneOrder, "commit \(header.number): a deploy with another record")
      }
      changes.append(change)
    }
    for behaviour in declared where behaviour.rhythms.isEmpty {
      let index = changes.firstIndex { name(of: $0) == behaviour.name }
      try apply(index.map { changes.remove(at: $0) }, to: behaviour, header)
    }
    for reader in readers.indices {
      let name = readers[reader].behaviour.name
      if readers[reader].isRemoved || declared.contains(where: { $0.name == name }) { continue }
      let index = changes.firstIndex { $0.what == .removed && $0.reader == readers[reader].number }
      guard let index, let cursor = changes.remove(at: index).cursor else {
        throw Violation(.foldOfTheLog, "commit \(header.number) does not say that \(name) is removed")
      }
      try checkUnheard(readers[reader], through: cursor, "its removal")
      readers[reader].cursor = cursor
      readers[reader].isRemoved = true
    }
    try expect(changes.isEmpty, .foldOfTheLog, "commit \(header.number) changes more than its scripts do: \(changes)")
  }

  private func name(of change: ReaderChange) -> String {
    if change.what == .created || !readers.indices.contains(Int(change.reader) - 1) { return change.name }
    return readers[Int(change.reader) - 1].behaviour.name
  }

  private mutating func apply(
    _ change: ReaderChange?, to behaviour: Behaviour, _ header: CommitHeader
  ) throws(Violation) {
    let place = "commit \(header.number), generation \(generations.count), \(behaviour.name)"
    let known = readers.firstIndex { $0.behaviour.name == behaviour.name && !$0.isForgotten }
    guard let known else {
      let cursor = behaviour.fromStart ? 0 : UInt64(events.count)
      try expect(
        change?.what == .created && change?.reader == UInt32(readers.count + 1) && change?.cursor == cursor,
        .foldOfTheLog, "\(place): created at \(cursor), not \(String(describing: change))")
      readers.append(ReaderModel(number: UInt32(readers.count + 1), behaviour: behaviour, cursor: cursor))
      return
    }
    let before = readers[known]
    let old = before.behaviour
    let what: ReaderChange.What? =
      before.isRemoved
      ? .returned : old.hears != behaviour.hears ? .hearingChanged : old != behaviour ? .codeChanged : nil
    try expect(
      change?.what == what && change.map { $0.reader == before.number } ?? true, .foldOfTheLog,
      "\(place): \(String(describing: what)), not \(String(describing: change))")
    guard let change else { return }
    try expect(
      old.key == behaviour.key || before.waiting.isEmpty, .orderPerKey,
      "\(place): another key while \(before.waiting.count) keys by the old one wait")
    if let cursor = change.cursor {
      try expect(
        what == .hearingChanged && cursor >= before.cursor, .foldOfTheLog, "\(place): the cursor goes to \(cursor)")
      try checkUnheard(before, through: cursor, "its new hearing")
      readers[known].cursor = cursor
    }
    readers[known].isRemoved = false
    readers[known].behaviour = behaviour
    if old.script != behaviour.script {
      readers[known].codeChanged()
      if behaviour.errand != nil { errands.called = [] }
    }
  }

  // MARK: verbs

  private mutating func readVerb(_ header: CommitHeader, _ change: ReaderChange, _ ledger: Ledger) throws(Violation) {
    let place = "commit \(header.number): \(change.what)"
    guard let by = change.by, let order = Ledger.order(named: by), ledger.orders.indices.contains(order),
      case .reader(let verb, let name) = ledger.orders[order].verb, readers.indices.contains(Int(change.reader) - 1)
    else { throw Violation(.answered, "\(place) was not asked for") }
    let index = Int(change.reader) - 1
    let before = readers[index]
    let wanted: (what: ReaderChange.What, cursor: UInt64?) =
      switch verb {
      case .pause: (.paused, nil)
      case .resume: (.resumed, nil)
      // The simulator's readers have no targets.
      case .pauseTarget, .resumeTarget: throw Violation(.answered, "\(place) was not asked for")
      case .forget: (.forgotten, nil)
      case .rewind(let position): (.rewound, max(position.rawValue, 1) - 1)
      }
    try expect(
      name == before.behaviour.name && change.what == wanted.what && change.cursor == wanted.cursor
        && !before.isForgotten && done[order] == nil, .answered,
      "\(place) of reader \(change.reader) to \(change.cursor ?? 0) is not what \(by) asked: \(verb) of \(name)")
    let units = before.waiting.values.reduce(0) { $0 + $1.units.count }
    switch verb {
    case .pause: readers[index].isPaused = true
    case .resume: readers[index].isPaused = false
    case .pauseTarget, .resumeTarget: break
    case .rewind: readers[index].rewind(to: wanted.cursor ?? 0)
    case .forget:
      readers[index].waiting = [:]
      readers[index].letters = []
      readers[index].isForgotten = before.isRemoved
    }
    let left = readers[index].waiting.values.reduce(0) { $0 + $1.units.count }
    done[order] = Done(
      records: 1, lastCommit: header.number, droppedUnits: units - left,
      droppedLetters: before.letters.count - readers[index].letters.count)
  }

  // MARK: dead letters

  private mutating func readResolved(
    _ header: CommitHeader, _ record: ResolvedRecord, _ new: Range<Int>, _ ledger: Ledger
  ) throws(Violation) {
    let place = "commit \(header.number): \(record.how) of reader \(record.reader)"
    guard let order = Ledger.order(named: record.by), ledger.orders.indices.contains(order),
      case .letters(let verb, let selection) = ledger.orders[order].verb, !record.letters.isEmpty,
      readers.indices.contains(Int(record.reader) - 1)
    else { throw Violation(.answered, "\(place) was not asked for") }
    let how: ResolvedRecord.How =
      switch verb {
      case .retry: .retried
      case .skip: .skipped
      case .discard: .discarded
      }
    try expect(record.how == how, .answered, "\(place): \(record.by) asked to \(verb)")
    let index = Int(record.reader) - 1
    var told = new
    for id in record.letters {
      let name = LetterName(commit: id.commit, index: id.index)
      guard let letter = readers[index].letters.first(where: { $0.name == name }) else {
        throw Violation(.answered, "\(place): \(id) is no open letter")
      }
      try checkChosen(letter, id, of: readers[index], selection, place)
      try readTold(letter, record, of: readers[index], &told)
      resolve(letter, how, index)
    }
    try expect(told.isEmpty, .allOrNothing, "\(place): \(told.count) events more than letters")
    done[order, default: Done()].records += 1
    done[order]!.resolved += record.letters.count
    done[order]!.lastCommit = header.number
  }

  private func checkChosen(
    _ letter: ReaderModel.Letter, _ id: LetterID, of reader: ReaderModel, _ selection: LetterSelection, _ place: String
  ) throws(Violation) {
    switch selection {
    case .ids(let ids): try expect(ids.contains(id), .answered, "\(place): \(id) was not chosen")
    case .all(let consumer, let key):
      try expect(
        consumer.map { $0 == reader.behaviour.name } ?? true && key.map { WorkKey($0.bytes) == letter.key } ?? true,
        .answered, "\(place): \(id) was not chosen")
    }
  }

  /// A letter about an event of the host's own is not told of.
  private func readTold(
    _ letter: ReaderModel.Letter, _ record: ResolvedRecord, of reader: ReaderModel, _ told: inout Range<Int>
  ) throws(Violation) {
    guard let cause = event(letter.position), !cause.isHostEvent else { return }
    let data =
      "{\"id\":\"\(letter.name.text)\",\"consumer\":\"\(reader.behaviour.name)\",\"key\":\"\(letter.key)\","
      + "\"position\":\(letter.position),\"how\":\"\(record.how)\",\"by\":\"\(record.by)\"}"
    guard let next = told.popFirst() else {
      throw Violation(.allOrNothing, "the letter \(letter.name.text) is \(record.how), and no event tells of it")
    }
    let event = events[next]
    try expect(
      event.type == "moondance.dead-letter.resolved" && event.cause == letter.position && event.data == data
        && event.subject == cause.subject, .allOrNothing, "the event at \(event.position) is not \(data): \(event.data)"
    )
  }

  private mutating func resolve(_ letter: ReaderModel.Letter, _ how: ResolvedRecord.How, _ index: Int) {
    let place = readers[index].letters.firstIndex(of: letter)!
    if how == .skipped {
      readers[index].letters[place].isBlocking = false
    } else {
      readers[index].letters.remove(at: place)
    }
    readers[index].change(letter.key) { waiting in
      switch (how, letter.isBlocking) {
      case (.retried, true):
        waiting.isDead = false
        waiting.attempts = 0
        waiting.next = 0
      case (.retried, false): waiting.insert(letter.position, failure: letter.name)
      case (_, true): waiting.removeHead()
      case (_, false): break
      }
    }
  }
}
