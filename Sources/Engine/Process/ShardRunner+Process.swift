import Events
import LogStorage
import Scripts

/// Advancing the instances of a process on a worker thread (design, section 5.5).
extension ShardRunner {
  /// Handles a unit: brings the instance of its key up to its commit time, gives it the event, and resumes it until it
  /// waits for what is not there.
  mutating func runProcess(_ step: InstanceStep, _ batch: Batch, _ shard: Shard) throws(CallError) {
    var work = ProcessWork(batch, shard, step)
    let mark = shard.effects.mark
    do throws(CallError) {
      work.begin(with: try instance(of: step, shard), hash)
      try handle(step, &work)
    } catch {
      var error = error
      error.key = step.key
      if work.isWake { error.wake = failedWake(step, work) }
      throw error
    }
    if work.hasChanged {
      var state = step.state
      state.take(work.instance)
      let (listened, listens) = (work.before?.listens ?? [], work.instance?.listening(hash) ?? [])
      if state.listening != nil || !listened.isEmpty || !listens.isEmpty {
        state.listening = KeyState.Listening(before: state.listening?.before ?? listened, now: listens)
      }
      note(state, after: step, shard)
      shard.processes[step.key] = work.instance
    }
    if let live = work.live, work.instance != nil { keep(live, work) }
    if !work.log.isEmpty { shard.logs.append((step.index, work.log)) }
    precondition(work.hasChanged || shard.effects.mark == mark, "effects belong to a step")
  }

  private mutating func handle(_ step: InstanceStep, _ work: inout ProcessWork) throws(CallError) {
    if let instance = work.instance {
      if work.isWake, let seconds = givenUpSeconds(of: step.place, work.batch) {
        throw CallError(
          kind: .time, message: "the call did not come back from one library function within \(seconds) s")
      }
      work.live = kept(work, instance)
      try settleGeneration(&work)
    }
    guard !work.isWake, let heard = work.heard else {
      try catchUp(before: .max, &work)
      return try passDeadlines(before: limit(ofWake: step, work), &work)
    }
    try catchUp(before: heard.position, &work)
    try passDeadlines(before: heard.recorded, &work)
    try hear(heard, &work)
  }

  /// The instance that runs for the key, as the log or an earlier unit of the shard has left it.
  private func instance(of step: InstanceStep, _ shard: Shard) throws(CallError) -> ProcessInstance? {
    guard let bytes = step.state.json else { return nil }
    var instance = shard.processes[step.key]
    if instance == nil {
      instance = ProcessInstance(bytes)
      instance?.wasRead(at: step.state.place)
    }
    guard var instance else {
      throw CallError(kind: .host, message: "the record of the instance makes no sense; run moondance log verify")
    }
    if instance.missed.isEmpty {
      instance.wait.deadline = step.state.deadline
    } else if step.state.deadline == nil {
      // The call that should have told them is given up.
      instance.missed = []
    }
    return instance
  }

  /// A call at a deadline is kept, when it fails, under the event that started the instance.
  private func failedWake(_ step: InstanceStep, _ work: ProcessWork) -> FailedWake? {
    guard let start = work.before?.start, step.state.place > 0 else { return nil }
    return FailedWake(place: step.place, position: start, chunk: try? earlier.chunk(holding: Position(start)))
  }

  /// What a wake passes: what the reader's clock has. The deadline that it was for may have been moved by a unit before it,
  /// or by other scripts. One that has failed before is called again whatever that clock is then.
  private func limit(ofWake step: InstanceStep, _ work: ProcessWork) -> Int64 {
    guard step.entry != nil, let deadline = step.state.deadline else { return work.batch.clock }
    return max(work.batch.clock, deadline + 1)
  }

  /// Wakes the instance as often as a time that it waits for has passed.
  mutating func passDeadlines(before time: Int64, _ work: inout ProcessWork) throws(CallError) {
    var limit = time
    while let deadline = work.instance?.wait.deadline, deadline < limit {
      try goOn(step(.timeout, nil, &work), &work)
      // What it waits for next, on the clock of this very turn, is for a wake of its own.
      limit = min(limit, work.batch.now)
    }
  }

  // MARK: events

  private mutating func hear(_ heard: HeardEntry, _ work: inout ProcessWork) throws(CallError) {
    guard let role = work.role(of: heard.view) else { return }
    guard let instance = work.instance else {
      if role == .start { try begin(heard, &work) }
      return
    }
    // It waited for its key while the instance began.
    if heard.position < instance.start { return }
    switch role {
    case .start:
      work.instance!.ignoredStarts += 1
      noteHeard(heard, &work)
    case .heard:
      if let address = heard.view.replyAddress, address.reader == work.batch.reader, address.start > 0,
        address.start != instance.start
      {
        return
      }
      if heard.position <= instance.caughtUp, work.declaration?.process?.named(forType: heard.view.type) != nil {
        // It was queued as well, for one before it with the same key.
        guard let missed = instance.missed.firstIndex(of: heard.position) else { return }
        work.instance!.missed.remove(at: missed)
      }
      try take(heard, &work)
    case .decided:
      guard instance.wait.kind == .outcome, isAnswer(heard.view, to: instance) else { return }
      noteHeard(heard, &work)
      try goOn(step(.outcome, heard, &work), &work)
    case .answered:
      guard instance.wait.kind == .answer, isAnswer(heard.view, to: instance) else { return }
      noteHeard(heard, &work)
      try goOn(step(.answer, heard, &work), &work)
    case .abort: try abort(heard, &work)
    case .verb: try obey(heard, &work)
    }
  }

