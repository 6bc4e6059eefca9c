package import Events
internal import Platform

/// Reads the log. Any thread; calls block on the disk.
///
/// Reads see what is written, synced or not: the caller bounds them by `through`. An I/O error stays an error that
/// names file and offset, and so does a bad commit: nothing is ever skipped.
package final class LogReader: Sendable {
  package let identity: LogIdentity
  let catalog: LogCatalog
  let builder: IndexBuilder

  init(identity: LogIdentity, catalog: LogCatalog, builder: IndexBuilder) {
    self.identity = identity
    self.catalog = catalog
    self.builder = builder
  }

  /// The first position of the log.
  package var firstPosition: Position { catalog.segments[0].firstPosition }
  /// The last position that is written.
  package var lastPosition: Position { Position(catalog.segments.last!.next.position.rawValue - 1) }
  /// Bytes of all segments, as far as they are written.
  package var byteCount: UInt64 { UInt64(catalog.segments.reduce(0) { $0 + $1.end }) }
  /// The last commit that is written; 0: none.
  package var lastCommit: UInt64 { catalog.segments.last!.next.number - 1 }

  /// Whole commits in order, beginning with the one that holds `position`: about `limitBytes` of them, at least one,
  /// none that begins after `through`. Nil when there is nothing in that range.
  /// Entries before `position` and after `through` may be in the chunk too: commits are not split.
  package func chunk(
    from position: Position, limitBytes: Int = 1 << 20, through: Position
  ) throws(LogError) -> LogChunk? {
    if position > through { return nil }
    guard let segment = catalog.segment(where: { $0.firstPosition <= position }) else {
      throw LogError(.position, "position \(position) is before the log's first, \(firstPosition)")
    }
    let (end, next) = segment.written
    if position >= next.position { return nil }
    let place = try places(of: segment).last { $0.position <= position } ?? segment.firstPlace
    return try chunk(in: segment, at: place, end: end, from: position, limitBytes: limitBytes, through: through)
  }

  /// Calls `body` with every commit from `number` on, in order, until the end of what is written or until it returns
  /// false. The view is good during the call only.
  package func replay(fromCommit number: UInt64, _ body: (CommitHeader) throws -> Bool) throws {
    var number = max(number, 1)
    while let segment = catalog.segment(where: { $0.firstCommit <= number }) {
      let (end, next) = segment.written
      if number >= next.number { return }
      let place = try places(of: segment).last { $0.number <= number } ?? segment.firstPlace
      var scanner = try scanner(in: segment, at: place, end: end)
      scan: while true {
        let step = try explaining("reading the log") { try scanner.next() }
        switch step {
        case .commit(let commit, _):
          if commit.number < number { continue }
          if try !body(commit) { return }
          number = commit.number + 1
        case .bad(let problem, let offset):
          throw LogReader.damage(problem, in: segment, at: offset)
        case .end, .seal:
          break scan
        }
      }
      if number < next.number {
        throw LogError(.corrupt, "\(segment.path) ends before commit \(number); \(Advice.damage)")
      }
    }
  }

  /// The CRCs of a commit; `CommitChain.start` for commit 0.
  package func chain(ofCommit number: UInt64) throws -> CommitChain {
    var chain = CommitChain.start
    if number == 0 { return chain }
    var isThere = false
    try replay(fromCommit: number) { commit in
      chain = commit.chain
      isThere = true
      return false
    }
    if !isThere { throw LogError(.position, "the log has no commit \(number)") }
    return chain
  }

  /// The commit that holds `position`.
  /// - Throws: also when the log ends before it.
  package func chunk(holding position: Position) throws -> LogChunk {
    guard let chunk = try chunk(from: position, limitBytes: 1, through: position) else {
      throw LogError(.position, "position \(position) is not in the log")
    }
    return chunk
  }

  /// The last commit whose time is at or before `time` (µs since 1970) and the last position up to it: commit times
  /// never go back, so this is the longest prefix of the log with commit time ≤ `time`. Commit 0: none.
  package func prefix(until time: Int64) throws -> DurablePoint {
    var last = DurablePoint(commit: 0, position: .start, time: .min)
    guard let segment = catalog.segment(where: { $0.header.first.time <= time }) else { return last }
    last = segment.header.first.point
    let (end, next) = segment.written
    if next.time <= time { return next.point }
    let place = try places(of: segment).last { $0.time <= time } ?? segment.firstPlace
    var scanner = try scanner(in: segment, at: place, end: end)
    while case .commit(let commit, _) = try nextCommit(of: &scanner, in: segment), commit.time <= time {
      last = DurablePoint(commit: commit.number, position: commit.lastPosition, time: commit.time)
    }
    return last
  }
}
