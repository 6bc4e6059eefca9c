import Events
import LogStorage

/// A part of the log that a worker has in memory and can search by subject: where its batches are. A look-up there costs
/// a few binary searches, where one in the index reads the commit of each hit.
struct LogWindow {
  private static let mostBytes = 4 << 20
  private static let mostParts = 32
  private static let readBytes = 256 << 10
  /// It grows up to a position that is at most so far ahead, and begins anew there otherwise.
  private static let longestStep: UInt64 = 4096

  private struct Part {
    let chunk: LogChunk
    /// Positions of it that belong to the window.
    let from: UInt64
    let last: UInt64
    /// (half of the subject's hash, index of the entry), sorted.
    let subjects: ContiguousArray<UInt64>
  }

  private var parts: [Part] = []
  private var bytes = 0

  /// Of the first entry.
  private(set) var start: UInt64 = 0
  private var end: UInt64 { parts.last?.last ?? 0 }

  /// Makes the window hold `position`, and what comes before it as far as it did.
  ///
  /// - known: chunks that are in memory anyway. - ahead: how far to read at least when something is read.
  mutating func cover(_ position: UInt64, known: [LogChunk], ahead: UInt64, log: LogReader) throws(LogError) {
    if !parts.isEmpty, position >= start, position <= end { return }
    if parts.isEmpty || position < start || position - end > Self.longestStep {
      parts.removeAll()
      bytes = 0
    }
    while parts.isEmpty || end < position {
      let next = parts.isEmpty ? position : end + 1
      if let chunk = known.first(where: { $0.contains(Position(next)) }) {
        add(chunk, from: next)
        continue
      }
      let through = Position(max(position, ahead))
      guard let chunk = try log.chunk(from: Position(next), limitBytes: Self.readBytes, through: through),
        chunk.contains(Position(next))
      else { throw LogError(.position, "position \(next) is not in the log") }
      add(chunk, from: next)
    }
    while parts.count > 1, bytes > Self.mostBytes || parts.count > Self.mostParts {
      bytes -= parts.removeFirst().chunk.byteCount
    }
    start = parts[0].from
  }

  private mutating func add(_ chunk: LogChunk, from next: UInt64) {
    var subjects = ContiguousArray<UInt64>()
    subjects.reserveCapacity(chunk.count)
    for (index, place) in chunk.places.enumerated() {
      subjects.append(KeyPairs.pair(place.subjectHash, UInt32(index)))
    }
    subjects.sort()
    let first = chunk.firstPosition.rawValue
    parts.append(
      Part(
        chunk: chunk, from: parts.isEmpty ? first : next, last: chunk.lastPosition.rawValue, subjects: subjects))
    bytes += chunk.byteCount
  }

  /// Calls `body` with the entries of a subject within the window, from `from` through `through`, in order, until it
  /// returns false.
  func forEach(
    subject: UnsafeRawBufferPointer, hash: UInt64, from: UInt64, through: UInt64,
    _ body: (UInt64, EntryView, Int64) throws -> Bool
  ) throws {
    for part in parts where part.last >= from && part.from <= through {
      let (low, high) = (max(part.from, from), min(part.last, through))
      let first = part.chunk.firstPosition.rawValue
      let last = KeyPairs.pair(hash, UInt32(high - first))
      var index = part.subjects.firstIndex(notBefore: KeyPairs.pair(hash, UInt32(low - first)))
      while index < part.subjects.count, part.subjects[index] <= last {
        let position = first + UInt64(UInt32(truncatingIfNeeded: part.subjects[index]))
        let entry = part.chunk.entry(Position(position))
        index += 1
        if entry.subject.equals(subject),
          try !body(position, entry, part.chunk.commit(of: Position(position)).time)
        {
          return
        }
      }
    }
  }

  /// The chunk of a position within the window.
  func chunk(at position: UInt64) -> LogChunk? {
    parts.last { $0.from <= position && $0.last >= position }?.chunk
  }
}
