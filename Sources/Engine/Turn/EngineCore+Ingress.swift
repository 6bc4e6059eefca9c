import DequeModule
import Events
import LogStorage

/// A request of the door that stands in the group that is being framed.
struct AcceptedAppend {
  var job: AppendJob
  var outcome: AppendOutcome
}

extension EngineCore {
  func takeAppend(_ job: AppendJob) {
    if isStopping { return job.answer(.stopped(maybeIn: false)) }
    if appendAgainAt != nil { return job.answer(.noSpace) }
    if job.batch.bytes.count > identity.limits.maxGroupBytes - 4096 {
      return job.answer(.tooLarge(limit: identity.limits.maxGroupBytes - 4096))
    }
    appends.append(job)
  }

  /// Comes back from the reader thread with what the log says of its identities.
  func resume(_ job: AppendJob) {
    lookUps -= 1
    if let failure = job.readFailure { job.answer(.readFailed(failure)) } else { resumed.append(job) }
    guard let stream = job.stream else { return }
    stream.isLookingUp = false
    resumed.append(contentsOf: stream.waiting)
    stream.waiting = []
  }

  /// Frames the accepted requests of this turn as one commit of the door.
  func frameAppends() -> [AcceptedAppend] {
    var accepted: [AcceptedAppend] = []
    var waiting: Deque<AppendJob> = []
    var isOpen = false
    let groupBegan = framer.nextPosition
    pass += 1
    appends = resumed + appends
    resumed = []
    while let job = appends.popFirst() {
      if let stream = job.stream {
        if stream.hasFailed {
          job.answer(.streamFailed)
          continue
        }
        if stream.isLookingUp {
          stream.waiting.append(job)
          continue
        }
        if stream.waitsInPass == pass {
          waiting.append(job)
          continue
        }
      }
      if framer.byteCount + job.batch.bytes.count > settings.turnBytes, framer.hasCommits || isOpen || lackedRoom {
        waiting.append(job)
        waiting.append(contentsOf: appends)
        appends = []
        break
      }
      switch check(job, groupBegan: groupBegan) {
      case .lookUp(let unsure, let subjectHead):
        park(job, identities: unsure, subjectHead: subjectHead, groupBegan: groupBegan)
      case .wait:
        job.stream?.waitsInPass = pass
        waiting.append(job)
      case .refuse(let outcome): refuse(job, outcome)
      case .accept(let duplicates): accepted.append(frame(job, duplicates: duplicates, &isOpen))
      }
    }
    if isOpen { framer.endCommit() }
    appends = waiting
    return accepted
  }

  /// A refusal may name what is not durable yet; then it waits as an acknowledgement does.
  private func refuse(_ job: AppendJob, _ outcome: AppendOutcome) {
    let known: Position
    switch outcome {
    case .conflict(_, let position): known = position
    case .expectationFailed(let actual): known = actual
    default: known = .start
    }
    if known.rawValue <= durablePosition { return job.answer(outcome) }
    job.stream?.hasFailed = true
    refusals.append((control.commit, job, outcome))
  }

  private enum Check {
    case accept(duplicates: [Int: UInt64])
    case lookUp(identities: [Int], subjectHead: Bool)
    /// For what this very group holds already: until it is appended.
    case wait
    case refuse(AppendOutcome)
  }

  /// What is to be done with a request. Duplicates: entry index → position it has already, or 0 for one that repeats
  /// an earlier entry of the same request.
  private func check(_ job: AppendJob, groupBegan: Position) -> Check {
    // Nothing of this turn may come between the look at the subject's last event and the append: no other request, no
    // command, and none of the events by which the host tells of what operators do.
    if job.expecting != nil, isInGroup(subjectOf: job) { return .wait }
    if touchesReserved(job) || job.command != nil && deployWaitsForCommands { return .wait }
    if let lookedUp = job.lookedUpIn, lookedUp.sealings != identities.sealings { job.forgetAnswers() }
    var unknown: [Int] = []
    var duplicates: [Int: UInt64] = [:]
    for (index, info) in job.batch.infos.enumerated() where info.identityHash != 0 {
      switch job.lookedUp[index] {
      case .same(let position): duplicates[index] = position
      case .different(let position): return .refuse(.conflict(index: index, position: Position(position)))
      case .unknown:
        guard let newest = identities.candidates(info.identityHash).last else { continue }
        if newest >= groupBegan { return .wait }
        // Appended by another request while the reader thread was looking.
        if let lookedUp = job.lookedUpIn, newest >= lookedUp.next { unknown.append(index) }
      case nil:
        guard identities.mightContain(info.identityHash) else { continue }
        if let newest = identities.candidates(info.identityHash).last, newest >= groupBegan { return .wait }
        unknown.append(index)
      }
    }
    let needsHead = job.expecting != nil && job.subjectHead == nil
    if !unknown.isEmpty || needsHead { return .lookUp(identities: unknown, subjectHead: needsHead) }
    if let conflict = findRepeats(in: job, &duplicates) { return .refuse(conflict) }
    // What is in already was expected when it came: the same request again gets the same answer.
    if duplicates.count == job.batch.count { return .accept(duplicates: duplicates) }
    if let refusal = checkExpectation(of: job) { return refusal }
    return .accept(duplicates: duplicates)
  }

