import DequeModule
import Events
import HeapModule
import LogStorage
import Scripts

/// Handing out messages: a destination is a reader whose units are delivered, many at once, instead of called in batches.
extension EngineCore {
  /// Starts what may be started now.
  func handOutMessages(of index: Int) {
    guard let declaration = deliverable(index) else { return }
    var room = room(index, declaration)
    // A reader's keys fall due out of order; the log's order is kept within each.
    while room > 0, let key = runtimes[index].due.popFirst() {
      if start(key, of: index, declaration) { room -= 1 }
    }
    if room > 0 { scanMessages(of: index, declaration, room) }
    if runtimes[index].outbox!.isIdle { runtimes[index].committed = runtimes[index].scanned }
  }

  /// The destination's declaration, when messages may go out.
  func deliverable(_ index: Int) -> ConsumerDeclaration? {
    guard let generation, let consumer = runtimes[index].consumer, control.readers[index].life == .active,
      runtimes[index].waitingVerbs == 0, !isStopping
    else { return nil }
    return generation.scripts.consumers[consumer]
  }

  private func room(_ index: Int, _ declaration: ConsumerDeclaration) -> Int {
    let outbox = runtimes[index].outbox!
    return outbox.breaker.room(now: now, under: outbox.flights.count, most: declaration.destination?.concurrency ?? 1)
  }

  /// Starts the next message of a key; false when it has none, or one is under way.
  private func start(_ key: KeyBytes, of index: Int, _ declaration: ConsumerDeclaration) -> Bool {
    let state = control.readers[index].blocked[key]
    var work = runtimes[index].outbox!.keys[key] ?? Outbox.KeyWork()
    guard work.flight == nil, !work.isFailing, state?.isDead != true, !isHeld(key, index) else { return false }
    if work.delivered.isEmpty, let state, state.nextTry > now { return false }
    let recorded = state?.queue.first { !work.delivered.contains($0) }
    guard let position = recorded ?? work.ahead.popFirst() else { return false }
    if recorded == nil { runtimes[index].outbox!.waiting -= 1 }
    work.flight = position
    runtimes[index].outbox!.keys[key] = work
    let attempt = position == state?.queue.first ? (state?.attempt ?? 0) + 1 : 1
    let flight = (position: position, key: key, attempt: attempt, isRecorded: recorded != nil)
    deliver(flight, from: tail.chunk(holding: position), of: index, declaration)
    return true
  }

  /// Paused by an operator, or given a rest, of a destination with many targets.
  private func isHeld(_ key: KeyBytes, _ index: Int) -> Bool {
    control.readers[index].pausedKeys.contains(key) || runtimes[index].outbox!.isResting(key, at: now)
  }

  private func deliver(
    _ flight: (position: UInt64, key: KeyBytes, attempt: UInt32, isRecorded: Bool), from chunk: LogChunk?,
    of index: Int, _ declaration: ConsumerDeclaration
  ) {
    guard let destination = declaration.destination else { return }
    let serial = runtimes[index].outbox!.nextSerial()
    runtimes[index].outbox!.flights[flight.position] = Outbox.Flight(
      serial: serial, key: flight.key, scriptHash: declaration.scriptHash, isRecorded: flight.isRecorded,
      began: monotonic)
    hands.deliver(
      DeliveryOrder(
        reader: UInt32(index + 1), name: declaration.name, destination: destination, position: flight.position,
        attempt: flight.attempt, serial: serial, chunk: chunk))
  }

  // MARK: reading

  /// Goes on over the log: starts messages of free keys while there is room, and notes those of keys that wait.
  private func scanMessages(of index: Int, _ declaration: ConsumerDeclaration, _ room: Int) {
    guard runtimes[index].scanned < durablePosition else { return }
    var room = room
    let isUsedUp = readOn(index, after: { runtimes[index].scanned }) { chunk, budget in
      scan(chunk, of: index, declaration, &room, &budget)
    }
    if isUsedUp { wantsTurn = true }
  }

