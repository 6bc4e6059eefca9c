import Events
import LogStorage
import Scripts

/// What instances hear by a name: whom an event is for, and what an instance listens to.
extension ShardRunner {
  // MARK: whom an event is for

  /// Whom a unit without a key is for; nil: it goes by its key alone.
  func heardByName(_ unit: Unit, _ entry: EntryView, _ batch: Batch) -> HeardByName? {
    if let found = batch.heardByName[unit.position] { return found }
    guard let (reader, table) = batch.picture else { return nil }
    let way = table.way(of: entry.type)
    guard way.isNamed else { return nil }
    let keys = reader.open.listeners.keys(of: hash(entry.subject))
    return HeardByName(
      isKeyed: way.isKeyed, address: nil, listeners: keys.compactMap { key in reader.states[key].map { (key, $0) } })
  }

  /// The keys of those that a unit is for by its address and by its subject. Some may only share a hash with one that
  /// listens.
  func keys(of heard: HeardByName, _ batch: Batch) throws(CallError) -> [(key: KeyBytes, hash: UInt64)] {
    var keys: [(key: KeyBytes, hash: UInt64)] = []
    let address = heard.address.flatMap { batch.storedKey(at: $0.key) }
    try checkSize(heard.listeners.count * Self.bytesQueued, of: heard)
    if let address { keys.append((address, heard.address!.hash)) }
    do {
      var found: [UInt64: [KeyBytes]] = [:]
      for (commit, listeners) in Dictionary(grouping: heard.listeners, by: \.commit) {
        try self.keys(of: Set(listeners.map(\.keyHash)), reader: batch.reader, inCommit: commit, into: &found)
      }
      for (index, listener) in heard.listeners.enumerated() {
        // They ascend: two of one hash stand side by side.
        if index > 0, heard.listeners[index - 1].keyHash == listener.keyHash { continue }
        guard let others = found[listener.keyHash] else {
          throw LogError(.corrupt, "commit \(listener.commit) does not hold the instance that it should")
        }
        for key in others where key != address { keys.append((key, listener.keyHash)) }
      }
    } catch {
      throw CallError(kind: .host, message: "\(error)")
    }
    try checkSize(keys.reduce(0) { $0 + Self.bytesQueued + $1.key.bytes.count }, of: heard)
    return keys
  }

  /// What a commit says of a key in whose queue a unit is put, besides the key's own bytes.
  private static let bytesQueued = 24

  /// Those that are not called at once are all queued in one commit.
  private func checkSize(_ bytes: Int, of heard: HeardByName) throws(CallError) {
    guard bytes > identity.limits.maxGroupBytes / 4 else { return }
    throw CallError(
      kind: .limit, message: "\(heard.listeners.count) instances listen to its subject: more than fit one commit")
  }

  /// Adds keys, each of them once, to those that a unit has already.
  func add(_ keys: [(key: KeyBytes, hash: UInt64)], to unit: Int, _ batch: Batch, _ shard: Shard) {
    let own = shard.computedKeys.reversed().prefix { $0.unit == unit }.compactMap { batch.storedKey(at: $0.key) }
    for (key, keyHash) in keys where !own.contains(key) {
      shard.computedKeys.append((unit, key.bytes.withUnsafeBytes { batch.storeKey($0) }, keyHash))
    }
  }

  /// The keys of records with these hashes, from a commit on backwards where two keys share one.
  private func keys(
    of hashes: Set<UInt64>, reader: UInt32, inCommit commit: UInt64, into found: inout [UInt64: [KeyBytes]]
  ) throws {
    var shared: [(keyHash: UInt64, commit: UInt64)] = []
    try log.forEachInstance(inCommit: commit, of: reader) { place, fields in
      guard hashes.contains(place.keyHash), let record = InstanceRecord(fields) else { return }
      if found[place.keyHash]?.contains(KeyBytes(record.key)) != true {
        found[place.keyHash, default: []].append(KeyBytes(record.key))
      }
      if record.sharesHash, record.previous > 0 { shared.append((place.keyHash, record.previous)) }
    }
    for (keyHash, commit) in shared {
      try keys(of: [keyHash], reader: reader, inCommit: commit, into: &found)
    }
  }

