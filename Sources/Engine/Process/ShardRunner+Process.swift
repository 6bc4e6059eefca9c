import Events
import LogStorage
import Scripts

/// Advancing the instances of a process on a worker thread (design, section 5.5).
extension ShardRunner {
  /// Handles a unit: brings the instance of its key up to its commit time, gives it the event, and resumes it until it
  /// waits for what is not there.
  mutating func advance(
    _ unit: Unit, _ entry: EntryView, _ index: Int, _ batch: Batch, _ shard: Shard
  ) throws(CallError) {
    let key = batch.key(of: unit, entry: entry)
    do throws(CallError) {
      let before = try instance(of: key, unit, entry, batch, shard)
      var work = ProcessWork(batch, shard, index, key, before)
      if let instance = before { work.live = kept(work, instance.digest) }
      try handle(unit, entry, &work)
      if work.hasChanged { note(work, after: unit, batch, shard) }
      if let live = work.live, work.instance != nil { keep(live, work) }
      if !work.log.isEmpty { shard.logs.append((index, work.log)) }
    } catch {
      var error = error
      error.key = key
      throw error
    }
  }

  private mutating func handle(_ unit: Unit, _ entry: EntryView, _ work: inout ProcessWork) throws(CallError) {
    let heard = HeardEntry(
      entry, unit.position,
      recorded: work.shard.readBack[work.index]?.commit(of: Position(unit.position)).time ?? unit.recorded)
    // A wake that failed is tried again as the event that the instance has heard long since.
    let isWake = unit.isWake || work.instance.map { unit.position <= $0.heard } ?? false
    if work.instance != nil { try settleGeneration(&work) }
    try passDeadlines(before: isWake ? .max : heard.recorded, &work)
    if !isWake { try hear(heard, &work) }
  }

  /// Wakes the instance as often as a time that it waits for has passed.
  private mutating func passDeadlines(before time: Int64, _ work: inout ProcessWork) throws(CallError) {
    var limit = time
    while let deadline = work.instance?.wait.deadline, deadline < limit {
      let wait = try step(.timeout, nil, &work)
      try goOn(wait, &work)
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
    return address.start == instance.start && address.step + 1 == instance.nextStep
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
    try start(heard, &work)
  }

  /// Makes the coroutine of a new history and lets it run to its first wait.
  private mutating func start(_ heard: HeardEntry, _ work: inout ProcessWork) throws(CallError) {
    guard let consumer = work.consumer else { throw Self.undeclared(work) }
    let run = try processWorker(for: work.generation).scripts.makeRun(consumer: consumer)
    let start = heard.copy(hash: hash, data: work.instance?.data)
    work.live = ProcessRuns.Kept(run: run, digest: 0, start: start, cause: start)
    try goOn(step(.start, nil, &work), &work)
  }

  /// An event that is awaited, or will be.
  private mutating func take(_ heard: HeardEntry, _ work: inout ProcessWork) throws(CallError) {
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
    if work.instance!.abort > 0 || work.instance!.isRollingBack { return }
    noteHeard(heard, &work)
    switch work.instance!.wait.kind {
    case .outcome, .answer: work.instance!.abort = heard.position
    case .events, .sleep: try goOn(step(.abort, heard, &work), &work)
    }
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
        work.instance!.wait = ProcessInstance.Wait(kind: wait.isOutcome ? .outcome : .answer, since: work.batch.now)
        return
      case .events(_, _, let within), .sleep(let within as Int64?):
        work.instance!.wait = ProcessInstance.Wait(wait, since: work.batch.now)
        if work.instance!.abort > 0 {
          let position = work.instance!.abort
          work.instance!.abort = 0
          wait = try step(.abort, find(position, work), &work)
        } else if let next = fitting(work.instance!) {
          wait = try stepFromMailbox(next, nil, &work)
        } else if let within, within <= 0 {
          wait = try step(.timeout, nil, &work)
        } else {
          return
        }
      }
    }
  }
}
