internal import Events
internal import Platform

/// Writes the index file of a sealed segment: under a temporary name, synced, renamed, the folder synced.
struct IndexWriter {
  private let file: any File
  private var block = [UInt8](repeating: 0, count: IndexHeader.blockBytes)
  private var buffer: [UInt8] = []
  private var written = IndexHeader.blockBytes
  private var synced = 0

  private init(file: any File) { self.file = file }

  /// On an error nothing but a temporary file is left.
  static func write(
    _ pairs: SegmentPairs, of segment: Segment, places: [CommitPlace], to path: String,
    in fileSystem: any FileSystem
  ) throws(FileError) {
    let temporary = path + SegmentName.temporarySuffix
    let file = try fileSystem.open(temporary, .replace)
    var writer = IndexWriter(file: file)
    try writer.writeAll(pairs, of: segment, places: places)
    try file.sync()
    try file.close()
    try fileSystem.rename(temporary, to: path)
    try fileSystem.syncFolder(LogFolder.parent(of: path))
  }

  private mutating func writeAll(
    _ pairs: SegmentPairs, of segment: Segment, places: [CommitPlace]
  ) throws(FileError) {
    let (end, next) = segment.written
    var header = IndexHeader(
      logIDLow: segment.header.identity.id.low, first: segment.firstPosition, count: pairs.count, sealOffset: end,
      chain: next.chain, runs: [], places: .init(), filter: .init(), filterSeed: 0, filterCRC: 0)
    var filter: IdentityFilter?
    for kind in IndexKind.allCases {
      let sorted = pairs.sorted(kind)
      header.runs.append(try write(sorted))
      if kind == .identity && !sorted.isEmpty { filter = IdentityFilter(sorted: sorted.lazy.map(\.key)) }
    }
    header.places = try write(places)
    if let filter {
      header.filter = IndexHeader.Run(count: filter.fingerprints.count, firstBlock: written / IndexHeader.blockBytes)
      header.filterSeed = filter.seed
      header.filterCRC = filter.checksum
      let bytes = filter.fingerprints.withUnsafeBytes { Array($0) }
      try add(bytes)
    }
    try flush()
    var first = [UInt8](repeating: 0, count: IndexHeader.blockBytes)
    first.withUnsafeMutableBytes { header.store(to: $0) }
    try file.write(first)
  }

  private mutating func write(_ pairs: ContiguousArray<IndexPair>) throws(FileError) -> IndexHeader.Run {
    let run = IndexHeader.Run(
      count: pairs.count, firstBlock: written / IndexHeader.blockBytes, smallest: pairs.first?.key ?? 0,
      largest: pairs.last?.key ?? 0)
    var start = 0
    while start < pairs.count {
      let end = min(start + IndexBlock.pairsPerBlock, pairs.count)
      block.withUnsafeMutableBytes { bytes in
        bytes.initializeMemory(as: UInt8.self, repeating: 0)
        for (index, pair) in pairs[start..<end].enumerated() {
          let at = index * IndexBlock.pairBytes
          bytes.storeBytes(of: pair.key.littleEndian, toByteOffset: at, as: UInt64.self)
          bytes.storeBytes(of: pair.ordinal.littleEndian, toByteOffset: at + 8, as: UInt32.self)
        }
        IndexBlock.close(bytes)
      }
      try add(block)
      start = end
    }
    return run
  }

  private mutating func write(_ places: [CommitPlace]) throws(FileError) -> IndexHeader.Run {
    let run = IndexHeader.Run(count: places.count, firstBlock: written / IndexHeader.blockBytes)
    var start = 0
    while start < places.count {
      let end = min(start + IndexBlock.placesPerBlock, places.count)
      block.withUnsafeMutableBytes { bytes in
        bytes.initializeMemory(as: UInt8.self, repeating: 0)
        for (index, place) in places[start..<end].enumerated() {
          let at = index * IndexBlock.placeBytes
          bytes.storeBytes(of: UInt64(place.offset).littleEndian, toByteOffset: at, as: UInt64.self)
          bytes.storeBytes(of: place.number.littleEndian, toByteOffset: at + 8, as: UInt64.self)
          bytes.storeBytes(of: place.position.rawValue.littleEndian, toByteOffset: at + 16, as: UInt64.self)
          bytes.storeBytes(of: place.time.littleEndian, toByteOffset: at + 24, as: Int64.self)
        }
        IndexBlock.close(bytes)
      }
      try add(block)
      start = end
    }
    return run
  }

  private mutating func add(_ bytes: [UInt8]) throws(FileError) {
    buffer.append(contentsOf: bytes)
    written += bytes.count
    if buffer.count >= 1 << 20 { try flush() }
  }

  /// Syncs every few MiB: one sync of a large file at the end would hold up those of the log meanwhile.
  private mutating func flush() throws(FileError) {
    try file.write(buffer, at: written - buffer.count)
    buffer.removeAll(keepingCapacity: true)
    if written - synced >= 4 << 20 {
      try file.syncData()
      synced = written
    }
  }
}

extension IdentityFilter {
  /// Of the fingerprints as they lie in the file.
  var checksum: UInt32 { fingerprints.withUnsafeBytes { crc32c($0) } }
}