  // MARK: what an instance listens to

  /// The subjects that the event which has started the instance has at the paths that `hears` names, by the scripts that
  /// the instance runs on.
  mutating func listens(
    to start: HeardEntry, on generation: RunningGeneration, _ work: ProcessWork
  ) throws(CallError) -> [[[UInt8]]] {
    guard let consumer = generation.consumer(like: work.batch) else { throw Self.undeclared(work) }
    guard generation.scripts.consumers[consumer].process?.named.isEmpty == false else { return [] }
    let worker = try worker(for: generation).scripts
    mark.begin(work.index)
    let outcome = worker.listens(
      consumer: consumer, event: start.view, position: Position(start.position), recorded: start.recorded)
    mark.end()
    if worker.isDead { drop(worker) }
    switch outcome {
    case .subjects(let subjects):
      let bytes = subjects.joined().reduce(0) { $0 + $1.count }
      if bytes > ProcessInstance.mostListenBytes {
        throw CallError(
          kind: .limit,
          message: """
            the subjects that the start of an instance names for hears have \(bytes) bytes together: \
            at most \(ProcessInstance.mostListenBytes)
            """)
      }
      return subjects
    case .failed(let failure): throw CallError(nil, failure)
    case .hostFault(let message): throw CallError(kind: .host, message: message)
    }
  }

  /// An instance has begun although the reader is further on: what it would have heard by a name since is told to it, each
  /// at its place among what waits for its key.
  ///
  /// Also what the batch itself has passed since nobody listened: it may have looked at what is new before it took what
  /// waits.
  func findMissed(_ work: inout ProcessWork) throws(CallError) {
    let instance = work.instance!
    let (from, through) = (instance.start + 1, work.batch.through)
    guard !instance.listens.isEmpty, from <= through else { return }
    work.instance!.caughtUp = through
    var missed: Set<UInt64> = []
    for subject in Set(instance.listens.joined()) {
      let positions: [Position]
      do {
        positions = try log.positions(
          ofSubjectHash: hash(subject), from: Position(from), through: Position(through))
      } catch {
        throw CallError(kind: .host, message: "\(error)")
      }
      for position in positions {
        let entry = try find(position.rawValue, work)
        if entry.view.rawKind == RecordKind.event.rawValue, work.listens(to: entry.view) {
          missed.insert(position.rawValue)
        }
        guard missed.count <= ProcessInstance.mostHeard else {
          throw CallError(
            kind: .limit,
            message:
              "since its start more than \(ProcessInstance.mostHeard) events came that it hears by name: it is too late for it"
          )
        }
      }
    }
    work.instance!.missed = missed.sorted()
  }

  /// Tells the instance what it has missed before a position.
  mutating func catchUp(before position: UInt64, _ work: inout ProcessWork) throws(CallError) {
    while let next = work.instance?.missed.first, next < position {
      work.instance!.missed.removeFirst()
      work.hasChanged = true
      let heard = try find(next, work)
      try passDeadlines(before: heard.recorded, &work)
      if work.instance != nil { try take(heard, &work) }
    }
  }
}

extension ShardRunner {
  fileprivate func hash(_ subject: [UInt8]) -> UInt64 { subject.withUnsafeBytes { hash($0) } }
}

extension ProcessWork {
  /// Whether the instance hears an event by a name, as one about a subject that its start has told.
  func listens(to entry: EntryView) -> Bool {
    guard let instance, let named = declaration?.process?.named(forType: entry.type),
      instance.listens.indices.contains(named)
    else { return false }
    return instance.listens[named].contains { $0.withUnsafeBytes { $0.equals(entry.subject) } }
  }
}

extension ProcessInstance {
  /// The hashes of all subjects that it listens to, ascending.
  func listening(_ hash: StableHash) -> [UInt64] {
    if listens.isEmpty { return [] }
    return Set(listens.joined().map { subject in subject.withUnsafeBytes { hash($0) } }).sorted()
  }
}
