internal import Events

/// Why bytes at some place of a segment are not the commit that belongs there.
enum CommitProblem: Sendable, Equatable, CustomStringConvertible {
  /// The file ends before the commit does.
  case short
  /// No commit begins here.
  case notACommit
  case headerCRC
  case bodyCRC
  /// The zeros after the body are not zeros.
  case padding
  /// A length or a count that no commit can have.
  case length
  /// Made by another log.
  case foreign
  /// Something this version does not know and must not skip.
  case newer(String)
  /// The body's bytes are as written, but are not records.
  case records(String)
  /// A whole commit, but not the one that follows: number, position, chain, time or epoch.
  case order(String)

  var description: String {
    switch self {
    case .short: "the file ends inside it"
    case .notACommit: "no commit begins there"
    case .headerCRC: "the checksum of its header is wrong"
    case .bodyCRC: "the checksum of its body is wrong"
    case .padding: "the padding after its body is not zero"
    case .length: "its lengths are impossible"
    case .foreign: "it belongs to another log"
    case .newer(let what): "it was written by a newer moondance (\(what))"
    case .records(let what): "its records cannot be read (\(what))"
    case .order(let what): "it is out of order (\(what))"
    }
  }
}

/// What the next commit of a log must agree with.
struct CommitExpectation: Sendable, Equatable {
  var number: UInt64
  var position: Position
  var chain: CommitChain
  var time: Int64
  var epoch: UInt32

  /// Of the first commit of a log.
  static let start = CommitExpectation(
    number: 1, position: Position(1), chain: .start, time: .min, epoch: 0)

  func problem(of header: CommitHeader) -> CommitProblem? {
    if header.number != number { return .order("commit \(header.number) stands where commit \(number) belongs") }
    if header.firstPosition != position {
      return .order("it begins at position \(header.firstPosition), not at \(position)")
    }
    if header.previous != chain { return .order("it does not follow the commit before it") }
    if header.time < time { return .order("its time is before that of the commit before it") }
    if header.epoch < epoch { return .order("its epoch is older than that of the commit before it") }
    if header.durable >= header.number { return .order("it says of itself that it is durable") }
    return nil
  }

  mutating func advance(over header: CommitHeader) {
    number = header.number + 1
    position = header.lastPosition.next
    chain = header.chain
    time = header.time
    epoch = header.epoch
  }
}

extension CommitHeader {
  /// Checks the header alone; nil when the body may be looked at. The body's bytes are not touched, and a length that
  /// passes is at most `maxGroupBytes`. `bytes` must hold a whole header.
  static func problem(
    at bytes: UnsafeRawBufferPointer, logIDLow: UInt64, limits: LogLimits
  ) -> CommitProblem? {
    guard bytes.count >= size, let base = bytes.baseAddress else { return .short }
    let header = CommitHeader(base)
    if header.magic != magic { return .notACommit }
    if crc32c(UnsafeRawBufferPointer(start: base, count: 92)) != header.chain.headerCRC { return .headerCRC }
    if header.version != version { return .newer("commit version \(header.version)") }
    if header.logIDLow != logIDLow { return .foreign }
    if header.flags != 0 { return .newer("commit flags \(header.flags)") }
    if header.encoding != 0 { return .newer("body encoding \(header.encoding)") }
    if header.reserved != 0 { return .newer("reserved bytes of a commit") }
    if header.storedLength == 0 || header.storedLength > limits.maxGroupBytes - size
      || header.plainLength != header.storedLength
      || header.positionCount > header.plainLength / RecordHeader.size
      // What follows the last commit and the last position must be a number too.
      || header.number == .max || header.firstPosition == .start
      || header.firstPosition.rawValue > .max - UInt64(header.positionCount)
    {
      return .length
    }
    return nil
  }

  /// Checks body and padding of a commit whose header is good. `bytes` begins at the header.
  func bodyProblem(in bytes: UnsafeRawBufferPointer) -> CommitProblem? {
    if bytes.count < wholeLength { return .short }
    if crc32c(body) != chain.bodyCRC { return .bodyCRC }
    for index in (Self.size + storedLength)..<wholeLength where bytes[index] != 0 { return .padding }
    return nil
  }

  /// Checks that the body is records and that as many take a position as the header says. A record that cannot be
  /// read under a good checksum was written so, by a bug or by a newer version.
  func recordsProblem() -> CommitProblem? {
    var rest = body
    var positions = 0
    while let base = rest.baseAddress, !rest.isEmpty {
      guard rest.count >= RecordHeader.size else { return .records("a record of \(rest.count) bytes") }
      let record = RecordView(base)
      guard record.length >= RecordHeader.size, record.length <= rest.count else {
        return .records("a record of \(record.length) bytes in \(rest.count)")
      }
      if let problem = record.problem { return problem }
      if record.takesPosition { positions += 1 }
      rest = UnsafeRawBufferPointer(rebasing: rest[record.length...])
    }
    return positions == positionCount ? nil : .records("\(positions) entries instead of \(positionCount)")
  }
}

extension RecordView {
  var problem: CommitProblem? {
    if kind == nil {
      return flags & RecordHeader.skippable != 0 ? nil : .newer("record kind \(rawKind)")
    }
    if flags & ~RecordHeader.skippable != 0 { return .newer("record flags \(flags)") }
    if takesPosition { return EntryView.isValid(whole) ? nil : .records("the lengths of an entry do not agree") }
    let fields = UnsafeRawBufferPointer(rebasing: whole[RecordHeader.size...])
    return FieldReader.isValid(fields) ? nil : .records("the fields of a record do not agree")
  }
}
