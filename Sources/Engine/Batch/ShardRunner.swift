package import Events
package import LogStorage
package import Platform
import Scripts

/// Runs shards on one worker thread, with that thread's own Lua states.
package struct ShardRunner {
  /// A shard ends after this long, so that a slow consumer cannot keep a worker from the others. What is left goes
  /// into the reader's next batch.
  static let longestSlice: Int64 = 10_000_000
  /// A batch ends when its effects and failures have grown to this many bytes, so that it fits a group.
  static let mostBytes = 1 << 20
  /// Units that must be run whatever it takes fail beyond this many bytes.
  static let bytesAtAnyCost = 8 << 20
  /// Bytes kept of a message, a traceback and a log each.
  static let mostFailureBytes = 4096

  /// What a script sees as the key of an event that goes by itself.
  private static var noKey: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: nil, count: 0) }

  let log: LogReader
  let earlier: EarlierChunks
  private let clock: any HostClock
  let hash: StableHash
  let identity: LogIdentity
  let mark: CallMark
  private let chance: ((UInt64) -> UInt64)?
  /// Where states of aggregates are kept; nil: nowhere, and they are folded from the beginning.
  let snapshots: SubjectSnapshots?
  /// The states of the newest generations; an older one may still be out when a deploy comes.
  private var workers: [Worker] = []
  private let store: ReadStore

  struct Worker {
    let generation: UInt32
    let scripts: ScriptWorker
    /// Of a generation whose consumers read something.
    let documents: DocumentReader?
    /// Coroutines of its processes.
    let runs = ProcessRuns()
  }

  /// - mark: where it says which call it is in. - store: what it shares with other workers. - chance: what random numbers
  ///   follow from instead of an event's position.
  package init(
    log: LogReader, clock: any HostClock, hash: StableHash, identity: LogIdentity, mark: CallMark = CallMark(),
    snapshots: SubjectSnapshots? = nil, store: ReadStore = ReadStore(), chance: ((UInt64) -> UInt64)? = nil
  ) {
    self.snapshots = snapshots
    self.chance = chance
    self.log = log
    earlier = EarlierChunks(log)
    self.clock = clock
    self.hash = hash
    self.identity = identity
    self.mark = mark
    self.store = store
  }

  private var monotonic: Int64 { Int64(clock.monotonicNanoseconds()) }

  package mutating func run(_ batch: Batch, _ shard: Shard) {
    let start = monotonic
    let end = start + Self.longestSlice
    defer { shard.elapsed = monotonic - start }
    var failedKeys: [UInt64] = []
    for (ordinal, index) in shard.units.enumerated() {
      if batch.isVoid { return }
      if index >= batch.mustRun, ordinal > 0,
        shard.bytes > Self.mostBytes / batch.shards.count || monotonic > end
      {
        return
      }
      run(batch.units[index], index, of: batch, in: shard, &failedKeys)
      shard.ends.append(shard.effects.mark)
      shard.done += 1
    }
  }

  private mutating func run(
    _ unit: Unit, _ index: Int, of batch: Batch, in shard: Shard, _ failedKeys: inout [UInt64]
  ) {
    if batch.needsKeys {
      guard case .unknown = unit.key else { return }
    } else if !failedKeys.isEmpty, failedKeys.contains(unit.keyHash) {
      shard.passedOver.append(index)
      return
    }
    let mark = shard.effects.mark
    var known = unit.entry
    do throws(CallError) {
      if batch.keepsInstances, !batch.needsKeys {
        try advance(unit, index, batch, shard, &known)
        return
      }
      let entry = try entry(of: unit, index, batch, shard)
      known = entry
      if !batch.givenUp.isEmpty { try failGivenUp(unit, entry, batch) }
      try checkSize(of: shard, batch, batch.key(of: unit, entry: entry))
      if batch.needsKeys {
        try computeKeys(of: unit, entry, index, batch, shard)
      } else {
        try call(unit, entry, index, batch, shard)
      }
    } catch {
      shard.effects.truncate(to: mark)
      let key = batch.needsKeys ? KeyBytes.unkeyed(Position(unit.position)) : error.key ?? .own(Position(unit.position))
      failedKeys.append(unit.keyHash)
      let failure = UnitFailure(
        unit: index, position: error.wake?.position ?? unit.position, isRetry: unit.isRetry, key: key, kind: error.kind,
        message: Self.shortened(error.message), traceback: Self.shortened(error.traceback),
        log: Self.shortened(error.log), entry: error.wake?.entry ?? known,
        chunk: error.wake?.chunk ?? shard.readBack[index],
        wake: error.wake?.place)
      shard.failureBytes += failure.bytes
      shard.failures.append(failure)
    }
  }

  func checkSize(of shard: Shard, _ batch: Batch, _ key: @autoclosure () -> KeyBytes) throws(CallError) {
    guard shard.bytes > Self.bytesAtAnyCost / batch.shards.count else { return }
    throw CallError(
      key: key(), kind: .limit, message: "the keys of this event have more effects together than fit one commit")
  }

  /// A unit that took a worker with it once is not called in this batch: it fails like a call that ran out of time.
  func failGivenUp(_ unit: Unit, _ entry: EntryView, _ batch: Batch) throws(CallError) {
    let keyHash = batch.needsKeys ? 0 : unit.keyHash
    guard let lost = batch.givenUp.first(where: { $0.position == unit.position && $0.keyHash == keyHash }) else {
      return
    }
    throw CallError(
      key: batch.key(of: unit, entry: entry), kind: .time,
      message: """
        the call did not come back from one library function within \(lost.seconds) s, and was given up with its worker; \
        the event is not called again before that worker is back or the script is changed
        """)
  }

  private static func shortened(_ text: String) -> String {
    text.utf8.count <= mostFailureBytes
      ? text : String(decoding: text.utf8.prefix(mostFailureBytes), as: UTF8.self) + "…"
  }

  /// The last lines: they stand nearest to the failure.
  private static func shortened(_ log: [LogLine]) -> [LogLine] {
    var bytes = 0
    let kept = log.reversed().prefix { line in
      bytes += line.text.utf8.count
      return bytes <= mostFailureBytes
    }
    return kept.reversed()
  }

  struct CallError: Error {
    var key: KeyBytes?
    var kind: FailureKind
    var message: String
    var traceback = ""
    var log: [LogLine] = []
    /// Of an instance's call at its deadline.
    var wake: FailedWake?
  }

  func entry(of unit: Unit, _ index: Int, _ batch: Batch, _ shard: Shard) throws(CallError) -> EntryView {
    if let entry = unit.entry { return entry }
    do {
      let position = Position(unit.position)
      let chunk = try log.chunk(holding: position)
      shard.readBack[index] = chunk
      return chunk.entry(position)
    } catch {
      throw CallError(key: batch.storedKey(of: unit), kind: .host, message: "\(error)")
    }
  }

  private mutating func call(
    _ unit: Unit, _ entry: EntryView, _ index: Int, _ batch: Batch, _ shard: Shard
  ) throws(CallError) {
    if let work = batch.aggregate { return try decide(unit, entry, index, batch, work, shard) }
    if let rule = batch.rule { return try answer(unit, entry, index, batch, rule, shard) }
    guard let (handler, recorded) = heard(unit, entry, index, batch, shard) else { return }
    let ready = try worker(for: unit, entry, batch)
    var state: KeyState?
    if batch.hasState { state = try self.state(of: unit, entry, batch, shard) }
    let worker = ready.scripts
    ready.documents?.begin(index, of: batch)
    mark.begin(index)
    let outcome = batch.withKey(of: unit, entry: entry) { key in
      worker.call(
        consumer: batch.consumer, handler: handler, event: entry, position: Position(unit.position),
        recorded: recorded, now: batch.now, key: KeyBytes.isOwn(key) ? Self.noKey : key, readerNumber: batch.reader,
        state: state.map { StateInput(json: $0.json, version: $0.version) }, into: shard.effects)
    }
    mark.end()
    ready.documents?.end()
    if worker.isDead { drop(worker) }
    switch outcome {
    case .done(let log):
      if let state { note(state, after: unit, index, worker.newState, batch, shard) }
      if !log.isEmpty { shard.logs.append((index, log)) }
    case .failed(let failure):
      throw CallError(batch.key(of: unit, entry: entry), failure)
    case .hostFault(let message):
      throw CallError(key: batch.key(of: unit, entry: entry), kind: .host, message: message)
    }
  }

  /// Who handles the unit, and when its entry was committed. Nil: it is settled, as nobody hears it any more.
  @inline(__always)
  func heard(
    _ unit: Unit, _ entry: EntryView, _ index: Int, _ batch: Batch, _ shard: Shard
  ) -> (handler: Int, recorded: Int64)? {
    if unit.handler >= 0 { return (Int(unit.handler), unit.recorded) }
    // Waited in a queue since another generation: heard now by another handler, or by none.
    guard let handler = batch.declaration.handler(forType: entry.type) else {
      shard.unheard.insert(index)
      return nil
    }
    return (handler, shard.readBack[index]?.commit(of: Position(unit.position)).time ?? unit.recorded)
  }

  /// What the consumer remembers of the unit's key: as an earlier call of this shard left it, or as the log has it.
  func state(of unit: Unit, _ entry: EntryView, _ batch: Batch, _ shard: Shard) throws(CallError) -> KeyState {
    let key = batch.key(of: unit, entry: entry)
    if let state = shard.states[key] { return state }
    var state = KeyState(key: key, json: nil, version: batch.declaration.state?.version ?? 1)
    switch batch.states[key] {
    case .known(let known)?: state = known
    case .commit(let commit)?:
      do {
        state = try KeyState.read(key, unit.keyHash, reader: batch.reader, at: commit, in: log)
      } catch {
        throw CallError(key: key, kind: .host, message: "\(error)")
      }
    case nil: break
    }
    shard.states[key] = state
    return state
  }

  private func note(
    _ state: KeyState, after unit: Unit, _ index: Int, _ json: [UInt8]?, _ batch: Batch, _ shard: Shard
  ) {
    guard json != state.json else { return }
    var state = state
    state.json = json
    state.version = batch.declaration.state?.version ?? 1
    shard.states[state.key] = state
    shard.stateChanges.append(StateChange(unit: index, state: state, keyHash: unit.keyHash))
    shard.stateBytes += state.bytes
  }

  private mutating func computeKeys(
    of unit: Unit, _ entry: EntryView, _ index: Int, _ batch: Batch, _ shard: Shard
  ) throws(CallError) {
    let heard = heardByName(unit, entry, batch)
    let others = try heard.map { (heard) throws(CallError) in try keys(of: heard, batch) } ?? []
    if let heard, !heard.isKeyed || heard.address != nil { return add(others, to: index, batch, shard) }
    let worker = try worker(for: batch.generation).scripts
    mark.begin(index)
    let outcome = worker.keys(
      consumer: batch.consumer, event: entry, position: Position(unit.position), recorded: unit.recorded)
    mark.end()
    if worker.isDead { drop(worker) }
    switch outcome {
    case .keys(let keys):
      for key in keys {
        // One worker computes all keys of a batch, so it may write to the batch's storage.
        if key.isEmpty {
          let own = KeyBytes.own(Position(unit.position))
          shard.computedKeys.append((index, own.bytes.withUnsafeBytes { batch.storeKey($0) }, own.hash(hash)))
        } else {
          shard.computedKeys.append((index, batch.storeKey(key), hash(key)))
        }
      }
      add(others, to: index, batch, shard)
    case .failed(let failure):
      throw CallError(nil, failure)
    case .hostFault(let message):
      throw CallError(kind: .host, message: message)
    }
  }

  /// The worker of the unit's batch. An error names the unit's key, which waits then.
  @inline(__always)
  mutating func worker(for unit: Unit, _ entry: EntryView, _ batch: Batch) throws(CallError) -> Worker {
    do throws(CallError) {
      return try worker(for: batch.generation)
    } catch {
      var error = error
      error.key = batch.key(of: unit, entry: entry)
      throw error
    }
  }

  /// Generations whose states a worker keeps: two for deploys, and some that instances of processes run on.
  private static let mostWorkers = 6

  mutating func worker(for generation: RunningGeneration) throws(CallError) -> Worker {
    for entry in workers where entry.generation == generation.number { return entry }
    do {
      let scripts = try generation.scripts.makeWorker(
        hash: hash, logName: identity.name, logID: (identity.id.high, identity.id.low))
      scripts.chance = chance
      var documents: DocumentReader?
      if generation.scripts.consumers.contains(where: { !$0.reads.isEmpty }) {
        documents = DocumentReader(
          generation, store: store, log: log, clock: clock, hash: hash, identity: identity, mark: mark,
          snapshots: snapshots)
        scripts.past = documents
      }
      let worker = Worker(generation: generation.number, scripts: scripts, documents: documents)
      let most = generation.scripts.consumers.contains { $0.process != nil } ? Self.mostWorkers : 2
      if workers.count >= most { workers.removeFirst(workers.count - most + 1) }
      workers.append(worker)
      return worker
    } catch {
      throw CallError(kind: .host, message: "the scripts of generation \(generation.number) do not load: \(error)")
    }
  }

  /// The states of a generation, when there are any.
  func existing(_ generation: RunningGeneration) -> Worker? { workers.first { $0.generation == generation.number } }

  mutating func drop(_ worker: ScriptWorker) {
    workers.removeAll { $0.scripts === worker }
  }
}

extension ShardRunner.CallError {
  init(_ key: KeyBytes?, _ failure: HandlerFailure) {
    self.init(
      key: key, kind: FailureKind(failure.kind), message: failure.message, traceback: failure.traceback,
      log: failure.log)
  }
}

extension FailureKind {
  init(_ kind: HandlerFailure.Kind) {
    self =
      switch kind {
      case .error: .error
      case .fail: .refused
      case .time: .time
      case .memory: .memory
      case .limit: .limit
      }
  }
}
