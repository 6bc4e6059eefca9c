import DequeModule
package import Events

/// Everything the host knows besides the events themselves: a fold of the log's control records, and nothing else
/// (promise 6). The live engine changes it only by applying what it has appended.
package struct ControlState: Equatable, Sendable {
  /// The last commit that is folded in.
  package var commit: UInt64 = 0
  /// The last position of that commit.
  package var position: UInt64 = 0
  /// Its time, µs since 1970; commit times never go back.
  package var time: Int64 = 0

  package var generation: UInt32 = 0
  /// The files of the running generation.
  package var files: [DeployRecord.File] = []
  /// Every source that a deploy stored.
  package var sources: [ContentHash: [UInt8]] = [:]

  /// By number, which is the index + 1: readers are never deleted.
  package var readers: [ReaderState] = []

  package init() {}

  package subscript(reader number: UInt32) -> ReaderState {
    get { readers[Int(number) - 1] }
    _modify { yield &readers[Int(number) - 1] }
  }

  package func reader(named name: String, kind: ReaderChange.Kind) -> ReaderState? {
    readers.first { $0.kind == kind && $0.name == name }
  }

  /// Something in the log that this fold cannot follow: the log was written by a newer binary, or by a broken one.
  package struct FoldError: Error, Equatable, CustomStringConvertible {
    package var commit: UInt64
    package var what: String
    package var description: String { "commit \(commit): \(what)" }
  }

  /// Ends the fold of a commit.
  package mutating func finish(commit: UInt64, lastPosition: UInt64, time: Int64) {
    self.commit = commit
    if lastPosition > position { position = lastPosition }
    self.time = max(self.time, time)
  }

  /// Folds one record of `commit`. Entries (events and the like) change nothing here.
  package mutating func apply(record: UnsafeRawBufferPointer, commit: UInt64) throws(FoldError) {
    let rawKind = record[0]
    if RecordKind.takesPosition(rawKind) { return }
    guard let kind = RecordKind(rawValue: rawKind) else {
      if record[1] & RecordHeader.skippable != 0 { return }
      throw FoldError(commit: commit, what: "a record of kind \(rawKind), which this version does not know")
    }
    let fields = FieldReader(record: record)
    switch kind {
    case .progress:
      guard let record = ProgressRecord(fields), readers.indices.contains(Int(record.reader) - 1) else {
        throw FoldError(commit: commit, what: "a progress record of no known reader")
      }
      apply(record)
    case .reader:
      guard let change = ReaderChange(fields) else {
        throw FoldError(commit: commit, what: "a reader record that makes no sense")
      }
      try apply(change, commit: commit)
    case .deploy:
      guard let deploy = DeployRecord(fields) else {
        throw FoldError(commit: commit, what: "a deploy record that makes no sense")
      }
      apply(deploy)
    default:
      if record[1] & RecordHeader.skippable == 0 {
        throw FoldError(commit: commit, what: "a \(kind) record, which this version does not know")
      }
    }
  }

  package mutating func apply(_ deploy: DeployRecord) {
    generation = deploy.generation
    files = deploy.files.map { DeployRecord.File(path: $0.path, hash: $0.hash, source: nil) }
    for file in deploy.files {
      if let source = file.source { sources[file.hash] = source }
    }
  }

  private mutating func apply(_ change: ReaderChange, commit: UInt64) throws(FoldError) {
    if change.what == .created {
      guard Int(change.reader) == readers.count + 1 else {
        throw FoldError(commit: commit, what: "reader \(change.reader) is created out of order")
      }
      readers.append(
        ReaderState(
          number: change.reader, kind: change.kind, name: change.name, cursor: change.cursor ?? 0,
          hearing: change.hearing ?? [], keyRule: change.keyRule ?? "", scriptHash: change.scriptHash))
      return
    }
    guard readers.indices.contains(Int(change.reader) - 1) else {
      throw FoldError(commit: commit, what: "a change of reader \(change.reader), which was never created")
    }
    self[reader: change.reader].apply(change)
  }

  package mutating func apply(_ record: ProgressRecord) {
    self[reader: record.reader].apply(record)
  }
}

extension ReaderState {
  mutating func apply(_ change: ReaderChange) {
    if let cursor = change.cursor { self.cursor = cursor }
    if let hearing = change.hearing { self.hearing = hearing }
    if let keyRule = change.keyRule { self.keyRule = keyRule }
    if let scriptHash = change.scriptHash, scriptHash != self.scriptHash {
      self.scriptHash = scriptHash
      tryAllAgain()
    }
    switch change.what {
    case .created, .hearingChanged, .codeChanged, .rewound: break
    case .paused: life = .paused
    case .resumed, .returned: life = .active
    case .removed: life = .removed
    case .forgotten:
      blocked = [:]
      skippedLetters = []
    }
  }

  /// New code: what is blocked is due at once and its attempts begin again; dead letters wait for an operator.
  private mutating func tryAllAgain() {
    for key in blocked.keys where blocked[key]?.isDead == false {
      blocked[key]?.attempt = 0
      blocked[key]?.nextTry = 0
    }
  }

  mutating func apply(_ record: ProgressRecord) {
    cursor = max(cursor, record.through)
    // Order matters: what was handled leaves the queues before the failures put their keys in order.
    for units in record.handled { remove(units) }
    for unit in record.failed { apply(unit) }
    for units in record.queued {
      if blocked[units.key] == nil {
        blocked[units.key] = BlockedKey(queue: [])
      }
      for position in units.positions { blocked[units.key]?.enqueue(position) }
    }
  }

  private mutating func remove(_ units: ProgressRecord.QueuedUnits) {
    guard var key = blocked[units.key] else { return }
    for position in units.positions {
      if let index = key.queue.firstIndex(of: position) { key.queue.remove(at: index) }
    }
    key.attempt = 0
    key.nextTry = 0
    key.failure = nil
    blocked[units.key] = key.queue.isEmpty ? nil : key
  }

  private mutating func apply(_ unit: ProgressRecord.FailedUnit) {
    var key = blocked[unit.key] ?? BlockedKey(queue: [])
    if key.queue.first != unit.position { key.queue.prepend(unit.position) }
    let failure = Failure(
      kind: unit.kind, message: unit.message, traceback: unit.traceback, log: unit.log, scriptHash: unit.scriptHash,
      first: key.failure?.first ?? unit.time, last: unit.time)
    key.attempt = unit.attempt
    key.failure = failure
    switch unit.disposition {
    case .retry:
      key.nextTry = unit.nextTry
    case .deadAndBlocking:
      key.isDead = true
    case .deadAndSkipped:
      key.queue.removeFirst()
      skippedLetters.append(
        DeadLetter(position: unit.position, key: unit.key, attempts: unit.attempt, failure: failure))
      (key.attempt, key.nextTry, key.failure) = (0, 0, nil)
    }
    blocked[unit.key] = key.queue.isEmpty ? nil : key
  }
}
