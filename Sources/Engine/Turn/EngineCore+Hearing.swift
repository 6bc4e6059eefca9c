import Events
import LogStorage

/// How readers go over the log: from one entry that they hear to the next.
extension EngineCore {
  /// The entries of a chunk that a reader hears, after `through`; where it stopped before it goes on.
  func entriesHeard(in chunk: LogChunk, after through: UInt64, _ index: Int, _ budget: inout Int) -> HeardEntries {
    if let walk = runtimes[index].walk, walk.goesOn(in: chunk, after: through) {
      // It is not held twice: it is about to change.
      runtimes[index].walk = nil
      return walk
    }
    return HeardEntries(
      chunk, after: through, kind: runtimes[index].hears, &runtimes[index].hearing!, &budget)
  }

  /// Moves a reader over what it does not hear, while it may look at entries; true when that brings it to the head of the
  /// log.
  func passUnheard(_ index: Int, _ budget: inout Int) -> Bool {
    guard runtimes[index].hearing != nil, let chunks = tail.chunks(from: runtimes[index].scanned + 1) else {
      return false
    }
    for chunk in chunks where chunk.count > 0 {
      var heard = entriesHeard(in: chunk, after: runtimes[index].scanned, index, &budget)
      let hears = heard.pass(&runtimes[index].hearing!, &budget)
      runtimes[index].scanned = heard.through
      runtimes[index].walk = heard
      if hears || !heard.isAtEnd { return false }
    }
    return runtimes[index].scanned == control.position
  }

  /// As far as the log goes: before a stop, and before a deploy that asks whether commands wait.
  func passUnheard(_ index: Int) {
    var budget = Int.max
    _ = passUnheard(index, &budget)
  }
}
