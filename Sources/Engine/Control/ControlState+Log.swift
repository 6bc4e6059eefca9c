import Events
package import LogStorage

extension ControlState {
  /// Folds every commit of a chunk that is not folded yet.
  package mutating func apply(_ chunk: LogChunk) throws(FoldError) {
    for commit in chunk.commits where commit.number > self.commit { try apply(commit) }
  }

  package mutating func apply(_ header: CommitHeader) throws(FoldError) {
    var position = header.firstPosition.rawValue
    for record in header.records {
      try apply(record: record.whole, commit: header.number, position: position)
      if record.takesPosition { position += 1 }
    }
    finish(commit: header.number, lastPosition: header.lastPosition.rawValue, time: header.time)
  }
}
