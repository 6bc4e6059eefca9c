import DequeModule
import Events
import LogStorage
import Scripts

/// Generations: what a new set of scripts changes, and how it goes live.
extension EngineCore {
  /// Frames the next deploy as a commit of its own, before everything else of the turn. Nil when there is none.
  func frameDeploy() -> DeployJob? {
    while let job = deploys.popFirst() {
      if isStopping {
        job.answer(.refused(errors: ["the host is stopping"]))
      } else if isRunning(job.scripts) {
        goLiveUnchanged(job)
      } else if waitsForOldKeys(job.scripts) || waitsForCommands(job) {
        deploys.prepend(job)
        return nil
      } else if let errors = refusals(of: job) {
        loadErrors = errors
        job.answer(.refused(errors: errors))
      } else {
        job.changes = changes(for: job)
        frame(job)
        return job
      }
    }
    return nil
  }

  /// Whether the log's last deploy has the same files.
  private func isRunning(_ scripts: Generation) -> Bool {
    control.generation > 0 && scripts.files.count == control.files.count
      && zip(scripts.files, control.files).allSatisfy { $0.path == $1.path && $0.hash == $1.hash }
  }

  private func goLiveUnchanged(_ job: DeployJob) {
    loadErrors = []
    if generation == nil {
      setRunning(job.scripts, number: control.generation)
    }
    let outcome = ReloadOutcome.loaded(generation: control.generation, isNew: false, warnings: job.scripts.warnings)
    // The deploy that it repeats may not be durable yet.
    if control.commit <= durableCommit { return job.answer(outcome) }
    live.append((control.commit, job, outcome))
  }

  /// Whether a batch by an old `key` is still out or not yet committed: it may leave blocked keys, which forbid the deploy.
  private func waitsForOldKeys(_ scripts: Generation) -> Bool {
    scripts.consumers.contains { consumer in
      guard let reader = control.reader(named: consumer.name, kind: consumer.readerKind),
        reader.keyRule != consumer.key.fingerprint
      else { return false }
      let runtime = runtimes[Int(reader.number) - 1]
      return runtime.out != nil || runtime.finished > 0
    }
  }

  /// What forbids a deploy although every file is good.
  private func refusals(of job: DeployJob) -> [String]? {
    if let refusal = refusalOfSize(job.scripts) { return [refusal] }
    var errors: [String] = []
    for consumer in job.scripts.consumers {
      guard let reader = control.reader(named: consumer.name, kind: consumer.readerKind),
        reader.keyRule != consumer.key.fingerprint,
        !reader.blocked.isEmpty || !reader.states.isEmpty && reader.kind != .rule
      else { continue }
      let what = reader.blocked.isEmpty ? "\(reader.states.count) states" : "\(reader.blocked.count) blocked keys"
      errors.append(
        """
        \(consumer.file):\(consumer.line): \(consumer.word) "\(consumer.name)" has another key than before, and \
        \(what) by the old one
          put the old key back until they are done, or give the consumer another name
        """)
    }
    errors += refusalsOfCommands(job)
    return errors.isEmpty ? nil : errors
  }

  /// A deploy is one commit. What it says besides the sources that the log does not have has a mebibyte.
  private func refusalOfSize(_ scripts: Generation) -> String? {
    let bytes = scripts.files.reduce(0) { $0 + (control.sources[$1.hash] == nil ? $1.bytes.count : 0) }
    let most = identity.limits.maxGroupBytes - (1 << 20)
    if bytes <= most { return nil }
    return
      "the scripts that are new have \(bytes) bytes together, and a deploy brings at most \(most): bring some first"
  }

