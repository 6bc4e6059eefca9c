import DequeModule
import Events
import HeapModule
package import LogStorage
import Scripts

/// The engine: takes turns. One thread calls it; it never waits for Lua or for the disk's sync.
///
/// A turn is a function of (state, inputs, now). What a turn wants done by others goes through `EngineHands`; what it
/// appends goes to the `Journal`; what it knows is the fold of what it appended.
package final class EngineCore {
  let settings: EngineSettings
  let identity: LogIdentity
  let hash: StableHash
  unowned let hands: any EngineHands
  let journal: any Journal
  /// What is counted; nil: nothing is.
  var metrics: EngineMetrics?
  var identities: IdentityIndex

  var framer: CommitFramer
  package private(set) var control: ControlState
  var clock: CommitClock
  var tail: Tail
  var generation: RunningGeneration?
  /// Older ones that instances of processes run on, by number.
  var pinned: [UInt32: RunningGeneration] = [:]
  var loadErrors: [String] = []
  /// What each consumer with a state may keep of them in memory.
  var stateCacheBytes = 0
  /// By reader number - 1.
  var runtimes: [ReaderRuntime] = []
  var retries = Heap<RetryEntry>()
  var plan = SchedulePlan()
  var timers = TimerRuntime()

  /// The time of this turn, µs.
  package internal(set) var now: Int64 = 0
  /// The monotonic clock at this turn, ns: what pauses are counted in.
  var monotonic: Int64 = 0
  /// With `clockIsEvents`, the time of the last commit: what events of an imported history say.
  var eventClock: Int64 = 0
  var scratch = ByteWriter(capacity: 4096)
  /// Counts the passes over the waiting requests.
  var pass: UInt64 = 0
  var appends: Deque<AppendJob> = []
  /// Came back from the reader thread in this turn; they are older than what waits in `appends`.
  var resumed: Deque<AppendJob> = []
  /// Requests that are with the reader thread.
  var lookUps = 0
  var finished: Deque<Batch> = []
  var deploys: Deque<DeployJob> = []
  /// Verbs that wait for their readers, and those that wait to be durable.
  var operators: [OperatorJob] = []
  var done: Deque<(commit: UInt64, job: OperatorJob)> = []
  /// Appends that wait to be durable, and refusals that name what is not durable yet.
  let answers = DurableAnswers()
  var refusals: Deque<(commit: UInt64, job: AppendJob, outcome: AppendOutcome)> = []
  /// Deploys that run and are not yet durable.
  var live: Deque<(commit: UInt64, job: DeployJob, outcome: ReloadOutcome)> = []
  var durableCommit: UInt64
  var durablePosition: UInt64
  var logBytes: UInt64
  /// Bytes appended and not yet durable, by commit.
  var unsynced: Deque<(commit: UInt64, bytes: Int)> = []
  var unsyncedBytes = 0
  /// Set while the disk is full: no append before this time (of the monotonic clock, ns).
  var appendAgainAt: Int64?
  var wasDiskFull = false
  /// The group that was refused last.
  var refusedBytes = 0
  /// A finished batch did not fit into the last group: nothing large is let in before it.
  var lackedRoom = false
  /// A reader has more to look at than one turn allows.
  var wantsTurn = false
  /// Entries that readers may still look at in this turn.
  var scanLeft = 0
  /// That was not enough for all, and who begins in the next turn.
  var someStandBack = false
  var nextToScan = 0
  /// Commands whose senders wait for the outcome, by position.
  var awaited: [UInt64: [CommandJob]] = [:]
  /// What they will be answered with, once it is durable.
  var commandAnswers: Deque<(commit: UInt64, job: CommandJob, outcome: CommandOutcome)> = []
  /// States that are to be kept once they are durable.
  var keeping: Deque<KeptSubject> = []
  /// A deploy waits for aggregates: no commands are let in before it.
  var deployWaitsForCommands = false
  /// Who asked for instances of processes.
  var processAnswers = ProcessAnswers()
  var isStopping = false
  /// On the way to a stop: the live cursors are in the log, so that the next start has nothing to read again.
  var wroteCursors = false
  package private(set) var isStopped = false

  package init(
    settings: EngineSettings, opened: EngineStart, journal: any Journal, identities: IdentityIndex,
    framer: consuming CommitFramer, hands: any EngineHands
  ) {
    self.settings = settings
    self.identity = opened.identity
    self.hash = opened.identity.hash
    self.hands = hands
    self.journal = journal
    self.identities = identities
    self.framer = framer
    control = opened.control
    eventClock = opened.control.time
    clock = CommitClock(last: opened.control.time, acceptsJumps: settings.acceptsClockJumps)
    tail = Tail(limit: settings.tailBytes, last: opened.control.position)
    durableCommit = opened.control.commit
    durablePosition = opened.control.position
    logBytes = opened.logBytes
    for generation in opened.pinned { pinned[generation.number] = generation }
    for reader in control.readers { addRuntime(of: reader) }
  }

  /// Takes one turn. `wall`: µs since 1970; `monotonic`: ns.
  /// - Throws: when the journal failed for good; the process must end.
  package func turn(_ inputs: [EngineInput], wall: Int64, monotonic: Int64) throws(JournalError) {
    let agreed = clock.agreement
    now = clock.time(wall: wall, monotonic: monotonic)
    if !clock.agreement.isLike(agreed) {
      hands.warn(clock.agreement.note ?? "the clock of this machine is right again")
    }
    wantsTurn = false
    (timers.standBack, plan.standsBack) = (false, false)
    (scanLeft, someStandBack) = (settings.scanPerTurn / 2, false)
    for index in runtimes.indices where runtimes[index].fetchAgainAt <= now { runtimes[index].fetchAgainAt = 0 }
    if let pause = appendAgainAt, monotonic >= pause { appendAgainAt = nil }
    self.monotonic = monotonic
    metrics?.tookTurn()
    for input in inputs { try take(input) }
    if !processAnswers.searches.isEmpty { goOnSearching() }
    collectDueRetries()
    handOutNextAtOnce()
    if canAppend, try hasRoom() { try appendGroup() }
    handOutToIdleReaders()
    finishStopping()
  }

  /// When the next turn is due without any input (µs by the wall clock), or nil.
  package var nextDue: Int64? {
    var due: Int64? = wantsTurn ? now : nil
    if let appendAgainAt {
      due = now + max(0, appendAgainAt - monotonic) / 1000
    } else if hasWorkToAppend, unsyncedBytes <= settings.unsyncedLimit {
      due = now
    }
    if let retry = retries.min?.due { due = min(due ?? .max, retry) }
    if let run = nextRunAhead { due = min(due ?? .max, run) }
    if let timer = nextDueOfTimers { due = min(due ?? .max, timer) }
    for index in runtimes.indices {
      if runtimes[index].fetchAgainAt > 0 { due = min(due ?? .max, runtimes[index].fetchAgainAt) }
      if let next = nextDueOfMessages(of: index) { due = min(due ?? .max, next) }
      if runtimes[index].keepsInstances, let next = nextWake(of: index) { due = min(due ?? .max, next) }
    }
    return due
  }

  /// Something was appended that nobody has told the journal to sync.
  package var isSyncDue = false

  /// Whether nothing is on its way that the next turn would have to do with: it may as well wait for the last append to be
  /// durable.
  package var isAtRest: Bool {
    unsynced.count <= 1 && lookUps == 0 && !wantsTurn && !hasWorkToAppend && !runtimes.contains { $0.isOut }
  }

  private func take(_ input: EngineInput) throws(JournalError) {
    switch input {
    case .append(let job): takeAppend(job)
    case .command(let job): take(job)
    case .commandWaited(let job): waited(job)
    case .lookedUp(let job): resume(job)
    case .batchDone(let batch): takeBack(batch)
    case .delivered(let report): takeDelivered(report)
    case .fetched(let reader, let result): takeFetched(reader, result)
    case .deploy(let job): deploys.append(job)
    case .loadRefused(let errors): loadErrors = errors
    case .durable(let commit, let position): becameDurable(commit: commit, position: position)
    case .journalEnded(let error): throw error
    case .status(let answer): answer(status())
    case .processes(let search): take(search)
    case .process(let key, let name, let answer): find(key, of: name, answer)
    case .operate(let job): take(job)
    case .lettersRead(let job): takeLettersRead(job)
    case .timersRead(let read): take(read)
    case .timers(let query, let answer): answer(timersPage(query))
    case .letters(let query, let answer): answer(page(query))
    case .workerLost(let batch, let unit, let seconds): takeLost(batch, unit: unit, seconds: seconds)
    case .workerBack(let batch, let unit): takeBackLost(batch, unit: unit)
    case .warning(let message): hands.warn(message)
    case .stopWaiting: stopWaiting()
    case .stop:
      isStopping = true
      for job in operators { refuseForStop(job) }
      operators = []
      stopWaitingForOutcomes()
    }
  }

  /// The time of the commits of this turn.
  var commitTime: Int64 { settings.clockIsEvents ? eventClock : now }

  var hasWorkToAppend: Bool {
    wasDiskFull || !appends.isEmpty || !resumed.isEmpty || !finished.isEmpty || !deploys.isEmpty || hasOperatorWork
      || hasDeliveriesToRecord || hasDueTimers || hasDueRuns
      || (mayWriteCursors && !wroteCursors)
  }

  var mayWriteCursors: Bool { isStopping && !runtimes.contains { $0.isOut } }

  private var canAppend: Bool {
    hasWorkToAppend && unsyncedBytes <= settings.unsyncedLimit && appendAgainAt == nil
  }

  /// After the disk was full: whether there is room again for what was refused. Found out now and then also when nothing
  /// waits to be written, so that `ready` tells the truth without anybody trying.
  private func hasRoom() throws(JournalError) -> Bool {
    guard wasDiskFull else { return true }
    do {
      try journal.makeRoom(for: refusedBytes)
    } catch .noSpace {
      refuseForSpace()
      return false
    } catch {
      throw error
    }
    wasDiskFull = false
    hands.diskIsFull(false)
    hands.warn("there is room on the disk again: appends go on")
    return true
  }

  /// Frames everything there is into one group, writes it, and folds it (design, section 2, steps 3 and 4).
  private func appendGroup() throws(JournalError) {
    framer.beginGroup(reserving: 1 << 16)
    let verbs = frameOperators()
    // A deploy is decided on the state before this group, which verbs of the same group would change.
    let deploy = verbs.isEmpty ? frameDeploy() : nil
    let fired = deploy == nil ? frameTimers() : []
    // Nor is a batch judged by the state before a deploy that it comes to lie behind: other code may be live by then.
    let decided = deploy == nil ? frameDecided() : []
    let accepted = frameAppends()
    let batches = deploy == nil ? decided + frameFinished() : []
    let deliveries = deploy == nil ? frameDeliveries(besides: verbs) : []
    let makesRuns = deploy == nil && frameRuns()
    let cursors = fired.isEmpty && batches.isEmpty && accepted.isEmpty && deliveries.isEmpty && frameCursors()
    guard framer.hasCommits else {
      framer.rollback()
      identities.groupFailed()
      eventClock = max(eventClock, framer.lastTime)
      answerWithoutCommit(accepted)
      for job in verbs { committed(job) }
      if cursors { wroteCursors = true }
      return
    }
    let chunk = framer.endGroup()
    do {
      try journal.append(chunk)
    } catch .noSpace {
      framer.rollback()
      identities.groupFailed()
      refusedBytes = chunk.byteCount
      outOfSpace(deploy: deploy, accepted: accepted, finished: batches)
      return
    } catch {
      throw error
    }
    isSyncDue = true
    logBytes += UInt64(chunk.byteCount)
    unsynced.append((chunk.lastCommit, chunk.byteCount))
    unsyncedBytes += chunk.byteCount
    identities.groupAppended(to: journal)
    metrics?.appended(chunk)
    tail.append(chunk, durable: durablePosition)
    fold(chunk)
    if makesRuns || !plan.isComplete, let scripts = generation?.scripts { plan.update(scripts, control.schedules) }
    for job in verbs { committed(job) }
    if let deploy { goLive(deploy) }
    acceptedAppends(accepted, commit: chunk.lastCommit)
    for batch in batches { committedBatch(batch) }
    for delivery in deliveries { committed(delivery) }
    committedTimers(fired)
    noteMissed(chunk)
    if cursors { wroteCursors = true }
  }

  /// On the way to a stop: writes the live cursors down. True when that is done, though there may be none to write.
  private func frameCursors() -> Bool {
    guard mayWriteCursors, !wroteCursors else { return false }
    for index in runtimes.indices { passUnheard(index) }
    let moved = control.readers.filter { reader in
      let runtime = runtimes[Int(reader.number) - 1]
      return !reader.isRemoved && runtime.isQuiet && runtime.scanned > reader.cursor
    }
    guard !moved.isEmpty else { return true }
    framer.beginCommit(producer: .host, generation: control.generation, time: commitTime, durable: durableCommit)
    for reader in moved {
      scratch.truncate(to: 0)
      ProgressRecord(reader: reader.number, through: runtimes[Int(reader.number) - 1].scanned).encode(into: &scratch)
      framer.appendRecord(scratch.bytes)
    }
    framer.endCommit()
    return true
  }

  /// Applies what was appended to the control state, by the same code that folds the log after a restart.
  private func fold(_ chunk: LogChunk) {
    do {
      try control.apply(chunk)
    } catch {
      preconditionFailure("the engine wrote a record that it cannot fold: \(error)")
    }
  }

  private func outOfSpace(deploy: DeployJob?, accepted: [AcceptedAppend], finished batches: [Batch]) {
    hands.warn("the disk is full: appends are refused until there is room")
    wasDiskFull = true
    hands.diskIsFull(true)
    eventClock = framer.lastTime
    for append in accepted { append.job.answer(.noSpace) }
    refuseForSpace()
    for batch in batches.reversed() { finished.prepend(batch) }
    if let deploy { deploys.prepend(deploy) }
  }

  /// There is no room: what asks for it is told, and the disk is left alone for a while.
  private func refuseForSpace() {
    appendAgainAt = monotonic + settings.fullDiskPause * 1000
    for job in resumed + appends { job.answer(.noSpace) }
    (resumed, appends) = ([], [])
    refuseOperatorsForSpace()
  }

  private func becameDurable(commit: UInt64, position: UInt64) {
    durableCommit = max(durableCommit, commit)
    durablePosition = max(durablePosition, position)
    while let first = unsynced.first, first.commit <= durableCommit {
      unsyncedBytes -= unsynced.removeFirst().bytes
    }
    answers.becameDurable(through: durableCommit)
    while let first = refusals.first, first.commit <= durableCommit {
      refusals.removeFirst()
      first.job.answer(first.outcome)
    }
    if !keeping.isEmpty { keepStates() }
    while let first = commandAnswers.first, first.commit <= durableCommit {
      commandAnswers.removeFirst()
      first.job.answer(first.outcome)
    }
    if !processAnswers.waiting.isEmpty { giveProcessAnswers() }
    while let first = done.first, first.commit <= durableCommit {
      done.removeFirst()
      answer(first.job)
    }
    while let first = live.first, first.commit <= durableCommit {
      live.removeFirst()
      first.job.answer(first.outcome)
    }
  }

  /// Stops in three steps: nothing new is handed out and what is out comes back; the cursors are written down; all of
  /// it becomes durable.
  private func finishStopping() {
    guard isStopping, !isStopped else { return }
    if appendAgainAt != nil {
      // Nothing more can be written. What was not committed never happened and is done after the next start.
      for job in resumed + appends { job.answer(.noSpace) }
      (resumed, appends) = ([], [])
    } else if runtimes.contains(where: { $0.isOut }) || hasWorkToAppend || !wroteCursors {
      return
    }
    guard lookUps == 0, answers.isEmpty, refusals.isEmpty, commandAnswers.isEmpty, unsynced.isEmpty,
      processAnswers.isEmpty
    else { return }
    isStopped = true
  }
}
