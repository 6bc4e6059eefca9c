import Events
import LogStorage

/// The chunks that were read last, so that readers that catch up side by side read and check the log once.
package struct RecentChunks {
  private static let most = 4
  private var chunks: [LogChunk] = []

  package init() {}

  func chunk(holding position: Position) -> LogChunk? { chunks.last { $0.contains(position) } }

  mutating func add(_ chunk: LogChunk) {
    if chunks.count == Self.most { chunks.removeFirst() }
    chunks.append(chunk)
  }
}
