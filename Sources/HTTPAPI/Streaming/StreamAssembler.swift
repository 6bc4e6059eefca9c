internal import Events
internal import Scripts
internal import NIOCore
internal import Wire

/// Some consecutive events of a stream, to be appended together.
struct StreamChunk: Sendable {
  let number: Int
  let batch: EntryBatch
  /// The line of each event.
  let lines: [Int]

  /// The events before `index`, as a chunk of their own.
  func prefix(_ index: Int) -> StreamChunk {
    let part = EntryBatch(hash: batch.hash, capacity: Int(batch.infos[index].offset) + 16)
    part.bytes.append(UnsafeRawBufferPointer(rebasing: batch.bytes.bytes[..<Int(batch.infos[index].offset)]))
    part.infos = Array(batch.infos[..<index])
    return StreamChunk(number: number, batch: part, lines: Array(lines[..<index]))
  }
}

/// Makes chunks of events from the bytes of an NDJSON stream, as they come. A line is decoded where it stands, unless
/// it lies in two parts of the body. After the first bad line nothing more is taken; what came before it still is.
struct StreamAssembler {
  private let decoder: CloudEventDecoder
  private let hash: StableHash
  private let limits: DoorLimits
  private let contracts: ContractCheck

  /// Chunks that are full.
  private(set) var full: [StreamChunk] = []
  private(set) var problem: Problem?
  private var batch: EntryBatch
  private var lines: [Int] = []
  private var number = 0
  private var line = 0
  /// The beginning of a line whose end has not come.
  private var rest = ByteBuffer()

  /// - contracts: those that run when the stream begins; a deploy in its middle changes nothing for it.
  init(hash: StableHash, limits: DoorLimits, contracts: ContractSet = ContractSet()) {
    (self.hash, self.limits, self.contracts) = (hash, limits, ContractCheck(contracts: contracts))
    decoder = CloudEventDecoder(maximumEventBytes: limits.eventBytes)
    batch = EntryBatch(hash: hash, capacity: 16 << 10)
  }

  /// Whether a full chunk waits, so that no more should be read.
  var isFull: Bool { !full.isEmpty }

  mutating func take(_ part: ByteBuffer) {
    var part = part
    if rest.readableBytes > 0, problem == nil {
      let end = part.readableBytesView.firstIndex(of: UInt8(ascii: "\n"))
      let length = end.map { $0 - part.readerIndex + 1 } ?? part.readableBytes
      guard rest.readableBytes + length <= limits.eventBytes + 1 else { return refuseLongLine() }
      if var piece = part.readSlice(length: length) { rest.writeBuffer(&piece) }
      guard end != nil else { return }
      let whole = rest
      rest = ByteBuffer()
      takeLines(whole)
    }
    let taken = takeLines(part)
    part.moveReaderIndex(forwardBy: taken)
    guard part.readableBytes > 0, problem == nil else { return }
    if part.readableBytes > limits.eventBytes { return refuseLongLine() }
    // A copy, so that the few bytes do not keep the whole part alive.
    rest = ByteBuffer(bytes: part.readableBytesView)
  }

  /// The body has ended: its last line needs no line break.
  mutating func end() {
    guard rest.readableBytes > 0, problem == nil else { return }
    rest.writeInteger(UInt8(ascii: "\n"))
    takeLines(rest)
    rest = ByteBuffer()
  }

  /// The next chunk, full or not; nil when there is no event.
  mutating func next() -> StreamChunk? {
    if full.isEmpty { close() }
    return full.isEmpty ? nil : full.removeFirst()
  }

  /// Takes every whole line; how many bytes these have.
  @discardableResult
  private mutating func takeLines(_ buffer: ByteBuffer) -> Int {
    buffer.withUnsafeReadableBytes { bytes in
      var start = 0
      while problem == nil, start < bytes.count {
        let tail = UnsafeRawBufferPointer(rebasing: bytes[start...])
        guard let length = tail.firstByte(UInt8(ascii: "\n")) else { break }
        takeLine(UnsafeRawBufferPointer(rebasing: tail[..<length]))
        start += length + 1
      }
      return start
    }
  }

  private mutating func takeLine(_ bytes: UnsafeRawBufferPointer) {
    line += 1
    if bytes.allSatisfy({ $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: "\r") }) { return }
    let mark = batch.mark
    do {
      try decoder.decode(bytes, into: batch)
    } catch {
      return refuseLine(AppendRoute.problem(error, .stream))
    }
    if let problem = contracts.problem(of: batch, from: mark.entries, .stream) {
      batch.truncate(to: mark)
      return refuseLine(problem)
    }
    lines.append(line)
    if batch.count >= limits.chunkEvents || batch.bytes.count >= limits.chunkBytes { close() }
  }

  private mutating func refuseLongLine() {
    line += 1
    refuseLine(AppendRoute.tooLarge(.stream, limits))
    rest = ByteBuffer()
  }

  private mutating func refuseLine(_ problem: Problem) {
    var problem = problem
    problem.line = line
    problem.detail = "Line \(line): " + problem.detail
    self.problem = problem
  }

  private mutating func close() {
    if batch.count == 0 { return }
    full.append(StreamChunk(number: number, batch: batch, lines: lines))
    number += 1
    batch = EntryBatch(hash: hash, capacity: min(limits.chunkBytes + 4096, max(16 << 10, batch.bytes.count * 2)))
    lines = []
  }
}
