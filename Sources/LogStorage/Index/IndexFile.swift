internal import Algorithms
internal import Events
internal import Platform

/// An index file, open for look-ups. Any thread.
final class IndexFile: Sendable {
  /// The file is damaged: build it again.
  struct Damaged: Error {}

  let header: IndexHeader
  private let path: String
  private let cache: FileCache

  /// Nil when the file is missing, damaged, of another version, or not of this segment.
  init?(_ path: String, of segment: Segment, in cache: FileCache) throws(FileError) {
    self.path = path
    self.cache = cache
    let file: any File
    do throws(FileError) {
      file = try cache.file(path)
    } catch {
      if error.isMissing { return nil }
      throw error
    }
    var block = [UInt8](repeating: 0, count: IndexHeader.blockBytes)
    try Self.read(into: &block, of: file, at: 0)
    let (end, next) = segment.written
    guard let header = block.withUnsafeBytes({ IndexHeader.load(from: $0) }),
      header.logIDLow == segment.header.identity.id.low, header.first == segment.firstPosition,
      header.sealOffset == end, header.chain == next.chain,
      UInt64(header.count) == next.position.rawValue - segment.firstPosition.rawValue,
      Self.fits(header, fileBytes: try file.size())
    else { return nil }
    self.header = header
  }

  /// Whether everything that the header names lies in the file.
  private static func fits(_ header: IndexHeader, fileBytes: Int) -> Bool {
    let blocks = fileBytes / IndexHeader.blockBytes
    func fits(_ run: IndexHeader.Run, _ each: Int) -> Bool {
      run.count <= fileBytes && run.firstBlock <= blocks && run.blocks(of: each) <= blocks - run.firstBlock
    }
    let filter = header.filter
    return header.runs.allSatisfy { fits($0, IndexBlock.pairsPerBlock) }
      && fits(header.places, IndexBlock.placesPerBlock) && filter.count <= fileBytes && filter.firstBlock <= blocks
      && filter.count * 2 <= fileBytes - filter.firstBlock * IndexHeader.blockBytes
  }

  private static func read(into bytes: inout [UInt8], of file: any File, at offset: Int) throws(FileError) {
    let result = bytes.withUnsafeMutableBytes { buffer in
      Result { () throws(FileError) in try file.read(into: buffer, at: offset) }
    }
    _ = try result.get()
  }

  /// The filter of outside identities; nil when no entry has one.
  func filter() throws -> IdentityFilter? {
    let run = header.filter
    if run.count == 0 { return nil }
    var bytes = [UInt8](repeating: 0, count: run.count * 2)
    try Self.read(into: &bytes, of: cache.file(path), at: run.firstBlock * IndexHeader.blockBytes)
    let fingerprints = bytes.withUnsafeBytes { buffer in
      ContiguousArray((0..<run.count).map { buffer.baseAddress!.integer(UInt16.self, at: $0 * 2) })
    }
    guard let filter = IdentityFilter(seed: header.filterSeed, fingerprints: fingerprints),
      filter.checksum == header.filterCRC
    else { throw Damaged() }
    return filter
  }

  /// Where commits begin, ascending; the first is the segment's.
  func places() throws -> [CommitPlace] {
    var places: [CommitPlace] = []
    places.reserveCapacity(header.places.count)
    var block = [UInt8](repeating: 0, count: IndexHeader.blockBytes)
    for number in 0..<header.places.blocks(of: IndexBlock.placesPerBlock) {
      try load(header.places.firstBlock + number, into: &block)
      let count = min(header.places.count - places.count, IndexBlock.placesPerBlock)
      block.withUnsafeBytes { bytes in
        for index in 0..<count {
          let at = bytes.baseAddress! + index * IndexBlock.placeBytes
          places.append(
            CommitPlace(
              offset: Int(clamping: at.integer(UInt64.self, at: 0)), number: at.integer(UInt64.self, at: 8),
              position: Position(at.integer(UInt64.self, at: 16)), time: at.integer(Int64.self, at: 24)))
        }
      }
    }
    let isInside = places.allSatisfy { $0.offset >= SegmentHeader.size && $0.offset < header.sealOffset }
    guard isInside, zip(places, places.dropFirst()).allSatisfy({ $0.offset < $1.offset && $0.number < $1.number })
    else { throw Damaged() }
    return places
  }

