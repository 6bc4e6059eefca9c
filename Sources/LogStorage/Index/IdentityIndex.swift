package import Events
internal import Synchronization

/// Which identities from outside the log may have: exact for segments without an index file, a filter for each
/// other one. Memory only; belongs to the engine's thread, one value per log, never copied.
///
/// Identities are inserted while a group is framed; `groupAppended` or `groupFailed` follows each group.
package struct IdentityIndex: Sendable {
  /// Identities of the segment that is being written, and of those sealed ones whose filter is not there yet.
  private var maps: [Map]
  private var filters: [IdentityFilter]
  /// Inserted since the last group.
  private var open: [(hash: UInt64, position: Position)] = []
  let arrivals: FilterArrivals
  /// How often an exact map has become a filter: what `candidates` said before is then no longer complete.
  package private(set) var sealings = 0

  private struct Map {
    var hashes = IdentityMap()
    var last = Position.start
  }

  init(filters: [IdentityFilter], arrivals: FilterArrivals) {
    maps = [Map()]
    self.filters = filters
    self.arrivals = arrivals
  }

  /// Whether the identity may be in the log, or was inserted since the last group. False is certain.
  package func mightContain(_ hash: UInt64) -> Bool {
    for map in maps where map.hashes.contains(hash) { return true }
    return isMaybeSealed(hash)
  }

  /// Positions whose entries have this hash, as far as they lie in segments without an index file, ascending.
  package func candidates(_ hash: UInt64) -> [Position] {
    var found: [Position] = []
    for map in maps { map.hashes.forEach(hash) { found.append($0) } }
    return found.sorted()
  }

  /// Whether a sealed segment with an index file may have the hash, so that `LogReader.find` must look there.
  package func isMaybeSealed(_ hash: UInt64) -> Bool {
    for filter in filters where filter.mightContain(hash) { return true }
    return false
  }

  /// The next entry to be appended, at `position`, has this identity. `hash` is not 0.
  package mutating func insert(_ hash: UInt64, _ position: Position) {
    precondition(hash != 0, "0 stands for no identity")
    maps[maps.count - 1].hashes.insert(hash, position)
    open.append((hash, position))
  }

  /// The entry at `position` does not come after all (its commit was abandoned).
  package mutating func remove(_ hash: UInt64, _ position: Position) {
    maps[maps.count - 1].hashes.remove(hash, position)
    open.removeAll { $0.hash == hash && $0.position == position }
  }

  /// The journal has taken the group. Also takes over filters that have become ready.
  package mutating func groupAppended(to journal: any Journal) {
    groupAppended(activeFirst: journal.activeFirstPosition)
  }

  mutating func groupAppended(activeFirst: Position) {
    let current = maps.count - 1
    if maps[current].last > Position.start && maps[current].last < activeFirst {
      // The journal has begun a new segment with this group.
      for (hash, position) in open { maps[current].hashes.remove(hash, position) }
      maps.append(Map())
      for (hash, position) in open { maps[current + 1].hashes.insert(hash, position) }
    }
    if let last = open.last { maps[maps.count - 1].last = last.position }
    open.removeAll(keepingCapacity: true)
    for arrival in arrivals.takeAll() {
      sealings += 1
      if let filter = arrival.filter { filters.append(filter) }
      maps.removeAll { $0.last > Position.start && $0.last <= arrival.last }
      if maps.isEmpty { maps.append(Map()) }
    }
  }

  /// The journal has refused the group.
  package mutating func groupFailed() {
    for (hash, position) in open { maps[maps.count - 1].hashes.remove(hash, position) }
    open.removeAll(keepingCapacity: true)
  }

  /// A sealed segment of the log, at opening.
  mutating func add(_ filter: IdentityFilter) { filters.append(filter) }

  /// An entry of the segment that is not sealed, at opening.
  mutating func load(_ hash: UInt64, _ position: Position) {
    maps[maps.count - 1].hashes.insert(hash, position)
    maps[maps.count - 1].last = position
  }
}

/// Filters of segments that have just got their index file, on their way from the index thread to the engine's.
final class FilterArrivals: Sendable {
  struct Arrival: Sendable {
    /// Nil when no entry of the segment has an identity.
    let filter: IdentityFilter?
    /// The last position of the segment.
    let last: Position
  }

  private let waiting = Atomic<Bool>(false)
  private let box = Mutex<[Arrival]>([])

  func put(_ arrival: Arrival) {
    box.withLock { $0.append(arrival) }
    waiting.store(true, ordering: .releasing)
  }

  func takeAll() -> [Arrival] {
    guard waiting.load(ordering: .acquiring) else { return [] }
    return box.withLock { arrivals in
      waiting.store(false, ordering: .releasing)
      defer { arrivals = [] }
      return arrivals
    }
  }
}
