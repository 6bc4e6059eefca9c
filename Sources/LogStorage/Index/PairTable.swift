internal import Algorithms

/// (key, ordinal) pairs of one kind in the order of the log, found by key: 16 bytes a pair and a table of heads.
/// Ordinals count from the first position of a segment.
struct PairTable: Sendable {
  private(set) var keys: ContiguousArray<UInt64> = []
  private(set) var ordinals: ContiguousArray<UInt32> = []
  /// For each pair the number of the one before it in the same bucket.
  private var previous: ContiguousArray<UInt32> = []
  /// The number of the last pair of each bucket.
  private var heads: ContiguousArray<UInt32> = ContiguousArray(repeating: none, count: 64)

  private static let none = UInt32.max

  var count: Int { keys.count }

  mutating func append(_ key: UInt64, _ ordinal: UInt32) {
    if keys.count == heads.count { grow() }
    let bucket = bucket(key)
    previous.append(heads[bucket])
    heads[bucket] = UInt32(keys.count)
    keys.append(key)
    ordinals.append(ordinal)
  }

  /// Roots are small numbers, so the bits of a key are mixed before they choose a bucket.
  @inline(__always)
  private func bucket(_ key: UInt64) -> Int {
    Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> 32) & (heads.count - 1)
  }

  private mutating func grow() {
    heads = ContiguousArray(repeating: Self.none, count: heads.count * 2)
    for number in keys.indices {
      let bucket = bucket(keys[number])
      previous[number] = heads[bucket]
      heads[bucket] = UInt32(number)
    }
  }

  /// The ordinals of `key` within `range`, ascending; the first `limit` of them.
  func ordinals(of key: UInt64, in range: ClosedRange<UInt32>, limit: Int) -> [UInt32] {
    var found: [UInt32] = []
    var number = heads[bucket(key)]
    while number != Self.none, ordinals[Int(number)] >= range.lowerBound {
      if keys[Int(number)] == key, ordinals[Int(number)] <= range.upperBound { found.append(ordinals[Int(number)]) }
      number = previous[Int(number)]
    }
    found.reverse()
    if found.count > limit { found.removeLast(found.count - limit) }
    return found
  }

  /// All pairs in the order of an index file.
  func sorted() -> ContiguousArray<IndexPair> {
    var pairs = ContiguousArray<IndexPair>()
    pairs.reserveCapacity(count)
    for number in keys.indices { pairs.append(IndexPair(key: keys[number], ordinal: ordinals[number])) }
    pairs.sort()
    return pairs
  }
}

/// An entry of a sorted run.
struct IndexPair: Sendable, Comparable {
  var key: UInt64
  var ordinal: UInt32

  @inline(__always)
  static func < (left: IndexPair, right: IndexPair) -> Bool {
    left.key != right.key ? left.key < right.key : left.ordinal < right.ordinal
  }
}

/// The ordinals of each key, for keys that are few and have many: the types of events.
struct OrdinalLists: Sendable {
  private var numbers: [UInt64: Int] = [:]
  private var lists: [(key: UInt64, ordinals: ContiguousArray<UInt32>)] = []
  /// Neighbours mostly have the same key.
  private var last = (key: UInt64(0), number: -1)

  mutating func append(_ key: UInt64, _ ordinal: UInt32) {
    if last.number < 0 || last.key != key {
      if let number = numbers[key] {
        last = (key, number)
      } else {
        last = (key, lists.count)
        numbers[key] = lists.count
        lists.append((key, []))
      }
    }
    lists[last.number].ordinals.append(ordinal)
  }

  func ordinals(of key: UInt64, in range: ClosedRange<UInt32>, limit: Int) -> [UInt32] {
    guard let number = numbers[key] else { return [] }
    let list = lists[number].ordinals
    let first = list.partitioningIndex { $0 >= range.lowerBound }
    return list[first...].prefix(limit).filter { $0 <= range.upperBound }
  }

  func sorted() -> ContiguousArray<IndexPair> {
    var pairs = ContiguousArray<IndexPair>()
    for list in lists.sorted(by: { $0.key < $1.key }) {
      for ordinal in list.ordinals { pairs.append(IndexPair(key: list.key, ordinal: ordinal)) }
    }
    return pairs
  }
}
