internal import Events
internal import LogStorage
internal import Scripts

/// The scripts of one generation with a Lua state for the views' thread. Folds of the same generation share it.
final class FoldWorker {
  let generation: Generation
  private(set) var scripts: ScriptWorker
  private let log: LogIdentity

  init(_ generation: Generation, log: LogIdentity) throws {
    self.generation = generation
    self.log = log
    scripts = try generation.makeWorker(hash: log.hash, logName: log.name, logID: (log.id.high, log.id.low))
  }

  /// After a call that ran into its time or memory the state is of no more use.
  func renewIfDead() throws {
    guard scripts.isDead else { return }
    scripts = try generation.makeWorker(hash: log.hash, logName: log.name, logID: (log.id.high, log.id.low))
  }
}
