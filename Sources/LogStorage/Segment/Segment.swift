internal import Algorithms
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

/// One segment file, as readers, journal and index share it. Any thread.
final class Segment: Sendable {
  let header: SegmentHeader
  /// Where the file is once it is named.
  let path: String
  let index: SegmentIndex
  /// Whether this process writes it, or went on writing it: until it has an index file, its identities are known to
  /// the engine's `IdentityIndex`.
  let growsHere: Bool

  private struct State {
    /// The end of the last commit that is written.
    var end: Int
    /// What the commit after that one must agree with.
    var next: CommitExpectation
    var isSealed: Bool
    /// Nil: they are in the index file.
    var places: [CommitPlace]?
    /// Open for reading from before it was named until it is sealed.
    var file: (any File)?
  }

  private let state: Mutex<State>

  /// A segment that is written, or that opening will look through.
  init(_ header: SegmentHeader, path: String, file: any File) {
    self.header = header
    self.path = path
    growsHere = true
    index = SegmentIndex(first: header.first.position, isGrowing: true)
    state = Mutex(
      State(end: SegmentHeader.size, next: header.first, isSealed: false, places: [], file: file))
  }

  /// A sealed segment.
  init(_ header: SegmentHeader, path: String, seal: SegmentSeal) {
    self.header = header
    self.path = path
    growsHere = false
    index = SegmentIndex(first: header.first.position, isGrowing: false)
    state = Mutex(State(end: seal.offset, next: seal.next, isSealed: true, places: nil, file: nil))
  }

  var firstPosition: Position { header.first.position }
  var firstCommit: UInt64 { header.first.number }
  var end: Int { state.withLock { $0.end } }
  var next: CommitExpectation { state.withLock { $0.next } }
  /// The end of the last commit that is written, and what the next one must agree with.
  var written: (end: Int, next: CommitExpectation) { state.withLock { ($0.end, $0.next) } }
  var isSealed: Bool { state.withLock { $0.isSealed } }
  /// Where the first commit is.
  var firstPlace: CommitPlace {
    CommitPlace(offset: SegmentHeader.size, number: firstCommit, position: firstPosition, time: header.first.time)
  }
  /// Nil: they are in the index file.
  var places: [CommitPlace]? { state.withLock { $0.places } }

  /// Commits have been written, or found, at the end.
  func note(_ commits: CommitSequence) {
    state.withLock { state in
      for commit in commits {
        if let places = state.places,
          state.end >= (places.last?.offset ?? -CommitPlace.spacing) + CommitPlace.spacing
        {
          state.places!.append(
            CommitPlace(
              offset: state.end, number: commit.number, position: commit.firstPosition, time: commit.time))
        }
        state.end += commit.wholeLength
        state.next.advance(over: commit)
      }
    }
  }

  /// The verifier goes on behind damage.
  func skip(to offset: Int, _ next: CommitExpectation) {
    state.withLock { state in
      state.end = offset
      state.next = next
    }
  }

  /// The file has its final name and its seal; from now on it is opened when it is used.
  func wasSealed() {
    state.withLock { state in
      state.isSealed = true
      state.file = nil
    }
  }

  func setPlaces(_ places: [CommitPlace]) { state.withLock { $0.places = places } }

  /// The file, opened for reading.
  func file(_ cache: FileCache) throws(FileError) -> any File {
    if let file = state.withLock({ $0.file }) { return file }
    return try cache.file(path)
  }
}

extension [CommitPlace] {
  /// The last place that `matches` holds for; it must hold for a first part of them.
  func last(matching matches: (CommitPlace) -> Bool) -> CommitPlace? {
    self[..<partitioningIndex { !matches($0) }].last
  }
}
