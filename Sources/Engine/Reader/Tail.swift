import Algorithms
import DequeModule
import Events
import LogStorage

/// The last part of the log, in memory: what readers at the head read. Holds at least what is not yet durable.
struct Tail {
  private var chunks: Deque<LogChunk> = []
  private var bytes = 0
  private let limit: Int

  /// Positions that can be read here: `first...last`; nothing when `first > last`.
  private(set) var first: UInt64
  private(set) var last: UInt64

  /// `limit`: bytes of memory to keep. `last`: the log's last position when the host started.
  init(limit: Int, last: UInt64) {
    self.limit = limit
    self.last = last
    first = last + 1
  }

  mutating func append(_ chunk: LogChunk, durable: UInt64) {
    guard chunk.count > 0 else { return }
    chunks.append(chunk)
    bytes += chunk.footprint
    last = chunk.lastPosition.rawValue
    while bytes > limit, chunks.count > 1, chunks[0].lastPosition.rawValue <= durable {
      bytes -= chunks.removeFirst().footprint
      first = chunks[0].firstPosition.rawValue
    }
  }

  /// The chunks from the one that holds `position` on, or nil when that lies before the tail.
  func chunks(from position: UInt64) -> Deque<LogChunk>.SubSequence? {
    guard position >= first else { return nil }
    return chunks[chunks.partitioningIndex { $0.lastPosition.rawValue >= position }...]
  }

  /// The last `count` chunks, and in any case those from `position` on.
  func newest(_ count: Int, from position: UInt64) -> [LogChunk] {
    let needed = chunks(from: position)?.startIndex ?? chunks.startIndex
    return Array(chunks[min(needed, max(chunks.startIndex, chunks.endIndex - count))...])
  }

  func chunk(holding position: UInt64) -> LogChunk? {
    guard position >= first, position <= last else { return nil }
    return chunks(from: position)?.first
  }

  /// Every entry after `position`, which must not lie before the tail.
  func forEach(after position: UInt64, _ body: (UInt64, EntryView, EntryPlace) -> Void) {
    guard let chunks = chunks(from: position + 1) else { return }
    for chunk in chunks {
      guard chunk.count > 0 else { continue }
      for at in max(chunk.firstPosition.rawValue, position + 1)...chunk.lastPosition.rawValue {
        body(at, chunk.entry(Position(at)), chunk.place(Position(at)))
      }
    }
  }
}