  /// Whether an answer is to what the instance waits for, and not to what one before it with the same key has asked.
  private func isAnswer(_ entry: EntryView, to instance: ProcessInstance) -> Bool {
    guard let address = entry.replyAddress else { return false }
    return address.start == instance.start && address.step == instance.wait.asker
  }

  private func noteHeard(_ heard: HeardEntry, _ work: inout ProcessWork) {
    work.instance!.heard = max(work.instance!.heard, heard.position)
    work.hasChanged = true
  }

  private mutating func begin(_ heard: HeardEntry, _ work: inout ProcessWork) throws(CallError) {
    work.instance = ProcessInstance(
      generation: work.batch.generation.number, start: heard.position,
      wait: ProcessInstance.Wait(kind: .outcome, since: work.batch.now))
    work.hasChanged = true
    work.instance!.listens = try listens(to: heard, on: work.batch.generation, work)
    try start(heard, &work)
    if work.instance != nil, heard.position <= work.batch.from { try findMissed(&work) }
  }

  /// Makes the coroutine of a new history and lets it run to its first wait.
  private mutating func start(_ heard: HeardEntry, _ work: inout ProcessWork) throws(CallError) {
    guard let consumer = work.consumer else { throw Self.undeclared(work) }
    let run = try worker(for: work.generation).scripts.makeRun(consumer: consumer)
    let start = heard.copy(hash: hash, data: work.instance?.data)
    work.live = ProcessRuns.Kept(
      run: run, digest: 0, earlierSteps: work.instance?.earlierSteps ?? 0, start: start, cause: start)
    try goOn(step(.start, nil, &work), &work)
  }

  /// An event that is awaited, or will be.
  mutating func take(_ heard: HeardEntry, _ work: inout ProcessWork) throws(CallError) {
    guard work.instance!.mailbox.count < ProcessInstance.mostHeard else {
      throw CallError(
        kind: .limit,
        message: "\(ProcessInstance.mostHeard) events were heard and are not awaited: await what hears names")
    }
    noteHeard(heard, &work)
    work.instance!.mailbox.append(.init(position: heard.position, typeHash: hash(heard.view.type)))
    guard work.instance!.wait.kind == .events, let next = fitting(work.instance!) else { return }
    try goOn(stepFromMailbox(next, heard, &work), &work)
  }

  private mutating func abort(_ heard: HeardEntry, _ work: inout ProcessWork) throws(CallError) {
    // One rollback is enough.
    if work.instance!.isRollingBack { return }
    noteHeard(heard, &work)
    try makeLive(&work)
    // It has the answer that it waits for before it rolls back; and what it takes back already goes on as it was.
    let goesOn = [.outcome, .answer].contains(work.instance!.wait.kind) || work.live!.run.isRollingBack
    let wait = try step(.abort, heard, &work)
    if !goesOn { try goOn(wait, &work) }
  }

  private mutating func obey(_ heard: HeardEntry, _ work: inout ProcessWork) throws(CallError) {
    switch ProcessVerb(heard.view) {
    case .cancel: try abort(heard, &work)
    case .end:
      noteHeard(heard, &work)
      try goOn(step(.cancel, heard, &work), &work)
    case .move: noteHeard(heard, &work)
    case nil: break
    }
  }

  // MARK: resuming

  /// Which of the events in the mailbox end the wait; nil: it goes on.
  func fitting(_ instance: ProcessInstance) -> [Int]? {
    let hashes = instance.wait.types.map { hash($0) }
    if !instance.wait.all {
      return instance.mailbox.firstIndex { hashes.contains($0.typeHash) }.map { [$0] }
    }
    var found: [Int] = []
    for type in hashes {
      guard let index = instance.mailbox.firstIndex(where: { $0.typeHash == type }) else { return nil }
      if !found.contains(index) { found.append(index) }
    }
    return found
  }

  /// Follows an instance until it waits for what is not there.
  mutating func goOn(_ first: ProcessWait, _ work: inout ProcessWork) throws(CallError) {
    var wait = first
    while true {
      switch wait {
      case .ended(.restarted(let data)):
        work.instance!.restart(with: data)
        let start = try find(work.instance!.start, work)
        return try self.start(start, &work)
      case .ended:
        work.instance = nil
        work.live = nil
        return
      case .outcome, .answer:
        work.instance!.wait = ProcessInstance.Wait(wait, since: work.batch.now)
        work.instance!.wait.asker = work.instance!.nextStep - 1
        return
      case .events, .sleep:
        work.instance!.wait = ProcessInstance.Wait(wait, since: work.batch.now)
        if let next = fitting(work.instance!) {
          wait = try stepFromMailbox(next, nil, &work)
        } else if wait.isOver {
          wait = try step(.timeout, nil, &work)
        } else {
          return
        }
      }
    }
  }
}

extension InstanceStep {
  /// The record that the instance is at.
  var place: InstancePlace { InstancePlace(keyHash: unit.keyHash, place: state.place) }
}

extension KeyState {
  /// What the log is to say of an instance; nil: it has ended.
  mutating func take(_ instance: ProcessInstance?) {
    version = 1
    guard let instance else {
      (json, deadline, generation, life) = (nil, nil, 0, .ended)
      return
    }
    // One that is to be told what it has missed is called as soon as nothing waits for its key.
    let deadline = instance.missed.isEmpty ? instance.wait.deadline : 1
    (json, self.deadline, generation, life) = (instance.bytes, deadline, instance.generation, .open)
  }
}