  private func changes(for job: DeployJob) -> [ReaderChange] {
    var changes: [ReaderChange] = []
    var created = UInt32(control.readers.count)
    for consumer in job.scripts.consumers {
      let known = control.reader(named: consumer.name, kind: consumer.readerKind)
      let hearing = hearing(of: consumer, known)
      guard let reader = known else {
        created += 1
        var change = ReaderChange(.created, reader: created)
        change.kind = consumer.readerKind
        change.name = consumer.name
        change.cursor = start(of: consumer, job)
        change.hearing = hearing
        change.scriptHash = consumer.scriptHash
        change.keyRule = consumer.key.fingerprint
        changes.append(change)
        continue
      }
      if let change = self.change(of: reader, to: consumer, hearing: hearing, job) { changes.append(change) }
    }
    for reader in control.readers where !reader.isRemoved {
      guard [.consumer, .rule, .process, .aggregate, .destination].contains(reader.kind),
        !job.scripts.consumers.contains(where: { $0.name == reader.name && $0.readerKind == reader.kind })
      else { continue }
      var change = ReaderChange(.removed, reader: reader.number)
      change.cursor = max(runtimes[Int(reader.number) - 1].liveCursor, job.passed[reader.name] ?? 0)
      changes.append(change)
    }
    return changes
  }

  private func change(
    of reader: ReaderState, to consumer: ConsumerDeclaration, hearing: [String], _ job: DeployJob
  ) -> ReaderChange? {
    let what: ReaderChange.What
    if reader.life == .removed {
      what = .returned
    } else if reader.hearing != hearing {
      what = .hearingChanged
    } else if reader.scriptHash != consumer.scriptHash || reader.keyRule != consumer.key.fingerprint {
      what = .codeChanged
    } else {
      return nil
    }
    var change = ReaderChange(what, reader: reader.number)
    change.kind = reader.kind
    // Commands that came while it was away were for others: nobody could have sent one to it.
    if what == .returned, reader.kind == .aggregate { change.cursor = control.position }
    if what == .hearingChanged {
      let live = runtimes[Int(reader.number) - 1].liveCursor
      change.cursor = max(live, job.passed[reader.name] ?? 0)
    }
    if reader.hearing != hearing { change.hearing = hearing }
    change.scriptHash = consumer.scriptHash
    if reader.keyRule != consumer.key.fingerprint {
      change.keyRule = consumer.key.fingerprint
      if reader.kind == .rule, let forgotten = ForgottenKeys(of: reader) { job.forgotten.append(forgotten) }
    }
    return change
  }

  /// Where a new consumer begins: the position before the first it hears.
  private func start(of consumer: ConsumerDeclaration, _ job: DeployJob) -> UInt64 {
    switch consumer.from {
    case .now: control.position
    case .start: 0
    case .position(let position): max(position.rawValue, 1) - 1
    case .time: job.starts[consumer.name] ?? control.position
    }
  }

  private func frame(_ job: DeployJob) {
    let number = control.generation + 1
    framer.beginCommit(producer: .operator, generation: number, time: commitTime, durable: durableCommit)
    let files = job.scripts.files.map { file in
      DeployRecord.File(
        path: file.path, hash: file.hash, source: control.sources[file.hash] == nil ? file.bytes : nil)
    }
    let record = DeployRecord(
      generation: number, files: files, preludeLevel: Generation.preludeLevel, luaVersion: Generation.luaVersion)
    scratch.truncate(to: 0)
    record.encode(into: &scratch)
    framer.appendRecord(scratch.bytes)
    for change in job.changes {
      scratch.truncate(to: 0)
      change.encode(into: &scratch)
      framer.appendRecord(scratch.bytes)
    }
    frameSchedules(of: job.scripts)
    framer.endCommit()
  }

