import DequeModule
import Events
import LogStorage
import Scripts

/// What operators ask of consumers. A verb waits until the reader's batch has come back and is committed, and meanwhile
/// the reader gets no other: so it never meets work that is half done.
extension EngineCore {
  func take(_ job: OperatorJob) {
    if isStopping { return refuseForStop(job) }
    if appendAgainAt != nil { return refuseForSpace(job) }
    switch job.verb {
    case .reader(_, let name, let complete):
      guard let reader = operable(named: name, in: job.scope) else { return complete(.unknown) }
      job.readers = [reader.number]
    case .letters(_, let selection, let complete):
      guard let parts = parts(of: selection, in: job.scope, &job.receipt) else { return complete(.unknownConsumer) }
      job.parts = parts
      job.readers = parts.map(\.reader)
    }
    for reader in job.readers { runtimes[Int(reader) - 1].waitingVerbs += 1 }
    operators.append(job)
  }

  /// A consumer, an aggregate or a destination; no script declares both under one name.
  func operable(named name: String, in scope: ReaderScope) -> ReaderState? {
    let kinds = [ReaderChange.Kind.consumer, .rule, .process, .aggregate, .destination].filter(scope.contains)
    let readers = kinds.compactMap { control.reader(named: name, kind: $0) }
    return readers.first { !$0.isRemoved } ?? readers.first
  }

  /// Frames what can be done now, a commit each; returns the jobs that are in the group. A job of many letters takes
  /// several turns.
  func frameOperators() -> [OperatorJob] {
    var framed: [OperatorJob] = []
    for job in operators where framer.byteCount < settings.turnBytes {
      // Two verbs on one reader take two turns: the second is decided on what the first has done.
      guard !framed.contains(where: { !Set($0.readers).isDisjoint(with: job.readers) }) else { continue }
      switch job.verb {
      case .reader(let verb, let name, _):
        guard isIdle(job.readers[0]), verb != .forget || runtimes[Int(job.readers[0]) - 1].isQuiet else { continue }
        switch verb == .forget ? frameDiscarded(job) : .last {
        case .reading: continue
        case .part: framed.append(job)
        case .last: if frame(verb, name, job) { framed.append(job) }
        }
      case .letters(let verb, _, _):
        guard let part = job.parts.last else {
          framed.append(job)
          continue
        }
        guard isIdle(part.reader), frameLetters(verb, part, job) else { continue }
        framed.append(job)
      }
    }
    return framed
  }

  /// Whether something is to be framed for operators; what waits for its reader is woken by that reader's commit.
  var hasOperatorWork: Bool {
    operators.contains { job in
      if job.isReading { return false }
      guard let reader = job.parts.last?.reader ?? job.readers.first else { return true }
      if case .reader(.forget, _, _) = job.verb, !runtimes[Int(reader) - 1].isQuiet { return false }
      return isIdle(reader)
    }
  }

  private func isIdle(_ reader: UInt32) -> Bool {
    let runtime = runtimes[Int(reader) - 1]
    return runtime.out == nil && runtime.finished == 0 && runtime.outbox?.ended.isEmpty ?? true
  }

  // MARK: consumers

  /// False when the job was answered without a commit.
  private func frame(_ verb: ReaderVerb, _ name: String, _ job: OperatorJob) -> Bool {
    let number = job.readers[0]
    let reader = control[reader: number]
    let what: ReaderChange.What
    var cursor: UInt64?
    var target: KeyBytes?
    // A verb that it waited behind may have forgotten it.
    if reader.life == .forgotten { job.outcome = .unknown }
    switch verb {
    case .pause, .resume:
      if reader.life == .removed {
        job.outcome = .refused(
          "\(name) is not declared any more: there is nothing to \(verb == .pause ? "pause" : "resume")")
      }
      what = verb == .pause ? .paused : .resumed
      if reader.isPaused == (verb == .pause) { job.outcome = job.outcome ?? unchanged(reader) }
    case .pauseTarget(let key), .resumeTarget(let key):
      let pauses = verb == .pauseTarget(key)
      what = pauses ? .paused : .resumed
      target = key
      if let refusal = refusalOfTargets(of: reader) { job.outcome = job.outcome ?? .refused(refusal) }
      if reader.pausedKeys.contains(key) == pauses { job.outcome = job.outcome ?? unchanged(reader) }
    case .forget:
      what = .forgotten
      if let failure = job.readFailure { job.outcome = .refused("a part of the log could not be read: \(failure)") }
      if reader.life != .removed, reader.blocked.isEmpty, reader.letters.isEmpty {
        job.outcome = job.outcome ?? unchanged(reader)
      }
    case .rewind(let position):
      what = .rewound
      cursor = max(position.rawValue, 1) - 1
      if let refusal = refusal(of: cursor!, reader) { job.outcome = job.outcome ?? .refused(refusal) }
    }
    if job.outcome != nil {
      finish(job)
      return false
    }
    framer.beginCommit(producer: .operator, generation: control.generation, time: commitTime, durable: durableCommit)
    var change = ReaderChange(what, reader: number)
    change.kind = reader.kind
    change.cursor = cursor
    change.by = job.by
    change.key = target
    scratch.truncate(to: 0)
    if verb == .forget, reader.kind == .aggregate {
      discardAll(of: reader, job)
      for record in job.discarded { record.encode(into: &scratch) }
    }
    change.encode(into: &scratch)
    framer.appendRecord(scratch.bytes)
    framer.endCommit()
    if job.before == (0, 0) { job.before = (reader.blocked.unitCount, reader.letters.count) }
    return true
  }