  /// The same identity twice in one request.
  private func findRepeats(in job: AppendJob, _ duplicates: inout [Int: UInt64]) -> AppendOutcome? {
    guard job.batch.hasRepeatedIdentity else { return nil }
    var seen: [UInt64: Int] = [:]
    for (index, info) in job.batch.infos.enumerated() where info.identityHash != 0 && duplicates[index] == nil {
      guard let first = seen.updateValue(index, forKey: info.identityHash) else { continue }
      seen[info.identityHash] = first
      let (earlier, later) = (job.batch.entry(first), job.batch.entry(index))
      guard earlier.hasIdentity(of: later) else { continue }
      if !earlier.isSameEvent(as: later) { return .conflict(index: index, position: .start) }
      duplicates[index] = 0
    }
    return nil
  }

  private func checkExpectation(of job: AppendJob) -> Check? {
    guard let expecting = job.expecting, let head = job.subjectHead, let info = job.batch.infos.first else {
      return nil
    }
    var last = head.last
    let subject = job.batch.entry(0).subject
    guard head.through + 1 >= tail.first else {
      job.subjectHead = nil
      return .lookUp(identities: [], subjectHead: true)
    }
    tail.forEach(after: head.through) { position, entry, entryInfo in
      if entryInfo.subjectHash == info.subjectHash, entry.subject.equals(subject),
        entry.rawKind == RecordKind.event.rawValue
      {
        last = max(last, position)
      }
    }
    return last == expecting.rawValue ? nil : .refuse(.expectationFailed(actual: Position(last)))
  }

  /// Whether an event of the job's subject stands in the group that is being framed.
  private func isInGroup(subjectOf job: AppendJob) -> Bool {
    guard let info = job.batch.infos.first else { return false }
    let subject = job.batch.entry(0).subject
    var isThere = false
    framer.forEachEntry(from: Position(control.position + 1)) { _, entry, place in
      isThere = place.subjectHash == info.subjectHash && entry.subject.equals(subject)
      return !isThere
    }
    return isThere
  }

  private func park(_ job: AppendJob, identities unsure: [Int], subjectHead: Bool, groupBegan: Position) {
    lookUps += 1
    job.stream?.isLookingUp = true
    job.lookedUpIn = (identities.sealings, groupBegan)
    let asked = unsure.map { index in
      LookupRequest.Identity(index: index, candidates: identities.candidates(job.batch.infos[index].identityHash))
    }
    hands.lookUp(
      LookupRequest(job: job, identities: asked, subjectHead: subjectHead, through: durablePosition))
  }

  private func frame(_ job: AppendJob, duplicates: [Int: UInt64], _ isOpen: inout Bool) -> AcceptedAppend {
    let batch = job.batch
    let start = framer.nextPosition.rawValue
    if settings.clockIsEvents {
      frameByEventTime(job, duplicates: duplicates, &isOpen)
    } else if duplicates.count < batch.count {
      if !isOpen { beginDoorCommit(time: now) }
      isOpen = true
      appendNew(of: batch, 0..<batch.count, duplicates)
    }
    noteIdentities(of: batch, from: start, duplicates)
    let (first, last) = firstAndLast(of: batch, from: start, duplicates)
    return AcceptedAppend(
      job: job,
      outcome: .appended(first: first, last: last, count: batch.count, duplicates: duplicates.count))
  }

  func beginDoorCommit(time: Int64) {
    framer.beginCommit(producer: .door, generation: control.generation, time: time, durable: durableCommit)
  }

  /// Appends runs of entries that are no duplicates.
  func appendNew(of batch: EntryBatch, _ range: Range<Int>, _ duplicates: [Int: UInt64]) {
    if duplicates.isEmpty {
      framer.append(batch, range)
      return
    }
    var run = range.lowerBound
    for index in range where duplicates[index] != nil {
      if run < index { framer.append(batch, run..<index) }
      run = index + 1
    }
    if run < range.upperBound { framer.append(batch, run..<range.upperBound) }
  }

  private func noteIdentities(of batch: EntryBatch, from start: UInt64, _ duplicates: [Int: UInt64]) {
    var position = start
    for (index, info) in batch.infos.enumerated() {
      if !duplicates.isEmpty, duplicates[index] != nil { continue }
      if info.identityHash != 0 { identities.insert(info.identityHash, Position(position)) }
      position += 1
    }
  }

  private func firstAndLast(
    of batch: EntryBatch, from start: UInt64, _ duplicates: [Int: UInt64]
  ) -> (Position, Position) {
    guard !duplicates.isEmpty else { return (Position(start), Position(start + UInt64(batch.count) - 1)) }
    var positions: [UInt64] = []
    var next = start
    var byIdentity: [UInt64: UInt64] = [:]
    for (index, info) in batch.infos.enumerated() {
      switch duplicates[index] {
      case nil:
        positions.append(next)
        if info.identityHash != 0 { byIdentity[info.identityHash] = next }
        next += 1
      case 0: positions.append(byIdentity[info.identityHash] ?? start)
      case let position?: positions.append(position)
      }
    }
    return (Position(positions.first ?? 0), Position(positions.last ?? 0))
  }

  /// The group is appended: answers wait until it is durable.
  func acceptedAppends(_ accepted: [AcceptedAppend], commit: UInt64) {
    for append in accepted where !noteAppended(append, commit: commit) {
      answers.add(append.job, append.outcome, commit: commit)
    }
  }

  /// Only duplicates: what they repeat may not yet be durable.
  func answerWithoutCommit(_ accepted: [AcceptedAppend]) {
    let lastCommit = control.commit
    for append in accepted where !noteAppended(append, commit: lastCommit) {
      if lastCommit <= durableCommit {
        append.job.answer(append.outcome)
      } else {
        answers.add(append.job, append.outcome, commit: lastCommit)
      }
    }
  }
}