  private func load(_ number: Int, into block: inout [UInt8]) throws {
    try Self.read(into: &block, of: cache.file(path), at: number * IndexHeader.blockBytes)
    guard block.withUnsafeBytes({ IndexBlock.isGood($0) }) else { throw Damaged() }
  }

  /// The ordinals of `key` within `range`, ascending; the first `limit` of them.
  func ordinals(_ kind: IndexKind, _ key: UInt64, in range: ClosedRange<UInt32>, limit: Int) throws -> [UInt32] {
    let run = header.runs[kind.rawValue]
    guard run.count > 0, key >= run.smallest, key <= run.largest else { return [] }
    var found: [UInt32] = []
    var block = [UInt8](repeating: 0, count: IndexHeader.blockBytes)
    let target = IndexPair(key: key, ordinal: range.lowerBound)
    var number = try firstBlock(from: target, in: run, &block)
    let blocks = run.blocks(of: IndexBlock.pairsPerBlock)
    while number < blocks {
      try load(run.firstBlock + number, into: &block)
      let pairs = Pairs(block, count: min(run.count - number * IndexBlock.pairsPerBlock, IndexBlock.pairsPerBlock))
      for index in pairs.lowerBound(of: target)..<pairs.count {
        let pair = pairs[index]
        if pair.key != key || pair.ordinal > range.upperBound || found.count == limit { return found }
        found.append(pair.ordinal)
      }
      number += 1
    }
    return found
  }

  /// A whole run, as the verifier compares it.
  func pairs(_ kind: IndexKind) throws -> ContiguousArray<IndexPair> {
    let run = header.runs[kind.rawValue]
    var all = ContiguousArray<IndexPair>()
    all.reserveCapacity(run.count)
    var block = [UInt8](repeating: 0, count: IndexHeader.blockBytes)
    for number in 0..<run.blocks(of: IndexBlock.pairsPerBlock) {
      try load(run.firstBlock + number, into: &block)
      let pairs = Pairs(block, count: min(run.count - all.count, IndexBlock.pairsPerBlock))
      for index in 0..<pairs.count { all.append(pairs[index]) }
    }
    return all
  }

  /// The block in which the first pair that is not before `target` lies, or the one before it. Hashes are spread
  /// evenly, so the first guess is mostly right or next to it; halving bounds the search for the others.
  private func firstBlock(from target: IndexPair, in run: IndexHeader.Run, _ block: inout [UInt8]) throws -> Int {
    var low = 0
    var high = run.blocks(of: IndexBlock.pairsPerBlock) - 1
    let span = Double(run.largest - run.smallest) + 1
    var guess = Int(Double(target.key - run.smallest) / span * Double(high + 1))
    var step = 1
    while low < high {
      // `low` may hold it, blocks after `high` do not.
      let middle = min(max(guess, low + 1), high)
      try load(run.firstBlock + middle, into: &block)
      let first = Pairs(block, count: IndexBlock.pairsPerBlock)[0]
      if first < target { low = middle } else { high = middle - 1 }
      guess = step <= 4 ? (first < target ? middle + step : middle - step) : (low + high + 1) / 2
      step *= 2
    }
    return low
  }

  /// The pairs of a block.
  private struct Pairs {
    let bytes: [UInt8]
    let count: Int

    init(_ bytes: [UInt8], count: Int) {
      self.bytes = bytes
      self.count = count
    }

    subscript(index: Int) -> IndexPair {
      bytes.withUnsafeBytes { buffer in
        let at = buffer.baseAddress! + index * IndexBlock.pairBytes
        return IndexPair(key: at.integer(UInt64.self, at: 0), ordinal: at.integer(UInt32.self, at: 8))
      }
    }

    func lowerBound(of target: IndexPair) -> Int { (0..<count).partitioningIndex { self[$0] >= target } }
  }
}
