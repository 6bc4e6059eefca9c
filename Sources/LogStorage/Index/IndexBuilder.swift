internal import Events
internal import Platform

/// Builds index files, and builds again what is missing or damaged.
struct IndexBuilder: Sendable {
  let cache: FileCache
  let identity: LogIdentity
  /// A log that is only read is not changed: its missing indexes are built in memory.
  let isReadOnly: Bool

  private var fileSystem: any FileSystem { cache.fileSystem }

  func path(of segment: Segment) -> String {
    segment.path.dropLast(SegmentName.suffix.count) + SegmentName.indexSuffix
  }

  /// Opens the index file of a sealed segment, for writing with its filter; false when there is no good one.
  func open(_ segment: Segment) throws(FileError) -> Bool {
    guard let file = try IndexFile(path(of: segment), of: segment, in: cache) else { return false }
    do {
      segment.index.install(file, isReadOnly ? nil : try file.filter())
      return true
    } catch let error as FileError {
      throw error
    } catch {
      return false
    }
  }

  /// Writes the index file of a sealed segment from its tables, into which everything has been absorbed, and reads it back. Returns its filter; nil when no
  /// entry has an outside identity.
  func write(_ segment: Segment) throws(FileError) -> IdentityFilter? {
    guard let pairs = segment.index.pairs(), let places = segment.places else { return segment.index.filter }
    let path = path(of: segment)
    try IndexWriter.write(pairs, of: segment, places: places, to: path, in: fileSystem)
    cache.forget(path)
    // A file that is read back with other bytes than were written says that the disk cannot be trusted.
    guard try open(segment) else { throw FileError(.read, path, errno: FileError.inputOutputError) }
    return segment.index.filter
  }

  /// Reads a sealed segment through and makes its tables and places; then its file, when there is room for one.
  /// Returns the filter.
  func rebuild(_ segment: Segment) throws -> IdentityFilter? {
    var pairs = SegmentPairs(first: segment.firstPosition)
    var places: [CommitPlace] = []
    let end = segment.end
    var scanner = CommitScanner(
      file: try segment.file(cache), limit: end, identity: identity, expected: segment.header.first)
    var builder = ChunkBuilder(hash: identity.hash, capacity: 1 << 20)
    scan: while true {
      switch try scanner.next() {
      case .commit(let commit, let offset):
        if offset >= (places.last?.offset ?? -CommitPlace.spacing) + CommitPlace.spacing {
          places.append(
            CommitPlace(offset: offset, number: commit.number, position: commit.firstPosition, time: commit.time))
        }
        builder.append(commit)
        if builder.byteCount >= 1 << 20, let chunk = builder.take() { pairs.add(chunk, hash: identity.hash) }
      case .bad(let problem, let offset): throw LogReader.damage(problem, in: segment, at: offset)
      case .end, .seal: break scan
      }
    }
    if let chunk = builder.take() { pairs.add(chunk, hash: identity.hash) }
    segment.setPlaces(places)
    segment.index.install(pairs)
    if isReadOnly { return nil }
    do throws(FileError) {
      return try write(segment)
    } catch {
      guard error.mayPass else { throw error }
      let run = pairs.sorted(.identity)
      return run.isEmpty ? nil : IdentityFilter(sorted: run.lazy.map(\.key))
    }
  }
}