  /// False when it is to stop.
  private func scan(
    _ chunk: LogChunk, of index: Int, _ declaration: ConsumerDeclaration, _ room: inout Int, _ budget: inout Int
  ) -> Bool {
    guard runtimes[index].scanned + 1 >= chunk.firstPosition.rawValue else { return true }
    var heard = entriesHeard(in: chunk, after: runtimes[index].scanned, index, &budget)
    while room > 0, runtimes[index].outbox!.isReading, !isFull(index), heard.pass(&runtimes[index].hearing!, &budget),
      heard.through < durablePosition, let (position, _) = heard.next(&runtimes[index].hearing!, &budget)
    {
      let message = chunk.entry(Position(position))
      let key = message.subject.isEmpty ? KeyBytes.own(Position(position)) : KeyBytes(message.subject)
      if runtimes[index].outbox!.keys[key] != nil {
        runtimes[index].outbox!.keys[key]!.ahead.append(position)
        noteWaiting(index)
        if start(key, of: index, declaration) { room -= 1 }
      } else if control.readers[index].blocked[key] != nil || isHeld(key, index) {
        runtimes[index].outbox!.queued[key, default: []].append(position)
        noteWaiting(index)
      } else {
        runtimes[index].outbox!.keys[key] = Outbox.KeyWork(flight: position)
        let flight = (position: position, key: key, attempt: UInt32(1), isRecorded: false)
        deliver(flight, from: chunk, of: index, declaration)
        room -= 1
      }
    }
    runtimes[index].scanned = heard.through
    runtimes[index].walk = heard
    return heard.isAtEnd
  }

  private func noteWaiting(_ index: Int) {
    runtimes[index].outbox!.waiting += 1
    runtimes[index].outbox!.noteUnrecorded(at: now)
  }

  // MARK: results

  func takeDelivered(_ report: DeliveryReport) {
    let index = Int(report.reader) - 1
    guard let flight = runtimes[index].outbox?.flights[report.position], flight.serial == report.serial else { return }
    metrics?.delivered(report.outcome, control.readers[index], nanoseconds: monotonic - flight.began)
    runtimes[index].outbox!.flights[report.position] = nil
    runtimes[index].outbox!.keys[flight.key]!.flight = nil
    let ended = Outbox.Ended(
      position: report.position, key: flight.key, isRecorded: flight.isRecorded, outcome: report.outcome,
      scriptHash: flight.scriptHash, chunk: report.chunk)
    switch report.outcome {
    case .delivered:
      runtimes[index].outbox!.breaker.succeeded()
      runtimes[index].outbox!.breakers[flight.key] = nil
      runtimes[index].outbox!.keys[flight.key]!.delivered.append(report.position)
      note(ended, index)
      guard let declaration = deliverable(index), room(index, declaration) > 0 else {
        runtimes[index].due.append(flight.key)
        return
      }
      _ = start(flight.key, of: index, declaration)
    case .failed(let failure):
      if absorbs(failure, of: flight.key, index) {
        if !flight.isRecorded {
          runtimes[index].outbox!.keys[flight.key]!.ahead.prepend(report.position)
          noteWaiting(index)
        } else if runtimes[index].outbox!.keys[flight.key]!.isIdle {
          // The log says all that there is to know of it.
          runtimes[index].outbox!.keys[flight.key] = nil
        }
        runtimes[index].due.prepend(flight.key)
      } else {
        runtimes[index].outbox!.keys[flight.key]!.isFailing = true
        runtimes[index].outbox!.hasFailures = true
        note(ended, index)
      }
    }
  }

  /// Whether the failure is the far side's and counts for no message. It may open the breaker.
  private func absorbs(_ failure: DeliveryFailure, of key: KeyBytes, _ index: Int) -> Bool {
    let consumer = runtimes[index].consumer
    let hasTargets = consumer.flatMap { generation?.scripts.consumers[$0].destination?.each } != nil
    var breaker = hasTargets ? runtimes[index].outbox!.breakers[key] ?? Breaker() : runtimes[index].outbox!.breaker
    let wasOpen = breaker.isOpen
    let isAbsorbed = breaker.absorbs(failure, key: key, now: now)
    if !wasOpen, breaker.isOpen {
      let target = hasTargets ? " to \(key)" : ""
      hands.warn("\(control.readers[index].name)\(target) is given a rest: \(failure.message)")
    }
    guard hasTargets else {
      runtimes[index].outbox!.breaker = breaker
      return isAbsorbed
    }
    runtimes[index].outbox!.breakers[key] = breaker
    // Nobody waits for the target but its own messages: it falls due like a key that is tried again.
    if breaker.isOpen { retries.insert(RetryEntry(due: breaker.openUntil, reader: UInt32(index + 1), key: key)) }
    return isAbsorbed
  }

  private func note(_ ended: Outbox.Ended, _ index: Int) {
    runtimes[index].outbox!.ended.append(ended)
    runtimes[index].outbox!.noteUnrecorded(at: now)
  }

  /// When a destination next has something to do without any input. What was due in this turn is done, or waits for
  /// something else: a record for its append, a message for the operator who paused it.
  func nextDueOfMessages(of index: Int) -> Int64? {
    guard runtimes[index].outbox != nil else { return nil }
    let record = runtimes[index].outbox!.recordDue ?? .max
    let breaker = runtimes[index].outbox!.breaker.openUntil
    return [record, breaker].filter { $0 > now && $0 < .max }.min()
  }
}
