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
  /// The files of the running generation, and the level of the prelude that it was made for.
  package var files: [DeployRecord.File] = []
  package var preludeLevel: UInt32 = 0
  /// Older generations that instances of processes still run on.
  package var pinned: [UInt32: PinnedGeneration] = [:]
  /// Every source that a deploy stored.
  package var sources: [ContentHash: [UInt8]] = [:]

  /// By number, which is the index + 1: readers are never deleted.
  package var readers: [ReaderState] = []
  package var schedules = ScheduleStates()
  package var timers = PendingTimers()

  package init() {}

  package subscript(reader number: UInt32) -> ReaderState {
    get { readers[Int(number) - 1] }
    _modify { yield &readers[Int(number) - 1] }
  }

  /// The reader that goes by this name; one that was forgotten does not any more.
  package func reader(named name: String, kind: ReaderChange.Kind) -> ReaderState? {
    readers.first { $0.kind == kind && $0.life != .forgotten && $0.name == name }
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
    if self.time == 0, time > 0, !schedules.isEmpty { schedules.begin(at: time) }
    self.time = max(self.time, time)
  }

  /// Folds one record of `commit`. Of entries, messages are counted and timers are pending from now on. `position`: of an
  /// entry.
  package mutating func apply(
    record: UnsafeRawBufferPointer, commit: UInt64, position: UInt64 = 0
  ) throws(FoldError) {
    let rawKind = record[0]
    if RecordKind.takesPosition(rawKind) {
      if rawKind == RecordKind.message.rawValue { countMessage(EntryView(record.baseAddress!)) }
      if rawKind == RecordKind.timer.rawValue { timers.apply(EntryView(record.baseAddress!), at: position) }
      return
    }
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
      try self[reader: record.reader].apply(record, commit: commit)
    case .instance:
      guard let record = InstanceRecord(fields), readers.indices.contains(Int(record.reader) - 1) else {
        throw FoldError(commit: commit, what: "an instance record of no known reader")
      }
      let generations = pinned.isEmpty ? nil : self[reader: record.reader].open.byGeneration
      self[reader: record.reader].apply(record, commit: commit)
      if let generations { unpin(left: generations, of: record.reader) }
    case .outcome:
      // It says what became of a command; what the reader has done is in its progress.
      guard OutcomeRecord(fields) != nil else {
        throw FoldError(commit: commit, what: "an outcome record that makes no sense")
      }
    case .fired:
      guard let record = FiredRecord(fields), timers.apply(record) else {
        throw FoldError(commit: commit, what: "timers fire that are not the next ones")
      }
    case .resolved:
      guard let record = ResolvedRecord(fields), readers.indices.contains(Int(record.reader) - 1) else {
        throw FoldError(commit: commit, what: "a resolved record of no known reader")
      }
      try self[reader: record.reader].apply(record, commit: commit)
    case .reader:
      guard let change = ReaderChange(fields) else {
        throw FoldError(commit: commit, what: "a reader record that makes no sense")
      }
      try apply(change, commit: commit)
    case .schedule:
      guard let record = ScheduleRecord(fields), schedules.apply(record) else {
        throw FoldError(commit: commit, what: "a schedule record that makes no sense")
      }
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

  private mutating func countMessage(_ message: EntryView) {
    let name = message.type
    let index = readers.lastIndex { reader in
      reader.kind == .destination && reader.life != .forgotten && reader.name.utf8.elementsEqual(name)
    }
    if let index { readers[index].messages.published += 1 }
  }

  package mutating func apply(_ deploy: DeployRecord) {
    pinRunning()
    generation = deploy.generation
    preludeLevel = deploy.preludeLevel
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
    let generations = pinned.isEmpty ? nil : self[reader: change.reader].open.byGeneration
    self[reader: change.reader].apply(change)
    if let generations { unpin(left: generations, of: change.reader) }
  }
}