  /// The deploy is appended: from the next batch on, the new scripts run.
  func goLive(_ job: DeployJob) {
    loadErrors = []
    for change in job.changes {
      let index = Int(change.reader) - 1
      let reader = control.readers[index]
      if change.what == .created {
        addRuntime(of: reader)
      } else if change.what != .codeChanged, runtimes[index].outbox == nil, !runtimes[index].isQuiet {
        // What it has not heard behind its last batch it may hear now.
        runtimes[index].scanned = handedOut(index)
      } else if change.what == .returned || job.passed[reader.name] != nil, runtimes[index].isQuiet {
        runtimes[index].scanned = reader.cursor
        runtimes[index].committed = reader.cursor
      }
      if change.what != .created {
        runtimes[index].lost = []
        if job.forgotten.contains(where: { $0.reader == change.reader }) {
          runtimes[index].states.removeAll()
          runtimes[index].wakes.rebuild(from: reader.open)
        }
        scheduleAll(of: reader)
      }
    }
    voidProcesses()
    setRunning(job.scripts, number: control.generation)
    let warnings = job.scripts.warnings + notes(on: job.changes)
    live.append((control.commit, job, .loaded(generation: control.generation, isNew: true, warnings: warnings)))
  }

  /// Up to where a reader's last batch goes that is not yet in a commit.
  private func handedOut(_ index: Int) -> UInt64 {
    let last = runtimes[index].out ?? finished.last { Int($0.reader) - 1 == index }
    return last?.through ?? runtimes[index].committed
  }

  /// What an operator should know of readers that begin or come back.
  private func notes(on changes: [ReaderChange]) -> [String] {
    changes.compactMap { change in
      let reader = control.readers[Int(change.reader) - 1]
      let behind = control.position - min(reader.cursor, control.position)
      switch change.what {
      case .created where reader.kind == .destination: return nil
      case .created where reader.cursor == control.position && reader.cursor > 0:
        return
          "\(reader.name) begins at \(reader.cursor + 1) (from = \"now\"): \(reader.cursor) earlier events are not handled"
      case .created where behind > 0:
        return "\(reader.name) begins at \(reader.cursor + 1): \(behind) events to read"
      case .returned:
        return
          "\(reader.name) is back and goes on at \(reader.cursor + 1): \(behind) events behind, \(reader.blocked.count) blocked keys"
      case .removed:
        return
          "\(reader.name) is no longer declared: it stays at \(reader.cursor), with \(reader.blocked.count) blocked keys"
      default:
        return nil
      }
    }
  }

  private func setRunning(_ scripts: Generation, number: UInt32) {
    stateCacheBytes =
      settings.stateCacheBytes
      / max(1, scripts.consumers.count { $0.state != nil || $0.aggregate != nil || $0.keepsInstances })
    keepPinned()
    generation = RunningGeneration(number: number, scripts: scripts)
    plan = SchedulePlan(scripts, control.schedules)
    for index in runtimes.indices {
      let reader = control.readers[index]
      let consumer = scripts.consumers.firstIndex { $0.name == reader.name && reader.kind == $0.readerKind }
      runtimes[index].consumer = reader.life == .forgotten ? nil : consumer
      runtimes[index].hears =
        switch reader.kind {
        case .aggregate: .command
        case .destination: .message
        default: .event
        }
      if reader.kind == .destination, runtimes[index].outbox == nil { runtimes[index].outbox = Outbox() }
      runtimes[index].subjects = SubjectCache()
      runtimes[index].contended = [:]
      let older = consumer == nil ? [] : olderDeclarations(of: reader)
      let declaration = consumer.map { scripts.consumers[$0] }
      runtimes[index].hearing = declaration.map { HearingTable($0, older: older, hash: hash) }
      runtimes[index].heardByAddress = declaration.map { Self.addressed($0, older) } ?? []
      runtimes[index].listening = declaration.flatMap { ListeningTable($0, older: older) }
      runtimes[index].forgetRead()
      runtimes[index].keepsInstances = declaration?.keepsInstances ?? false
      runtimes[index].hasState = declaration.map { $0.keepsInstances || $0.state != nil } ?? false
      runtimes[index].hasDefaultKey = declaration?.key.isDefault ?? true
    }
  }
}
