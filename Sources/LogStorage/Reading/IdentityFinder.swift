package import Events

/// Looks for entries by the identity they came with from outside. Keeps the part of the log that it read last, so that
/// looking for many that lie together reads it once. One thread.
package struct IdentityFinder {
  private let reader: LogReader
  private var cursor: EntryCursor

  package init(_ reader: LogReader) {
    self.reader = reader
    cursor = EntryCursor(reader: reader)
  }

  /// The entry that came with this identity, and a copy of it; the first, should there be several. Sees everything that
  /// has been appended, synced or not.
  /// - hash: `identity.hash.identity(source:id:)`. - candidates: what `IdentityIndex.candidates` says; nil when not
  ///   at hand, and then segments without an index file are searched from one end to the other.
  package mutating func find(
    source: UnsafeRawBufferPointer, id: UnsafeRawBufferPointer, hash: UInt64, candidates: [Position]? = nil
  ) throws(LogError) -> (position: Position, entry: [UInt8])? {
    func isSame(_ entry: EntryView) -> Bool {
      let attributes = entry.attributes
      guard let foundID = attributes[.id], let foundSource = attributes[.source] else { return false }
      return foundID.equals(id) && foundSource.equals(source)
    }
    let reader = reader
    var cursor = cursor
    defer { self.cursor = cursor }
    return try explaining("looking for an identity") {
      for position in try reader.positions(ofIdentity: hash, candidates: candidates) {
        if let entry = try cursor.entry(at: position).entry, isSame(entry) { return (position, Array(entry.whole)) }
      }
      return nil
    }
  }
}

extension LogReader {
  /// As `IdentityFinder.find`, for one identity.
  package func find(
    source: UnsafeRawBufferPointer, id: UnsafeRawBufferPointer, hash: UInt64, candidates: [Position]? = nil
  ) throws(LogError) -> (position: Position, entry: [UInt8])? {
    var finder = IdentityFinder(self)
    return try finder.find(source: source, id: id, hash: hash, candidates: candidates)
  }

  /// The positions of entries whose identity has this hash, ascending.
  fileprivate func positions(ofIdentity hash: UInt64, candidates: [Position]?) throws -> [Position] {
    var found: [Position] = []
    for segment in catalog.segments {
      if segment.index.filter?.mightContain(hash) == false { continue }
      if candidates != nil && segment.growsHere && segment.index.file == nil { continue }
      let ordinals = try repairingIndex(of: segment) {
        try segment.index.ordinals(.identity, hash, in: 0...UInt32.max, limit: .max, hash: identity.hash)
      }
      found += ordinals.map { segment.firstPosition + UInt64($0) }
    }
    let last = lastPosition
    return found + (candidates ?? []).filter { $0 <= last }
  }
}
