import Events
import LogStorage
import Scripts

/// Folds the events of one subject into its state, from the newest file that is good and from the log. Blocks on the disk.
struct SubjectLoader {
  enum Failure: Error {
    /// The script's: an event cannot be folded.
    case failed(HandlerFailure)
    case host(String)
  }

  let log: LogReader
  let snapshots: SubjectSnapshots?
  let worker: ScriptWorker
  let generation: RunningGeneration
  /// Index of the declaration.
  let aggregate: Int
  let key: KeyBytes
  /// The newest part of the log, in memory, without gaps; may be empty.
  var recent: [LogChunk] = []
  /// Whether nobody wants the state any more.
  let isVoid: () -> Bool
  /// Around every call of the script.
  let begin: () -> Void
  let end: () -> Void

  private var declaration: ConsumerDeclaration { generation.scripts.consumers[aggregate] }

  /// The state with every event up to `through`, which is durable, as is `commit`; at least up to there `commit` reaches.
  func load(through: UInt64, commit: UInt64) throws(Failure) -> SubjectState {
    var state = kept(through: through) ?? beginning
    try foldLog(through: through, into: &state)
    if state.folded >= SubjectSnapshots.spacing { keep(&state, through: through, commit: commit) }
    return state
  }

  var beginning: SubjectState { SubjectState(json: worker.initialState(of: aggregate), through: 0, folded: 0) }

  /// From a file.
  func kept(through: UInt64) -> SubjectState? {
    let name = SubjectSnapshots.Name(aggregate: declaration.name, subject: key)
    let kept = snapshots?.newest(name, code: generation.scripts.stateHash(of: aggregate), log, through: through)
    return kept.map { SubjectState(json: $0.json, through: $0.through, folded: 0) }
  }

  /// Folds what the log has after `state` up to `through`, which is durable.
  func foldLog(through: UInt64, into state: inout SubjectState) throws(Failure) {
    var failure: Failure?
    let memory = recent.first?.firstPosition.rawValue ?? through + 1
    do {
      try key.bytes.withUnsafeBytes { subject in
        try log.entries(
          ofSubject: subject, from: Position(state.through + 1), through: Position(min(through, memory - 1))
        ) { position, entry, commit in
          do throws(Failure) {
            try fold(position.rawValue, (entry, commit.time), into: &state)
          } catch {
            failure = error
          }
          return failure == nil
        }
      }
    } catch {
      throw .host("\(error)")
    }
    if let failure { throw failure }
    if memory <= through { try foldRecent(from: max(memory, state.through + 1), through: through, into: &state) }
    state.through = through
  }

  /// What is in memory need not be read.
  private func foldRecent(from: UInt64, through: UInt64, into state: inout SubjectState) throws(Failure) {
    let positions: [Position]
    do {
      positions = try log.positions(
        ofSubjectHash: key.hash(log.identity.hash), from: Position(from), through: Position(through))
    } catch {
      throw .host("\(error)")
    }
    var at = 0
    for position in positions {
      while at < recent.count, recent[at].lastPosition < position { at += 1 }
      guard at < recent.count, recent[at].contains(position) else {
        throw .host("position \(position) is not where it should be")
      }
      try fold(position.rawValue, (recent[at].entry(position), recent[at].commit(of: position).time), into: &state)
    }
  }

  /// Folds one entry of the subject. `entry`: nil when it is to be read from the log.
  func fold(
    _ position: UInt64, _ entry: (entry: EntryView, recorded: Int64)?, into state: inout SubjectState
  ) throws(Failure) {
    guard let entry else {
      let chunk: LogChunk?
      do {
        chunk = try log.chunk(from: Position(position), limitBytes: 1, through: Position(position))
      } catch {
        throw .host("\(error)")
      }
      guard let chunk else { throw .host("position \(position) is not in the log") }
      let found = (chunk.entry(Position(position)), chunk.commit(of: Position(position)).time)
      return try withExtendedLifetime(chunk) { () throws(Failure) in try fold(position, found, into: &state) }
    }
    guard entry.entry.rawKind == RecordKind.event.rawValue,
      let fold = declaration.aggregate?.fold(forType: entry.entry.type),
      key.bytes.withUnsafeBytes({ $0.equals(entry.entry.subject) })
    else { return }
    if isVoid() || worker.isDead { throw .host("it is not wanted any more") }
    begin()
    defer { end() }
    let outcome = worker.apply(
      aggregate: aggregate, fold, entry.entry, position: Position(position), recorded: entry.recorded, into: state.json)
    switch outcome {
    case .state(let json): state.json = json
    case .failed(let failure): throw .failed(failure)
    case .hostFault(let message): throw .host(message)
    }
    state.folded += 1
  }

  /// Keeps a state that holds every event up to `through`. A file that cannot be written is no loss.
  func keep(_ state: inout SubjectState, through: UInt64, commit: UInt64) {
    guard let snapshots else { return }
    let name = SubjectSnapshots.Name(aggregate: declaration.name, subject: key)
    snapshots.keep(
      name, code: generation.scripts.stateHash(of: aggregate), log, json: state.json, through: through, commit: commit)
    state.folded = 0
  }
}
