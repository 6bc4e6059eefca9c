import Events
import LogStorage
import Scripts

/// The steps of instances: live ones, and those that a replay repeats.
extension ShardRunner {
  /// Resumes an instance. `heard`: what it is resumed with; nil for a start and a timeout.
  /// - Returns: what it waits for next.
  mutating func step(
    _ kind: ProcessStep.Kind, _ heard: HeardEntry?, _ work: inout ProcessWork
  ) throws(CallError) -> ProcessWait {
    guard work.instance!.stepCount < ProcessInstance.mostSteps else {
      throw CallError(
        kind: .limit,
        message: "a history has at most \(ProcessInstance.mostSteps) steps: restart(data) ends it and begins the next")
    }
    try makeLive(&work)
    var live = work.live!
    work.live = nil
    let effects = work.shard.effects
    let first = effects.count
    let position = kind == .start ? live.start.position : heard?.position ?? 0
    let input = try input(kind, heard, live, work)
    if let heard { live.cause = heard }
    let worker = try worker(for: work.generation)
    worker.documents?.begin(work.index, of: work.batch)
    mark.begin(work.index)
    let outcome = withContext(live, heard, now: work.batch.now, work.instance!.nextStep, work) {
      worker.scripts.step(live.run, input.value, $0, into: effects)
    }
    mark.end()
    worker.documents?.end()
    withExtendedLifetime(input) {}
    if worker.scripts.isDead { drop(worker.scripts) }
    switch outcome {
    case .waits(let wait, let log, let compensations):
      let step = ProcessStep(
        kind: kind, position: position, now: work.batch.now, effects: UInt32(effects.count - first),
        digest: ProcessEffects.digest(of: effects, from: first, hash: hash))
      live.digest = ProcessEffects.link(work.instance!.digest, step, hash)
      if let heard { live.cause = heard.copy(hash: hash) }
      work.instance!.steps.append(step)
      work.instance!.digest = live.digest
      work.instance!.compensations = compensations
      if kind == .abort { work.instance!.isRollingBack = true }
      work.hasChanged = true
      work.log += log
      work.live = live
      return wait
    case .failed(let failure):
      throw CallError(
        kind: FailureKind(failure.kind), message: failure.message, traceback: failure.traceback,
        log: work.log + failure.log)
    case .hostFault(let message): throw CallError(kind: .host, message: message)
    }
  }

  /// Takes what the wait was for out of the mailbox and resumes the instance with it. `last`: the entry that came last, when
  /// it is at hand.
  mutating func stepFromMailbox(
    _ indexes: [Int], _ last: HeardEntry?, _ work: inout ProcessWork
  ) throws(CallError) -> ProcessWait {
    let position = work.instance!.mailbox[indexes[0]].position
    let heard = last?.position == position ? last! : try find(position, work)
    work.instance!.mailbox.remove(at: indexes[0])
    return try step(.event, heard, &work)
  }

  private func withContext<Result>(
    _ live: ProcessRuns.Kept, _ heard: HeardEntry?, now: Int64, _ step: UInt32, _ work: ProcessWork,
    _ body: (StepContext) -> Result
  ) -> Result {
    work.key.forScripts { key in
      body(
        StepContext(
          start: live.start.view, startPosition: Position(live.start.position), cause: live.cause.view,
          causePosition: Position(live.cause.position), recorded: live.cause.recorded, now: now, key: key,
          readerNumber: work.batch.reader, step: step))
    }
  }

  // MARK: what a step begins with

  /// What the script is given, and what keeps it in memory.
  private struct Input {
    var value: ProcessInput
    var entries: [HeardEntry] = []
  }

  private func input(
    _ kind: ProcessStep.Kind, _ heard: HeardEntry?, _ live: ProcessRuns.Kept, _ work: ProcessWork
  ) throws(CallError) -> Input {
    switch kind {
    case .start: return Input(value: .start(live.start.view, Position(live.start.position)))
    case .timeout: return Input(value: .timeout)
    default: break
    }
    guard let heard else { throw CallError(kind: .host, message: "step \(kind) was resumed with nothing") }
    switch kind {
    case .event: return Input(value: .event(heard.view, Position(heard.position)), entries: [heard])
    case .outcome:
      guard let decision = CommandDecision(heard.view) else {
        throw CallError(kind: .host, message: "position \(heard.position) does not say how a command was decided")
      }
      if let reason = decision.reason { return Input(value: .rejected(reason)) }
      var input = Input(value: .accepted([]))
      for position in decision.effects {
        let effect = try find(position, work)
        if effect.view.rawKind == RecordKind.event.rawValue { input.entries.append(effect) }
      }
      input.value = .accepted(input.entries.map { ($0.view, Position($0.position), $0.recorded) })
      return input
    case .answer: return Input(value: .answered(heard.view), entries: [heard])
    case .abort: return Input(value: .abort(Self.reason(of: heard.view)), entries: [heard])
    case .cancel: return Input(value: .cancel(Self.reason(of: heard.view)), entries: [heard])
    case .start, .timeout: preconditionFailure("both were answered above")
    }
  }

