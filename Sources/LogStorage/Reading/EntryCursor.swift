internal import Events
internal import Platform

/// Reads entries one by one through the commit that was read last: for look-ups, whose hits lie far apart. Checks the
/// commit's checksums and the one record, not all its records.
struct EntryCursor {
  private let reader: LogReader
  private var segment: Segment?
  private var scanner: CommitScanner?
  /// In the scanner's window.
  private var commit: CommitHeader?
  private var commitOffset = 0

  /// Enough for the commits between two places, and for most commits.
  private static let blockBytes = CommitPlace.spacing + (16 << 10)

  init(reader: LogReader) { self.reader = reader }

  /// The entry at a position that the log has; nil when its kind is unknown and may be skipped. The views are good
  /// until the next call.
  mutating func entry(at position: Position) throws -> (entry: EntryView?, commit: CommitHeader) {
    if commit?.contains(position) != true { try seek(position) }
    guard let commit, commit.contains(position) else {
      throw LogError(.corrupt, "the index names position \(position), which the log does not have; \(Advice.damage)")
    }
    let record = try record(Int(position.rawValue - commit.firstPosition.rawValue), of: commit)
    return (record.kind == nil ? nil : record.entry, commit)
  }

  private mutating func seek(_ position: Position) throws {
    commit = nil
    guard let segment = reader.catalog.segment(where: { $0.firstPosition <= position }) else { return }
    let (end, _) = segment.written
    let place = try reader.places(of: segment).last { $0.position <= position } ?? segment.firstPlace
    let isBefore = scanner.map { $0.expected.position <= position && $0.expected.number >= place.number } ?? false
    if self.segment !== segment || !isBefore || scanner!.limit != end {
      scanner = try reader.scanner(in: segment, at: place, end: end, blockBytes: Self.blockBytes)
      self.segment = segment
    }
    let step = try explaining("reading the log") {
      try scanner!.skip(before: position)
      return try scanner!.next(checkingRecords: false)
    }
    switch step {
    case .commit(let found, let offset): (commit, commitOffset) = (found, offset)
    case .bad(let problem, let offset): throw LogReader.damage(problem, in: segment, at: offset)
    case .end, .seal: break
    }
  }

  /// The record of an entry by its ordinal in the commit.
  private func record(_ ordinal: Int, of commit: CommitHeader) throws(LogError) -> RecordView {
    var rest = commit.body
    var left = ordinal
    while rest.count >= RecordHeader.size, let base = rest.baseAddress {
      let record = RecordView(base)
      guard record.length >= RecordHeader.size, record.length <= rest.count else { break }
      if record.takesPosition {
        if left == 0 {
          if let problem = record.problem { throw LogReader.damage(problem, in: segment!, at: commitOffset) }
          return record
        }
        left -= 1
      }
      rest = UnsafeRawBufferPointer(rebasing: rest[record.length...])
    }
    throw LogReader.damage(.records("entry \(ordinal) is not there"), in: segment!, at: commitOffset)
  }
}