  private func refusalOfTargets(of reader: ReaderState) -> String? {
    let consumer = runtimes[Int(reader.number) - 1].consumer
    if consumer.flatMap({ generation?.scripts.consumers[$0].destination?.each }) != nil { return nil }
    return "\(reader.name) has one target only: pause or resume all of it"
  }

  private func refusal(of cursor: UInt64, _ reader: ReaderState) -> String? {
    if reader.kind == .aggregate {
      return "\(reader.name) is an aggregate: its commands are decided, and nothing decides them again"
    }
    if reader.kind == .process {
      return "\(reader.name) is a process: what its instances have done is done, and nothing does it again"
    }
    if reader.kind == .destination {
      return "\(reader.name) is a destination: what it has delivered is not delivered again; publish it again"
    }
    if reader.life == .removed { return "\(reader.name) is not declared any more: declare it again, then rewind it" }
    if cursor > 0, !reader.states.isEmpty {
      return
        "\(reader.name) remembers \(reader.states.count) keys, and what it remembered at \(cursor) is not known any more: "
        + "rewind it to 1, and it begins with nothing remembered"
    }
    let live = runtimes[Int(reader.number) - 1].liveCursor
    if cursor >= live {
      return "\(reader.name) has read up to \(live): a rewind goes back, to a position up to \(live)"
    }
    return nil
  }

  private func unchanged(_ reader: ReaderState) -> ReaderOutcome {
    .done(
      ReaderReceipt(
        changed: false, state: state(of: reader), cursor: runtimes[Int(reader.number) - 1].liveCursor))
  }

  // MARK: after the append

  /// The group with the job's commit is appended and folded.
  func committed(_ job: OperatorJob) {
    switch job.verb {
    case .reader(let verb, _, _): committed(verb, job)
    case .letters: committedLetters(job)
    }
  }

  private func committed(_ verb: ReaderVerb, _ job: OperatorJob) {
    let reader = control[reader: job.readers[0]]
    let index = Int(reader.number) - 1
    if job.isPart { return committedDiscarded(job) }
    switch verb {
    case .pause, .resume, .pauseTarget: break
    case .resumeTarget(let key):
      if let state = reader.blocked[key] { schedule(key, state, of: reader.number) }
      runtimes[index].due.append(key)
    case .forget:
      runtimes[index].outbox?.forget()
      forgetWaiting(index)
      tellSenders(job.discarded, commit: control.commit)
    case .rewind:
      runtimes[index].goBack(to: reader.cursor)
      runtimes[index].states.removeAll()
      forgetWaiting(index)
    }
    job.outcome = .done(
      ReaderReceipt(
        changed: true, state: state(of: reader), cursor: runtimes[index].liveCursor,
        droppedUnits: job.before.units - reader.blocked.unitCount,
        droppedLetters: job.before.letters - reader.letters.count))
    finish(job)
  }

  /// What the engine keeps of a reader's blocked keys is made anew from the control state.
  private func forgetWaiting(_ index: Int) {
    let reader = control.readers[index]
    runtimes[index].blockedHashes = BlockedHashes(of: reader.blocked, hash)
    runtimes[index].due = []
    runtimes[index].wakes.rebuild(from: reader.open)
    // Their entries in `retries` are good as they are: those of keys that are gone are found stale.
    if reader.life == .forgotten { runtimes[index].consumer = nil }
    scheduleAll(of: reader)
  }

  /// Takes the job off the list; it is answered when what is appended now is durable.
  func finish(_ job: OperatorJob) {
    operators.removeAll { $0 === job }
    for reader in job.readers { runtimes[Int(reader) - 1].waitingVerbs -= 1 }
    if control.commit <= durableCommit { return answer(job) }
    done.append((control.commit, job))
  }

  func answer(_ job: OperatorJob) {
    switch job.verb {
    case .reader(_, _, let complete): complete(job.outcome ?? .unknown)
    case .letters(_, _, let complete):
      complete(job.readFailure.map { .readFailed($0) } ?? .done(job.receipt))
    }
  }

  // MARK: refusals

  /// The disk is full: nothing more of these jobs is done.
  func refuseOperatorsForSpace() {
    for job in operators {
      for reader in job.readers { runtimes[Int(reader) - 1].waitingVerbs -= 1 }
      refuseForSpace(job)
    }
    operators = []
  }

  private func refuseForSpace(_ job: OperatorJob) {
    switch job.verb {
    case .reader(_, _, let complete): complete(.noSpace)
    case .letters(_, _, let complete): complete(.noSpace)
    }
  }

  func refuseForStop(_ job: OperatorJob) {
    switch job.verb {
    case .reader(_, _, let complete): complete(.stopped(maybeIn: false))
    case .letters(_, _, let complete): complete(.stopped(maybeIn: job.receipt.resolved > 0))
    }
  }
}
