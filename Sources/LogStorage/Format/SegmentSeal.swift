internal import Events

/// The 96 bytes at the end of a sealed segment (docs/log-format.md, "Seal"). Written only after everything before it
/// is durable, so its presence says that the segment is whole.
struct SegmentSeal: Sendable, Equatable {
  static let size = 96
  /// "MEND" in the file.
  static let magic: UInt32 = 0x444E_454D
  static let version: UInt8 = 1

  var logIDLow: UInt64
  /// Where the seal begins: the end of the last commit.
  var offset: Int
  /// How many commits the segment has.
  var commits: UInt64
  var firstPosition: Position
  /// What the first commit of the next segment must agree with.
  var next: CommitExpectation

  enum Problem: Error, Sendable, Equatable {
    case absent
    case checksum
    case newer(String)
    case content
  }

  func store(to base: UnsafeMutableRawPointer) {
    func put<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value, _ offset: Int) {
      base.storeBytes(of: value.littleEndian, toByteOffset: offset, as: Value.self)
    }
    base.initializeMemory(as: UInt8.self, repeating: 0, count: Self.size)
    put(Self.magic, 0)
    put(Self.version, 4)
    put(logIDLow, 8)
    put(UInt64(offset), 16)
    put(commits, 24)
    put(firstPosition.rawValue, 32)
    put(next.number, 40)
    put(next.position.rawValue, 48)
    put(next.chain.headerCRC, 56)
    put(next.chain.bodyCRC, 60)
    put(next.time, 64)
    put(next.epoch, 72)
    put(crc32c(UnsafeRawBufferPointer(start: base, count: 92)), 92)
  }

  /// `bytes`: at least `size` bytes that may be a seal.
  static func load(from bytes: UnsafeRawBufferPointer) throws(Problem) -> SegmentSeal {
    guard bytes.count >= size, let base = bytes.baseAddress, base.integer(UInt32.self, at: 0) == magic else {
      throw .absent
    }
    guard crc32c(UnsafeRawBufferPointer(start: base, count: 92)) == base.integer(UInt32.self, at: 92) else {
      throw .checksum
    }
    if bytes[4] != version { throw .newer("seal version \(bytes[4])") }
    for index in 5..<8 where bytes[index] != 0 { throw .newer("reserved bytes of a seal") }
    for index in 76..<92 where bytes[index] != 0 { throw .newer("reserved bytes of a seal") }
    guard let offset = Int(exactly: base.integer(UInt64.self, at: 16)) else { throw .content }
    return SegmentSeal(
      logIDLow: base.integer(UInt64.self, at: 8), offset: offset,
      commits: base.integer(UInt64.self, at: 24), firstPosition: Position(base.integer(UInt64.self, at: 32)),
      next: CommitExpectation(
        number: base.integer(UInt64.self, at: 40), position: Position(base.integer(UInt64.self, at: 48)),
        chain: CommitChain(headerCRC: base.integer(UInt32.self, at: 56), bodyCRC: base.integer(UInt32.self, at: 60)),
        time: base.integer(Int64.self, at: 64), epoch: base.integer(UInt32.self, at: 72)))
  }
}
