internal import Events

/// The first 512 bytes of a segment file (docs/log-format.md, "Segment header").
struct SegmentHeader: Sendable, Equatable {
  static let size = 512
  static let magic: [UInt8] = Array("MOONDLOG".utf8)
  static let formatVersion: UInt32 = 1

  var identity: LogIdentity
  /// What the segment's first commit must agree with. Its epoch is the one in which the segment was made.
  var first: CommitExpectation
  /// µs since 1970, the host's clock.
  var created: Int64

  enum Problem: Error, Sendable, Equatable {
    case short
    case magic
    case checksum
    case newer(String)
    case content(String)
  }

  func store(to bytes: UnsafeMutableRawBufferPointer) {
    precondition(bytes.count == Self.size && identity.name.utf8.count <= LogIdentity.maximumNameBytes)
    bytes.initializeMemory(as: UInt8.self, repeating: 0)
    func put<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value, _ offset: Int) {
      bytes.storeBytes(of: value.littleEndian, toByteOffset: offset, as: Value.self)
    }
    bytes.copyBytes(from: Self.magic)
    put(Self.formatVersion, 8)
    put(UInt32(Self.size), 12)
    put(identity.id.low, 16)
    put(identity.id.high, 24)
    put(identity.clockMode.rawValue, 32)
    put(UInt8(identity.name.utf8.count), 33)
    put(UInt32(identity.limits.maxGroupBytes), 36)
    put(UInt64(identity.limits.maxUnsyncedBytes), 40)
    put(first.number, 48)
    put(first.position.rawValue, 56)
    put(first.chain.headerCRC, 64)
    put(first.chain.bodyCRC, 68)
    put(first.time, 72)
    put(created, 80)
    put(first.epoch, 88)
    UnsafeMutableRawBufferPointer(rebasing: bytes[256...]).copyBytes(from: identity.name.utf8)
    put(crc32c(UnsafeRawBufferPointer(rebasing: bytes[..<508])), 508)
  }

  static func load(from bytes: UnsafeRawBufferPointer) throws(Problem) -> SegmentHeader {
    guard bytes.count >= size, let base = bytes.baseAddress else { throw .short }
    guard bytes.prefix(magic.count).elementsEqual(magic) else { throw .magic }
    guard crc32c(UnsafeRawBufferPointer(rebasing: bytes[..<508])) == base.integer(UInt32.self, at: 508) else {
      throw .checksum
    }
    let version = base.integer(UInt32.self, at: 8)
    if version != formatVersion { throw .newer("log format \(version)") }
    if base.integer(UInt16.self, at: 34) != 0 { throw .newer("segment flags") }
    for index in 92..<256 where bytes[index] != 0 { throw .newer("reserved bytes of a segment header") }
    guard let mode = ClockMode(rawValue: bytes[32]) else { throw .newer("clock mode \(bytes[32])") }
    let nameLength = Int(bytes[33])
    let limits = LogLimits(
      maxGroupBytes: Int(base.integer(UInt32.self, at: 36)),
      maxUnsyncedBytes: Int(clamping: base.integer(UInt64.self, at: 40)))
    guard (1...LogIdentity.maximumNameBytes).contains(nameLength), limits.areSound,
      base.integer(UInt32.self, at: 12) == UInt32(size)
    else { throw .content("name or limits") }
    let identity = LogIdentity(
      id: LogID(high: base.integer(UInt64.self, at: 24), low: base.integer(UInt64.self, at: 16)),
      name: UnsafeRawBufferPointer(rebasing: bytes[256..<(256 + nameLength)]).text,
      clockMode: mode, limits: limits)
    let first = CommitExpectation(
      number: base.integer(UInt64.self, at: 48), position: Position(base.integer(UInt64.self, at: 56)),
      chain: CommitChain(headerCRC: base.integer(UInt32.self, at: 64), bodyCRC: base.integer(UInt32.self, at: 68)),
      time: base.integer(Int64.self, at: 72), epoch: base.integer(UInt32.self, at: 88))
    return SegmentHeader(identity: identity, first: first, created: base.integer(Int64.self, at: 80))
  }
}
