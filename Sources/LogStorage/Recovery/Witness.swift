internal import Events
internal import Platform

/// What was durable at some moment, kept outside the segments, so that a log that ends before it is found out (O5).
struct Witness: Sendable, Equatable {
  static let slotBytes = 512
  static let magic: [UInt8] = Array("MOONWITN".utf8)
  static let version: UInt32 = 1

  var logID: LogID
  /// Rises by one with each write; slot = sequence & 1.
  var sequence: UInt64
  var point: DurablePoint
  /// The CRCs of the commit `point.commit`.
  var chain: CommitChain
  var epoch: UInt32

  func store(to bytes: UnsafeMutableRawBufferPointer) {
    precondition(bytes.count == Self.slotBytes)
    bytes.initializeMemory(as: UInt8.self, repeating: 0)
    func put<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value, _ offset: Int) {
      bytes.storeBytes(of: value.littleEndian, toByteOffset: offset, as: Value.self)
    }
    bytes.copyBytes(from: Self.magic)
    put(Self.version, 8)
    put(logID.low, 16)
    put(logID.high, 24)
    put(sequence, 32)
    put(point.commit, 40)
    put(point.position.rawValue, 48)
    put(chain.headerCRC, 56)
    put(chain.bodyCRC, 60)
    put(point.time, 64)
    put(epoch, 72)
    put(crc32c(UnsafeRawBufferPointer(rebasing: bytes[..<508])), 508)
  }

  enum Slot: Equatable {
    case good(Witness)
    /// Never written.
    case blank
    case bad
    case newer(UInt32)
  }

  static func load(from bytes: UnsafeRawBufferPointer) -> Slot {
    guard bytes.count >= slotBytes, let base = bytes.baseAddress else { return .bad }
    if bytes.prefix(slotBytes).allSatisfy({ $0 == 0 }) { return .blank }
    guard bytes.prefix(magic.count).elementsEqual(magic),
      crc32c(UnsafeRawBufferPointer(rebasing: bytes[..<508])) == base.integer(UInt32.self, at: 508)
    else { return .bad }
    let version = base.integer(UInt32.self, at: 8)
    if version != Self.version { return .newer(version) }
    return .good(
      Witness(
        logID: LogID(high: base.integer(UInt64.self, at: 24), low: base.integer(UInt64.self, at: 16)),
        sequence: base.integer(UInt64.self, at: 32),
        point: DurablePoint(
          commit: base.integer(UInt64.self, at: 40), position: Position(base.integer(UInt64.self, at: 48)),
          time: base.integer(Int64.self, at: 64)),
        chain: CommitChain(headerCRC: base.integer(UInt32.self, at: 56), bodyCRC: base.integer(UInt32.self, at: 60)),
        epoch: base.integer(UInt32.self, at: 72)))
  }

  /// The newest good slot of the file and what is wrong with the others. A bad or missing witness is no reason to
  /// refuse the log (row 26).
  static func load(
    _ path: String, in fileSystem: any FileSystem
  ) throws(LogError) -> (best: Witness?, isMissing: Bool, warnings: [String]) {
    try explaining("reading the witness file") {
      let file: any File
      do throws(FileError) {
        file = try fileSystem.open(path, .read)
      } catch {
        if error.isMissing { return (nil, true, []) }
        throw error
      }
      var bytes = [UInt8](repeating: 0, count: 2 * slotBytes)
      let count = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
      var best: Witness?
      var warnings: [String] = []
      for number in 0..<2 {
        let range = min(number * slotBytes, count)..<min((number + 1) * slotBytes, count)
        switch bytes.withUnsafeBytes({ load(from: UnsafeRawBufferPointer(rebasing: $0[range])) }) {
        case .good(let witness): if witness.sequence >= best?.sequence ?? 0 { best = witness }
        case .blank: break
        case .bad: warnings.append("slot \(number) of the witness file \(path) is bad and not used")
        case .newer(let version):
          throw LogError(.newer, "\(path) has the format \(version) of a newer moondance; \(Advice.newer)")
        }
      }
      return (best, false, warnings)
    }
  }
}

/// Writes the witness file. One thread at a time.
struct WitnessWriter {
  private let file: any File
  private(set) var last: Witness

  /// Makes the file, or replaces it whole, with `first` in it; durable on return.
  init(_ first: Witness, at path: String, in fileSystem: any FileSystem) throws(FileError) {
    let temporary = path + SegmentName.temporarySuffix
    let made = try fileSystem.open(temporary, .replace)
    var bytes = [UInt8](repeating: 0, count: 2 * Witness.slotBytes)
    bytes.withUnsafeMutableBytes { first.store(to: Self.slot(first.sequence, of: $0)) }
    try made.write(bytes)
    try made.sync()
    try fileSystem.rename(temporary, to: path)
    try fileSystem.syncFolder(LogFolder.parent(of: path))
    file = made
    last = first
  }

  private static func slot(_ sequence: UInt64, of bytes: UnsafeMutableRawBufferPointer) -> UnsafeMutableRawBufferPointer
  {
    let start = Int(sequence & 1) * Witness.slotBytes
    return UnsafeMutableRawBufferPointer(rebasing: bytes[start..<(start + Witness.slotBytes)])
  }

  /// Writes what is durable now into the older slot; durable on return.
  mutating func write(_ point: DurablePoint, _ chain: CommitChain) throws(FileError) {
    var next = last
    next.sequence &+= 1
    next.point = point
    next.chain = chain
    var bytes = [UInt8](repeating: 0, count: Witness.slotBytes)
    bytes.withUnsafeMutableBytes { next.store(to: $0) }
    try file.write(bytes, at: Int(next.sequence & 1) * Witness.slotBytes)
    try file.syncData()
    last = next
  }

  func close() throws(FileError) { try file.close() }
}