  /// Why an instance is to end: what an operator said, or the type of the event.
  private static func reason(of entry: EntryView) -> String {
    entry.type.equals(HostEvent.process.bytes) ? ProcessVerb.reason(entry) : entry.type.text
  }

  /// An entry of the log: in the batch's memory, or read.
  func find(_ position: UInt64, _ work: ProcessWork) throws(CallError) -> HeardEntry {
    let at = Position(position)
    if let chunk = work.batch.chunks.first(where: { $0.contains(at) }) ?? work.shard.readBack[work.index],
      chunk.contains(at)
    {
      return HeardEntry(chunk, position)
    }
    do {
      return HeardEntry(try earlier.chunk(holding: at), position)
    } catch {
      throw CallError(kind: .host, message: "\(error)")
    }
  }

  // MARK: replays

  /// Makes the coroutine of an instance by running its history again.
  mutating func makeLive(_ work: inout ProcessWork) throws(CallError) {
    guard work.live == nil else { return }
    switch try replay(on: work.generation, work) {
    case .agrees(let live, _): work.live = live
    case .differs(let step, let what):
      // It would differ at the next call too.
      throw CallError(
        kind: .refused,
        message: """
          the history of this instance is not what its script does now, although the script is the same: step \(step + 1) \
          \(what)
            moondance processes cancel ends it
          """)
    }
  }

  /// What came of running a history again.
  enum Replay {
    case agrees(ProcessRuns.Kept, ProcessWait)
    /// The first step that is not as it was, from 0, and how.
    case differs(step: Int, what: String)
  }

  /// Runs the instance's history on a generation, without effects.
  mutating func replay(on generation: RunningGeneration, _ work: ProcessWork) throws(CallError) -> Replay {
    let instance = work.instance!
    let history = try history(of: instance, work)
    guard let consumer = generation.consumer(like: work.batch) else { throw Self.undeclared(work) }
    let worker = try worker(for: generation)
    let start = try find(instance.start, work).copy(hash: hash, data: instance.data)
    var live = ProcessRuns.Kept(
      run: worker.scripts.makeRun(consumer: consumer), digest: 0, earlierSteps: instance.earlierSteps, start: start,
      cause: start)
    let scratch = EntryBatch(hash: hash, capacity: 1024)
    var wait: ProcessWait?
    for (index, step) in history.enumerated() {
      let heard = step.kind == .start || step.kind == .timeout ? nil : try find(step.position, work)
      if let problem = misfit(step, heard, wait) { return .differs(step: index, what: problem) }
      let input = try input(step.kind, heard, live, work)
      if let heard { live.cause = heard }
      scratch.truncate(to: (0, 0))
      worker.documents?.begin(work.index, of: work.batch)
      mark.begin(work.index)
      let outcome = withContext(live, heard, now: step.now, instance.earlierSteps + UInt32(index), work) {
        worker.scripts.step(live.run, input.value, $0, into: scratch)
      }
      mark.end()
      worker.documents?.end()
      withExtendedLifetime(input) {}
      if worker.scripts.isDead { drop(worker.scripts) }
      switch outcome {
      case .waits(let next, _, _):
        let digest = ProcessEffects.digest(of: scratch, from: 0, hash: hash)
        guard scratch.count == Int(step.effects), digest == step.digest else {
          return .differs(step: index, what: try difference(step, cause: live.cause.position, scratch))
        }
        live.digest = ProcessEffects.link(live.digest, step, hash)
        wait = next
      case .failed(let failure):
        if failure.kind == .time || failure.kind == .memory {
          throw CallError(
            kind: FailureKind(failure.kind), message: "step \(index + 1), run again: \(failure.message)",
            traceback: failure.traceback, log: failure.log)
        }
        return .differs(step: index, what: "fails: \(failure.message)")
      case .hostFault(let message): throw CallError(kind: .host, message: message)
      }
      if case .ended? = wait, index < history.count - 1 {
        return .differs(step: index + 1, what: "does not come: the script has ended before it")
      }
    }
    live.cause = live.cause.copy(hash: hash)
    guard let wait, !wait.isEnd else { return .differs(step: history.count - 1, what: "ends the instance") }
    return .agrees(live, wait)
  }

  /// Every step of the instance's history, from records that lead to each other. Blocks on the disk.
  private func history(of instance: ProcessInstance, _ work: ProcessWork) throws(CallError) -> [ProcessStep] {
    do {
      return try ProcessHistory.steps(of: instance, key: work.key, reader: work.batch.reader, in: log)
    } catch {
      throw CallError(kind: .host, message: "\(error)")
    }
  }

  /// Why a step cannot follow a wait; nil: it can.
  private func misfit(_ step: ProcessStep, _ heard: HeardEntry?, _ wait: ProcessWait?) -> String? {
    let happened = heard.map { "\($0.view.type.text) at \($0.position) came" } ?? "its time had come"
    guard let wait else { return step.kind == .start ? nil : "has nothing before it" }
    switch (wait, step.kind) {
    case (.outcome, .outcome), (.answer, .answer), (.events, .timeout), (.sleep, .timeout): return nil
    case (_, .abort), (_, .cancel): return nil
    case (.events(let types, _, _), .event):
      let type = heard!.view.type
      return types.contains { $0.utf8.elementsEqual(type) }
        ? nil : "waits for \(types.joined(separator: ", ")), where \(happened)"
    case (.outcome, _): return "waits for the outcome of a command, where \(happened)"
    case (.answer, _): return "waits for the answer to a request, where \(happened)"
    case (.events(let types, _, _), _): return "waits for \(types.joined(separator: ", ")), where \(happened)"
    case (.sleep, _): return "sleeps, where \(happened)"
    case (.ended, _): return "does not come: the script has ended before it"
    }
  }

