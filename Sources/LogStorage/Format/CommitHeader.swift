package import Events

/// The CRCs of a commit, which the commit after it carries: what makes the log a chain.
@frozen
package struct CommitChain: Sendable, Equatable {
  package var headerCRC: UInt32
  package var bodyCRC: UInt32

  package init(headerCRC: UInt32, bodyCRC: UInt32) {
    self.headerCRC = headerCRC
    self.bodyCRC = bodyCRC
  }

  /// Before the first commit of a log.
  package static let start = CommitChain(headerCRC: 0, bodyCRC: 0)
}

/// Reads the fixed header of a commit in place (docs/log-format.md, "Commit header"):
///
///     0 u32 magic · 4 u8 version · 5 u8 body encoding · 6 u16 flags · 8 u32 stored length · 12 u32 plain length
///     16 u64 number · 24 u64 first position · 32 u32 positions · 36 u32 epoch · 40 u64 low half of the log id
///     48 i64 time (µs) · 56 u64 durable · 64 u32 producer · 68 u32 generation
///     72 u32 previous header CRC · 76 u32 previous body CRC · 80 u64 zero · 88 u32 body CRC · 92 u32 header CRC
///
/// The bytes must outlive the view.
@frozen
package struct CommitHeader {
  package static let size = 96
  /// "MCMT" in the file.
  package static let magic: UInt32 = 0x544D_434D
  package static let version: UInt8 = 1
  /// Commits begin at multiples of this.
  package static let alignment = 8

  @usableFromInline let base: UnsafeRawPointer

  @inlinable package init(_ base: UnsafeRawPointer) { self.base = base }

  @inlinable var magic: UInt32 { base.integer(UInt32.self, at: 0) }
  @inlinable var version: UInt8 { base.load(fromByteOffset: 4, as: UInt8.self) }
  @inlinable var encoding: UInt8 { base.load(fromByteOffset: 5, as: UInt8.self) }
  @inlinable var flags: UInt16 { base.integer(UInt16.self, at: 6) }
  /// Bytes of the body as stored, without padding.
  @inlinable package var storedLength: Int { Int(base.integer(UInt32.self, at: 8)) }
  /// Bytes of the body once decoded.
  @inlinable package var plainLength: Int { Int(base.integer(UInt32.self, at: 12)) }
  /// 1, 2, 3 … without gaps.
  @inlinable package var number: UInt64 { base.integer(UInt64.self, at: 16) }
  /// Of the first entry; with no entries, of the next one to come.
  @inlinable package var firstPosition: Position { Position(base.integer(UInt64.self, at: 24)) }
  /// How many entries the commit has.
  @inlinable package var positionCount: Int { Int(base.integer(UInt32.self, at: 32)) }
  /// Raised at every opening of the log.
  @inlinable package var epoch: UInt32 { base.integer(UInt32.self, at: 36) }
  @inlinable package var logIDLow: UInt64 { base.integer(UInt64.self, at: 40) }
  /// Commit time, µs since 1970. Never goes back from commit to commit.
  @inlinable package var time: Int64 { base.integer(Int64.self, at: 48) }
  /// The highest commit known durable when this one was written.
  @inlinable package var durable: UInt64 { base.integer(UInt64.self, at: 56) }
  @inlinable package var producer: Producer { Producer(rawValue: base.integer(UInt32.self, at: 64)) }
  @inlinable package var generation: UInt32 { base.integer(UInt32.self, at: 68) }
  package var previous: CommitChain {
    CommitChain(headerCRC: base.integer(UInt32.self, at: 72), bodyCRC: base.integer(UInt32.self, at: 76))
  }
  var reserved: UInt64 { base.integer(UInt64.self, at: 80) }
  /// What the next commit carries as its `previous`.
  package var chain: CommitChain {
    CommitChain(headerCRC: base.integer(UInt32.self, at: 92), bodyCRC: base.integer(UInt32.self, at: 88))
  }

  /// The body as stored. Only once `problem` is nil and the bytes are known to be there.
  @inlinable package var body: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: base + Self.size, count: storedLength)
  }
  /// Header, body and padding.
  @inlinable package var wholeLength: Int { (Self.size + storedLength + 7) & ~7 }
  /// The position before the next commit's first one.
  @inlinable package var lastPosition: Position {
    Position(firstPosition.rawValue &+ UInt64(positionCount) &- 1)
  }
  /// The records of the body. Only once the commit has been checked.
  @inlinable package var records: RecordSequence { RecordSequence(body) }

  /// Whether the position of one of this commit's entries is `position`.
  @inlinable package func contains(_ position: Position) -> Bool {
    position >= firstPosition && position.rawValue < firstPosition.rawValue + UInt64(positionCount)
  }
}

/// The fields of a commit header that the framer decides; the rest follows from them.
struct CommitFields {
  var storedLength: Int
  var number: UInt64
  var firstPosition: Position
  var positionCount: Int
  var epoch: UInt32
  var logIDLow: UInt64
  var time: Int64
  var durable: UInt64
  var producer: Producer
  var generation: UInt32
  var previous: CommitChain
  var bodyCRC: UInt32

  /// Writes the 96 bytes of the header and returns the chain value for the next commit.
  func store(to base: UnsafeMutableRawPointer) -> CommitChain {
    func put<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value, _ offset: Int) {
      base.storeBytes(of: value.littleEndian, toByteOffset: offset, as: Value.self)
    }
    put(CommitHeader.magic, 0)
    put(CommitHeader.version, 4)
    put(UInt8(0), 5)
    put(UInt16(0), 6)
    put(UInt32(storedLength), 8)
    put(UInt32(storedLength), 12)
    put(number, 16)
    put(firstPosition.rawValue, 24)
    put(UInt32(positionCount), 32)
    put(epoch, 36)
    put(logIDLow, 40)
    put(time, 48)
    put(durable, 56)
    put(producer.rawValue, 64)
    put(generation, 68)
    put(previous.headerCRC, 72)
    put(previous.bodyCRC, 76)
    put(UInt64(0), 80)
    put(bodyCRC, 88)
    let headerCRC = crc32c(UnsafeRawBufferPointer(start: base, count: 92))
    put(headerCRC, 92)
    return CommitChain(headerCRC: headerCRC, bodyCRC: bodyCRC)
  }
}
