import Events
import LogStorage
import Scripts

/// Rules on a worker: the decision is `RuleInstance`'s, what it needs of Lua and of the log is fetched here.
extension ShardRunner {
  /// An event of a rule that remembers nothing.
  mutating func answer(
    _ unit: Unit, _ entry: EntryView, _ index: Int, _ batch: Batch, _ rule: RuleDeclaration, _ shard: Shard
  ) throws(CallError) {
    guard let (_, recorded) = heard(unit, entry, index, batch, shard) else { return }
    let worker = try worker(for: unit, entry, batch)
    let key = batch.key(of: unit, entry: entry)
    let position = Position(unit.position)
    guard try holds(entry, position, recorded, index, batch, key, worker) else { return }
    let event = RuleInstance.Heard(position: unit.position, time: recorded)
    let firing = RuleInstance.Firing(what: .effect, heard: [event], cause: unit.position)
    var events = HeardEvents(earlier, batch)
    events.add(entry, position, recorded: recorded)
    try fire([firing], rule, &events, index, batch, key, worker, shard)
  }

  /// A step of an instance of a rule.
  mutating func run(
    _ step: InstanceStep, _ rule: RuleDeclaration, _ batch: Batch, _ shard: Shard
  ) throws(CallError) {
    let unit = step.unit
    var instance = RuleInstance(step.state.json, deadline: step.state.deadline, of: rule)
    var events = HeardEvents(earlier, batch)
    guard let entry = step.entry, !(unit.isRetry && instance.opener == unit.position) else {
      return try pass(step, &instance, rule, &events, batch, shard)
    }
    guard let (handler, recorded) = heard(unit, entry, step.index, batch, shard) else { return }
    let worker = try worker(for: unit, entry, batch)
    let position = Position(unit.position)
    events.add(entry, position, recorded: recorded)
    var firings: [RuleInstance.Firing] = []
    if let deadline = instance.deadline, deadline < recorded { firings += instance.pass(rule) }
    if !instance.ignoresEvents {
      let role = rule.roles[handler]
      let holds =
        role.isWhen ? try holds(entry, position, recorded, step.index, batch, step.key, worker) : false
      let event = RuleInstance.Heard(
        position: unit.position, time: recorded, type: rule.shape == .count ? [] : Array(entry.type))
      firings += instance.hear(event, role, holds: holds, rule)
    }
    try fire(firings, rule, &events, step.index, batch, step.key, worker, shard)
    note(instance, after: step, rule, shard)
  }

  /// The deadline of an instance has passed and no event has come.
  private mutating func pass(
    _ step: InstanceStep, _ instance: inout RuleInstance, _ rule: RuleDeclaration, _ events: inout HeardEvents,
    _ batch: Batch, _ shard: Shard
  ) throws(CallError) {
    // A unit before it in the batch may have moved the deadline.
    if step.entry == nil, let deadline = instance.deadline, deadline >= batch.clock { return }
    let opener = instance.opener
    do throws(CallError) {
      let place = InstancePlace(keyHash: step.unit.keyHash, place: step.state.place)
      if let seconds = givenUpSeconds(of: place, batch) {
        throw CallError(
          kind: .time,
          message: """
            the call at its deadline did not come back from one library function within \(seconds) s, and was given up \
            with its worker; it is not made again before that worker is back or the script is changed
            """)
      }
      let worker = try worker(for: batch.generation)
      try fire(instance.pass(rule), rule, &events, step.index, batch, step.key, worker, shard)
    } catch {
      var error = error
      error.key = step.key
      error.wake = FailedWake(
        place: InstancePlace(keyHash: step.unit.keyHash, place: step.state.place), position: opener,
        chunk: events.chunk(holding: Position(opener)))
      throw error
    }
    note(instance, after: step, rule, shard)
  }

  private func note(_ instance: RuleInstance, after step: InstanceStep, _ rule: RuleDeclaration, _ shard: Shard) {
    var state = step.state
    state.json = instance.bytes(of: rule)
    state.deadline = instance.deadline
    state.life = instance.life(of: rule)
    state.version = 1
    note(state, after: step, shard)
  }

  private mutating func holds(
    _ entry: EntryView, _ position: Position, _ recorded: Int64, _ index: Int, _ batch: Batch, _ key: KeyBytes,
    _ worker: Worker
  ) throws(CallError) -> Bool {
    mark.begin(index)
    let answer = key.forScripts { key in
      worker.scripts.satisfies(
        consumer: batch.consumer, event: entry, position: position, recorded: recorded, key: key)
    }
    mark.end()
    if worker.scripts.isDead { drop(worker.scripts) }
    switch answer {
    case .yes: return true
    case .no: return false
    case .failed(let failure): throw CallError(key, failure)
    case .hostFault(let message): throw CallError(key: key, kind: .host, message: message)
    }
  }

  private mutating func fire(
    _ firings: [RuleInstance.Firing], _ rule: RuleDeclaration, _ events: inout HeardEvents, _ index: Int,
    _ batch: Batch, _ key: KeyBytes, _ worker: Worker, _ shard: Shard
  ) throws(CallError) {
    for firing in firings {
      guard let effect = rule.effect(of: firing.what) else { continue }
      let (heard, cause): ([HeardEvent], HeardEvent)
      do {
        heard = try firing.heard.map { try events.event(at: Position($0.position)) }
        cause = try events.event(at: Position(firing.cause))
      } catch {
        throw CallError(key: key, kind: .host, message: "\(error)")
      }
      mark.begin(index)
      let outcome = key.forScripts { key in
        worker.scripts.fire(
          consumer: batch.consumer,
          RuleFiring(effect, heard: heard, cause: cause, carriesData: firing.what != .cleared), now: batch.now,
          key: key, readerNumber: batch.reader, into: shard.effects)
      }
      mark.end()
      if worker.scripts.isDead { drop(worker.scripts) }
      switch outcome {
      case .done: break
      case .failed(let failure): throw CallError(key, failure)
      case .hostFault(let message): throw CallError(key: key, kind: .host, message: message)
      }
    }
  }
}

extension RuleDeclaration {
  fileprivate func effect(of what: RuleInstance.Firing.What) -> Effect? {
    switch what {
    case .effect: effect
    case .otherwise: otherwise.map { .emit($0) }
    case .cleared: cleared.map { .emit($0) }
    }
  }
}

/// The events that a firing speaks of: the one at hand, those of the batch, and the rest from the log.
struct HeardEvents {
  private let earlier: EarlierChunks
  private let batch: Batch
  private var known: [HeardEvent] = []
  private var read: [LogChunk] = []

  init(_ earlier: EarlierChunks, _ batch: Batch) { (self.earlier, self.batch) = (earlier, batch) }

  mutating func add(_ entry: EntryView, _ position: Position, recorded: Int64) {
    known.append(HeardEvent(entry, position, recorded: recorded))
  }

  /// Blocks on the disk when it is not in memory.
  mutating func event(at position: Position) throws -> HeardEvent {
    if let event = known.first(where: { $0.position == position }) { return event }
    let chunk: LogChunk
    if let held = self.chunk(holding: position) {
      chunk = held
    } else {
      chunk = try earlier.chunk(holding: position)
      read.append(chunk)
    }
    return HeardEvent(chunk.entry(position), position, recorded: chunk.commit(of: position).time)
  }

  func chunk(holding position: Position) -> LogChunk? {
    read.last { $0.contains(position) } ?? batch.chunks.first { $0.contains(position) }
  }
}
