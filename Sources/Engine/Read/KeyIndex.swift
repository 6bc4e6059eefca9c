import Events
import LogStorage
import Synchronization

/// Which events change the documents of which keys, for a projection whose keys its script computes: what the subject
/// index is for the others. Rolled forward through the log by whoever needs more of it; shared by all workers.
final class KeyIndex: Sendable {
  /// 64 MiB. A longer history is forgotten from its beginning.
  static let mostPairs = 8 << 20
  /// How much is read at once, and so about how long others wait.
  static let sliceBytes = 128 << 10

  private struct State {
    /// Pairs of events from here on are known …
    var first: UInt64 = 1
    /// … through here.
    var through: UInt64 = 0
    var pairs = KeyPairs()
  }

  private let state = Mutex(State())
  private let mostPairs: Int

  init(mostPairs: Int = KeyIndex.mostPairs) { self.mostPairs = mostPairs }

  struct Found {
    /// What is before this position is not known any more.
    var first: UInt64
    var positions: [UInt64]
  }

  func find(_ hash: UInt64, from: UInt64, through: UInt64) -> Found {
    state.withLock { state in
      let (low, high) = (max(from, state.first), min(through, state.through))
      guard low <= high else { return Found(first: state.first, positions: []) }
      let range = UInt32(low - state.first)...UInt32(high - state.first)
      let distances = state.pairs.distances(of: hash, in: range)
      return Found(first: state.first, positions: distances.map { state.first + UInt64($0) })
    }
  }

  /// Reads on until everything through `position` is known.
  ///
  /// - chunk: commits from a position on. - keys: the hashes of an entry's keys, added to the array.
  /// - pause: called between slices, outside the lock; throws to end it. What was read stays.
  func roll(
    through position: UInt64, chunk: (UInt64) throws -> LogChunk?,
    keys: (EntryView, UInt64, Int64, inout [UInt64]) throws -> Void, pause: () throws -> Void
  ) throws {
    while try !slice(position, chunk, keys) { try pause() }
  }

  /// Whether that was the last one.
  private func slice(
    _ end: UInt64, _ chunk: (UInt64) throws -> LogChunk?,
    _ keys: (EntryView, UInt64, Int64, inout [UInt64]) throws -> Void
  ) throws -> Bool {
    try state.withLock { state in
      if state.through >= end { return true }
      guard let chunk = try chunk(state.through + 1) else {
        throw LogError(.position, "position \(state.through + 1) is not in the log")
      }
      var hashes: [UInt64] = []
      for at in (state.through + 1)...chunk.lastPosition.rawValue {
        hashes.removeAll(keepingCapacity: true)
        try keys(chunk.entry(Position(at)), at, chunk.commit(of: Position(at)).time, &hashes)
        if state.pairs.count + hashes.count > mostPairs || at - state.first > UInt32.max {
          state.pairs = KeyPairs()
          state.first = at
        }
        for hash in hashes { state.pairs.append(hash, UInt32(at - state.first)) }
        state.through = at
      }
      return state.through >= end
    }
  }
}
