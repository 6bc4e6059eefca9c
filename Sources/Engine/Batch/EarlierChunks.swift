import Events
import LogStorage

/// Parts of the log that a worker has read for what it calls: instances that are called one after the other speak of events that
/// came one after the other. For one thread.
final class EarlierChunks {
  private static let mostBytes = 4 << 20

  private let log: LogReader
  private var recent = RecentChunks(limit: mostBytes)

  init(_ log: LogReader) { self.log = log }

  /// Blocks on the disk when it was not read lately.
  func chunk(holding position: Position) throws -> LogChunk {
    if let chunk = recent.chunk(holding: position) { return chunk }
    let chunk = try log.chunk(holding: position)
    if chunk.footprint <= Self.mostBytes { recent.add(chunk) }
    return chunk
  }
}