  private func difference(_ step: ProcessStep, cause: UInt64, _ now: EntryBatch) throws(CallError) -> String {
    var made: [String] = []
    do {
      try ProcessEffects.forEach(of: step, cause: cause, in: log) { _, entry in made.append(ProcessEffects.text(entry))
      }
    } catch {
      throw CallError(kind: .host, message: "\(error)")
    }
    let makes = (0..<now.count).map { ProcessEffects.text(now.entry($0)) }
    if made.isEmpty, step.effects > 0 { made = ["\(step.effects) effects"] }
    if made == makes {
      return "makes \(ProcessEffects.text(makes)) with other data than it did"
    }
    return "makes \(ProcessEffects.text(makes)), where it made \(ProcessEffects.text(made))"
  }

  // MARK: generations

  /// An instance on an older generation is tried on the newest: it moves there when its history is the same.
  mutating func settleGeneration(_ work: inout ProcessWork) throws(CallError) {
    let newest = work.batch.generation
    guard let instance = work.instance, instance.generation != newest.number,
      instance.stays?.generation != newest.number
    else { return }
    work.hasChanged = true
    switch try replay(on: newest, work) {
    case .agrees(let live, let wait):
      do throws(CallError) {
        work.instance!.listens = try listens(to: find(instance.start, work), on: newest, work)
      } catch  where error.kind == .error || error.kind == .limit {
        return try stay(at: 0, "cannot be heard by: \(error.message)", &work)
      }
      work.instance!.generation = newest.number
      work.instance!.stays = nil
      work.live = live
      var next = ProcessInstance.Wait(wait, since: instance.wait.since)
      if next.kind == instance.wait.kind { next.asker = instance.wait.asker }
      guard next != instance.wait else { return }
      // It waits for something else from now on, which may be there.
      try goOn(wait, &work)
      // Nothing has come of it: it has made no step, nor begun anew.
      if let moved = work.instance, moved.stepCount == instance.stepCount, moved.earlierSteps == instance.earlierSteps {
        work.instance!.wait = next
      }
    case .differs(let step, let what): try stay(at: step, what, &work)
    }
  }

  /// The instance is not tried on the newest generation again.
  private func stay(at step: Int, _ what: String, _ work: inout ProcessWork) throws(CallError) {
    let instance = work.instance!
    guard work.batch.pinned[instance.generation] != nil else {
      throw CallError(kind: .host, message: "generation \(instance.generation) is not loaded")
    }
    work.instance!.stays = ProcessInstance.Stay(
      generation: work.batch.generation.number, step: UInt32(step), what: String(what.prefix(512)))
  }

  // MARK: kept between the steps

  /// The coroutine that this worker has kept for the instance.
  func kept(_ work: ProcessWork, _ instance: ProcessInstance) -> ProcessRuns.Kept? {
    existing(work.generation)?.runs.take(
      work.runKey, digest: instance.digest, earlierSteps: instance.earlierSteps)
  }

  func keep(_ live: ProcessRuns.Kept, _ work: ProcessWork) {
    guard let worker = existing(work.generation), !worker.scripts.isDead else { return }
    if worker.scripts.memory > Self.mostRunBytes { worker.runs.removeAll() }
    worker.runs.keep(live, work.runKey)
  }

  /// Bytes that scripts and coroutines hold in a worker before the coroutines are let go of: a quarter of what they may.
  private static var mostRunBytes: Int { 16 << 20 }

  static func undeclared(_ work: ProcessWork) -> CallError {
    CallError(
      kind: .host,
      message: "generation \(work.instance?.generation ?? 0) has no process \"\(work.batch.declaration.name)\"")
  }
}

extension ProcessWait {
  /// It was for what is there already, or for no time at all.
  var isOver: Bool {
    switch self {
    case .events(_, _, let within): within.map { $0 <= 0 } ?? false
    case .sleep(let time): time <= 0
    case .outcome, .answer, .ended: false
    }
  }
  var isEnd: Bool { if case .ended = self { true } else { false } }
}

extension ProcessInstance.Wait {
  /// Of a wait that has not ended.
  init(_ wait: ProcessWait, since: Int64) {
    switch wait {
    case .outcome, .ended: self.init(kind: .outcome, since: since)
    case .answer: self.init(kind: .answer, since: since)
    case .events(let types, let all, let within):
      self.init(kind: .events, since: since)
      (self.types, self.all) = (types, all)
      deadline = within.map { since + max($0, 0) }
    case .sleep(let time):
      self.init(kind: .sleep, since: since)
      deadline = since + max(time, 0)
    }
  }
}
