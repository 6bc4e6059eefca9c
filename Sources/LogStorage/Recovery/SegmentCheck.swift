internal import Events
internal import Platform

/// Reads and checks the ends of segment files: header, seal, and how one follows the other (O3).
struct SegmentCheck {
  let fileSystem: any FileSystem

  /// The header of a segment file, and the file open for reading.
  func header(_ path: String, named first: Position) throws(LogError) -> (SegmentHeader, any File) {
    try explaining("opening the log") {
      let file = try fileSystem.open(path, .read)
      let bytes = try read(SegmentHeader.size, of: file, at: 0)
      do throws(SegmentHeader.Problem) {
        let result = bytes.withUnsafeBytes { buffer in
          Result { () throws(SegmentHeader.Problem) in try SegmentHeader.load(from: buffer) }
        }
        let header = try result.get()
        if header.first.position != first {
          throw SegmentHeader.Problem.content("it begins at position \(header.first.position)")
        }
        return (header, file)
      } catch {
        throw LogError(segmentHeader: error, path: path)
      }
    }
  }

  /// The seal of a segment that another one follows; without one the log is damaged.
  func seal(of file: any File, _ header: SegmentHeader) throws(LogError) -> SegmentSeal {
    try explaining("opening the log") {
      let size = try file.size()
      let offset = max(size - SegmentSeal.size, 0)
      let bytes = try read(SegmentSeal.size, of: file, at: offset)
      let problem: String
      do {
        let seal = try bytes.withUnsafeBytes { try SegmentSeal.load(from: $0) }
        if let wrong = Self.problem(of: seal, at: offset, header) { problem = wrong } else { return seal }
      } catch SegmentSeal.Problem.newer(let what) {
        throw LogError(.newer, "\(file.path) at offset \(offset): \(what) of a newer moondance; \(Advice.newer)")
      } catch SegmentSeal.Problem.checksum {
        problem = "its checksum is wrong"
      } catch is SegmentSeal.Problem {
        problem = "there is none"
      }
      throw LogError(
        .corrupt,
        "\(file.path) at offset \(offset): the seal at the end of the segment is bad: \(problem); \(Advice.damage)")
    }
  }

  /// What is wrong with a seal that was found at `offset`.
  static func problem(of seal: SegmentSeal, at offset: Int, _ header: SegmentHeader) -> String? {
    if seal.logIDLow != header.identity.id.low { return "it belongs to another log" }
    if seal.offset != offset { return "it belongs to offset \(seal.offset)" }
    if seal.firstPosition != header.first.position { return "it belongs to another segment" }
    if seal.next.number < header.first.number || seal.next.number - header.first.number != seal.commits {
      return "it counts \(seal.commits) commits"
    }
    let (first, next) = (header.first.position.rawValue, seal.next.position.rawValue)
    if next < first || next - first > UInt64(seal.offset / RecordHeader.size) {
      return "it ends before position \(next)"
    }
    return nil
  }

  /// How many bytes follow a seal at `offset` that do not belong there. Behind the last seal a crash may leave zeros, which
  /// the next start cuts off.
  static func excess(behindSealAt offset: Int, of file: any File, size: Int, isLast: Bool) throws(FileError) -> Int {
    let end = offset + SegmentSeal.size
    return try (isLast ? file.lastByteSet(from: end, to: size) : size) - end
  }

  /// Whether `header` begins where the segment before it ends.
  func link(_ header: SegmentHeader, _ path: String, after seal: SegmentSeal, _ before: SegmentHeader) throws(LogError)
  {
    if header.identity != before.identity {
      throw LogError(.corrupt, "\(path): the segment's header belongs to another log; \(Advice.damage)")
    }
    let first = header.first
    let next = seal.next
    if first.position > next.position || first.number > next.number {
      throw LogError(
        .segmentMissing,
        "\(path) begins at position \(first.position), the segment before it ends before \(next.position): "
          + "\(SegmentName.segment(next.position)) is missing; restore it from a backup")
    }
    if first.position != next.position || first.number != next.number || first.chain != next.chain
      || first.time != next.time || first.epoch < next.epoch
    {
      throw LogError(.chain, "\(path): the segment does not follow the one before it; \(Advice.damage)")
    }
  }

  private func read(_ count: Int, of file: any File, at offset: Int) throws(FileError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let result = bytes.withUnsafeMutableBytes { buffer in
      Result { () throws(FileError) in try file.read(into: buffer, at: offset) }
    }
    let done = try result.get()
    return Array(bytes.prefix(done))
  }
}

extension LogError {
  init(segmentHeader problem: SegmentHeader.Problem, path: String) {
    let what: String
    switch problem {
    case .newer(let what):
      self.init(.newer, "\(path): \(what) of a newer moondance; \(Advice.newer)")
      return
    case .short: what = "the file is too short"
    case .magic: what = "it is no segment"
    case .checksum: what = "its checksum is wrong"
    case .content(let content): what = content
    }
    self.init(.corrupt, "\(path) at offset 0: the segment's header is bad: \(what); \(Advice.damage)")
  }
}
