import Events
import LogStorage
import Scripts

/// Deploys that change who decides which commands. A command has one outcome: so an aggregate has decided, or has
/// waiting by name, all that was sent to it before another set of commands is its own.
extension EngineCore {
  /// Whether an aggregate whose commands change has not yet passed all that was appended, and will soon.
  func waitsForCommands(_ job: DeployJob) -> Bool {
    deployWaitsForCommands = changedAggregates(job.scripts).contains { index in
      isBehind(index, job) && canCatchUp(index)
    }
    return deployWaitsForCommands
  }

  /// Aggregates whose commands change and that will not catch up by themselves.
  func refusalsOfCommands(_ job: DeployJob) -> [String] {
    let scripts = job.scripts
    return changedAggregates(scripts).filter { isBehind($0, job) }.map { index in
      let reader = control.readers[index]
      let place = scripts.consumers.first { $0.name == reader.name && $0.readerKind == .aggregate }
      let why = reader.isPaused ? "it is paused: resume it" : "let the scripts of before decide them"
      return """
        \(place.map { "\($0.file):\($0.line): " } ?? "")aggregate "\(reader.name)" has other commands than before, and has not \
        decided all that were sent to it
          \(why), then load this again
        """
    }
  }

  /// Indexes of readers.
  private func changedAggregates(_ scripts: Generation) -> [Int] {
    control.readers.indices.filter { index in
      let reader = control.readers[index]
      guard reader.kind == .aggregate, reader.life != .forgotten, !reader.isRemoved else { return false }
      let declared = scripts.consumers.first { $0.name == reader.name && $0.readerKind == .aggregate }
      return declared?.handlers.map(\.pattern.description) != reader.hearing
    }
  }

  private func isBehind(_ index: Int, _ job: DeployJob) -> Bool {
    if runtimes[index].out != nil || runtimes[index].finished > 0 { return true }
    passUnheard(index)
    return max(runtimes[index].scanned, job.passed[control.readers[index].name, default: 0]) < control.position
  }

  private func canCatchUp(_ index: Int) -> Bool {
    generation != nil && runtimes[index].consumer != nil && control.readers[index].life == .active
      && runtimes[index].stuckCalls < Self.mostLostCalls && !isFull(index)
  }
}

extension ConsumerDeclaration {
  var readerKind: ReaderChange.Kind {
    if destination != nil { return .destination }
    if process != nil { return .process }
    if rule != nil { return .rule }
    return aggregate == nil ? .consumer : .aggregate
  }
}
