internal import Events

/// The first block of an index file (docs/log-format.md, "Index file"). An index can always be built again from its
/// segment, so whatever is wrong with it only means that it is.
struct IndexHeader: Equatable {
  static let blockBytes = 4096
  static let magic: [UInt8] = Array("MOONINDX".utf8)
  static let version: UInt32 = 1

  /// Where something lies in the file.
  struct Run: Equatable {
    var count = 0
    var firstBlock = 0
    var smallest: UInt64 = 0
    var largest: UInt64 = 0

    func blocks(of each: Int) -> Int { (count + each - 1) / each }
  }

  var logIDLow: UInt64
  var first: Position
  /// Position count of the segment.
  var count: UInt32
  /// Where the segment's seal is, and the chain value there: what binds the index to the segment's content.
  var sealOffset: Int
  var chain: CommitChain
  /// One for each `IndexKind`.
  var runs: [Run]
  var places: Run
  /// Of the filter: `count` fingerprints.
  var filter: Run
  var filterSeed: UInt64
  var filterCRC: UInt32

  func store(to bytes: UnsafeMutableRawBufferPointer) {
    bytes.initializeMemory(as: UInt8.self, repeating: 0)
    var at = 16
    func put<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value) {
      bytes.storeBytes(of: value.littleEndian, toByteOffset: at, as: Value.self)
      at += MemoryLayout<Value>.size
    }
    bytes.copyBytes(from: Self.magic)
    bytes.storeBytes(of: Self.version.littleEndian, toByteOffset: 8, as: UInt32.self)
    put(logIDLow)
    put(first.rawValue)
    put(UInt64(sealOffset))
    put(chain.headerCRC)
    put(chain.bodyCRC)
    put(count)
    put(filterCRC)
    put(filterSeed)
    for run in runs + [places, filter] {
      put(UInt64(run.count))
      put(UInt64(run.firstBlock))
      put(run.smallest)
      put(run.largest)
    }
    IndexBlock.close(bytes)
  }

  /// Nil when the block is not a good header of this version.
  static func load(from bytes: UnsafeRawBufferPointer) -> IndexHeader? {
    guard bytes.count == blockBytes, let base = bytes.baseAddress, bytes.prefix(magic.count).elementsEqual(magic),
      IndexBlock.isGood(bytes), base.integer(UInt32.self, at: 8) == version
    else { return nil }
    func run(_ number: Int) -> Run {
      let at = 64 + number * 32
      return Run(
        count: Int(clamping: base.integer(UInt64.self, at: at)),
        firstBlock: Int(clamping: base.integer(UInt64.self, at: at + 8)),
        smallest: base.integer(UInt64.self, at: at + 16), largest: base.integer(UInt64.self, at: at + 24))
    }
    return IndexHeader(
      logIDLow: base.integer(UInt64.self, at: 16), first: Position(base.integer(UInt64.self, at: 24)),
      count: base.integer(UInt32.self, at: 48), sealOffset: Int(clamping: base.integer(UInt64.self, at: 32)),
      chain: CommitChain(headerCRC: base.integer(UInt32.self, at: 40), bodyCRC: base.integer(UInt32.self, at: 44)),
      runs: IndexKind.allCases.map { run($0.rawValue) }, places: run(4), filter: run(5),
      filterSeed: base.integer(UInt64.self, at: 56), filterCRC: base.integer(UInt32.self, at: 52))
  }
}

/// A block of an index file: 4096 bytes, the last four a checksum of the others.
enum IndexBlock {
  /// A block of a run: up to 340 times key (u64) and ordinal (u32).
  static let pairsPerBlock = 340
  static let pairBytes = 12
  /// A block of places: up to 127 times offset (u64), commit number (u64), position (u64), time (i64).
  static let placesPerBlock = 127
  static let placeBytes = 32

  static func close(_ bytes: UnsafeMutableRawBufferPointer) {
    let content = IndexHeader.blockBytes - 4
    let crc = crc32c(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[..<content]))
    bytes.storeBytes(of: crc.littleEndian, toByteOffset: content, as: UInt32.self)
  }

  static func isGood(_ bytes: UnsafeRawBufferPointer) -> Bool {
    let content = IndexHeader.blockBytes - 4
    return crc32c(UnsafeRawBufferPointer(rebasing: bytes[..<content]))
      == bytes.baseAddress!.integer(UInt32.self, at: content)
  }
}
