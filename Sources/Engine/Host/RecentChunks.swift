import Events
import LogStorage

/// The chunks that were wanted last, so that readers that catch up side by side read and check the log once.
package struct RecentChunks {
  /// Readers fall behind the tail one after the other, while it moves on: those that do so are about as far apart as it
  /// is long.
  private let limit: Int
  private var bytes = 0
  /// The one that was wanted last comes last.
  private var chunks: [LogChunk] = []

  /// - limit: bytes of memory to keep.
  package init(limit: Int) { self.limit = limit }

  var isEmpty: Bool { chunks.isEmpty }

  mutating func chunk(holding position: Position) -> LogChunk? {
    guard let index = chunks.lastIndex(where: { $0.contains(position) }) else { return nil }
    chunks.append(chunks.remove(at: index))
    return chunks.last
  }

  mutating func add(_ chunk: LogChunk) {
    chunks.append(chunk)
    bytes += chunk.footprint
    while bytes > limit, chunks.count > 1 { bytes -= chunks.removeFirst().footprint }
  }

  mutating func forget() { (chunks, bytes) = ([], 0) }
}
