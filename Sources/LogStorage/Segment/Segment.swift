internal import Events
internal import Platform
internal import Synchronization

/// Where a commit begins, every 64 KiB or so: to find a position, a commit or a time without reading all of a segment.
struct CommitPlace: Sendable, Equatable {
  /// At least this many bytes lie between two places.
  static let spacing = 64 << 10

  var offset: Int
  var number: UInt64
  var position: Position
  var time: Int64
}

/// One segment file, as readers and the journal share it. Any thread.
final class Segment: Sendable {
  let header: SegmentHeader
  /// Where the file will be once it is named.
  let path: String

  struct State: ~Copyable {
    /// Where the file is now.
    var path: String
    /// The end of the last commit that is written.
    var end: Int
    /// What the commit after that one must agree with.
    var next: CommitExpectation
    var isSealed = false
    var places: [CommitPlace] = []
    /// Open for reading; for a sealed segment only after the first use.
    var file: (any File)?
  }

  private let state: Mutex<State>

  init(header: SegmentHeader, path: String, at current: String, file: (any File)?) {
    self.header = header
    self.path = path
    state = Mutex(State(path: current, end: SegmentHeader.size, next: header.first, file: file))
  }

  var firstPosition: Position { header.first.position }
  var firstCommit: UInt64 { header.first.number }
  var end: Int { state.withLock { $0.end } }
  var next: CommitExpectation { state.withLock { $0.next } }
  /// The end of the last commit that is written, and what the next one must agree with.
  var written: (end: Int, next: CommitExpectation) { state.withLock { ($0.end, $0.next) } }
  /// Where the first commit is.
  var firstPlace: CommitPlace {
    CommitPlace(offset: SegmentHeader.size, number: firstCommit, position: firstPosition, time: header.first.time)
  }
  var isSealed: Bool { state.withLock { $0.isSealed } }

  /// Commits have been written, or found, at `offset`: one after the other in `bytes`.
  func note(_ commits: CommitSequence, at offset: Int) {
    state.withLock { state in
      var at = offset
      for commit in commits {
        if at >= (state.places.last?.offset ?? -CommitPlace.spacing) + CommitPlace.spacing {
          state.places.append(
            CommitPlace(offset: at, number: commit.number, position: commit.firstPosition, time: commit.time))
        }
        at += commit.wholeLength
        state.next.advance(over: commit)
      }
      state.end = at
    }
  }

  func wasNamed() { state.withLock { $0.path = path } }

  func wasSealed() { state.withLock { $0.isSealed = true } }

  /// The last place before or at which `matches` holds; matches must hold for a prefix of the places.
  func place(where matches: (CommitPlace) -> Bool) -> CommitPlace? {
    state.withLock { state in
      var low = 0
      var high = state.places.count
      while low < high {
        let middle = (low + high) / 2
        if matches(state.places[middle]) { low = middle + 1 } else { high = middle }
      }
      return low > 0 ? state.places[low - 1] : nil
    }
  }

  /// The file, opened for reading.
  func file(in fileSystem: any FileSystem) throws(FileError) -> any File {
    let (file, path) = state.withLock { ($0.file, $0.path) }
    if let file { return file }
    let opened = try fileSystem.open(path, .read)
    return state.withLock { state in
      if let file = state.file { return file }
      state.file = opened
      return opened
    }
  }
}
