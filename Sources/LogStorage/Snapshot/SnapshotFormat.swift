internal import Events

/// The first 128 bytes of a snapshot file (docs/log-format.md, "Snapshot").
struct SnapshotHeader: Equatable {
  static let size = 128
  static let magic: [UInt8] = Array("MOONSNAP".utf8)
  static let version: UInt32 = 1

  var logID: LogID
  /// The version of the payload, which belongs to whoever made it.
  var payloadVersion: UInt32
  var point: DurablePoint
  /// The CRCs of the commit `point.commit`: ties the snapshot to this history of the log.
  var chain: CommitChain
  var payloadBytes: Int
  var payloadCRC: UInt32

  enum Problem: Error, Equatable {
    case bad(String)
    case newer(UInt32)
  }

  func store(to bytes: UnsafeMutableRawBufferPointer) {
    precondition(bytes.count == Self.size)
    bytes.initializeMemory(as: UInt8.self, repeating: 0)
    func put<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value, _ offset: Int) {
      bytes.storeBytes(of: value.littleEndian, toByteOffset: offset, as: Value.self)
    }
    bytes.copyBytes(from: Self.magic)
    put(Self.version, 8)
    put(payloadVersion, 12)
    put(logID.low, 16)
    put(logID.high, 24)
    put(point.commit, 32)
    put(point.position.rawValue, 40)
    put(chain.headerCRC, 48)
    put(chain.bodyCRC, 52)
    put(point.time, 56)
    put(UInt64(payloadBytes), 64)
    put(payloadCRC, 72)
    put(crc32c(UnsafeRawBufferPointer(rebasing: bytes[..<124])), 124)
  }

  static func load(from bytes: UnsafeRawBufferPointer) throws(Problem) -> SnapshotHeader {
    guard bytes.count >= size, let base = bytes.baseAddress else { throw .bad("the file is too short") }
    guard bytes.prefix(magic.count).elementsEqual(magic) else { throw .bad("it is no snapshot") }
    guard crc32c(UnsafeRawBufferPointer(rebasing: bytes[..<124])) == base.integer(UInt32.self, at: 124) else {
      throw .bad("the checksum of its header is wrong")
    }
    let version = base.integer(UInt32.self, at: 8)
    if version != Self.version { throw .newer(version) }
    guard let payloadBytes = Int(exactly: base.integer(UInt64.self, at: 64)) else { throw .bad("its length") }
    return SnapshotHeader(
      logID: LogID(high: base.integer(UInt64.self, at: 24), low: base.integer(UInt64.self, at: 16)),
      payloadVersion: base.integer(UInt32.self, at: 12),
      point: DurablePoint(
        commit: base.integer(UInt64.self, at: 32), position: Position(base.integer(UInt64.self, at: 40)),
        time: base.integer(Int64.self, at: 56)),
      chain: CommitChain(headerCRC: base.integer(UInt32.self, at: 48), bodyCRC: base.integer(UInt32.self, at: 52)),
      payloadBytes: payloadBytes, payloadCRC: base.integer(UInt32.self, at: 72))
  }
}
