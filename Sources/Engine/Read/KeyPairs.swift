import Algorithms

/// (key, position) pairs found by key, 8 bytes each: half of the key's hash and the position as a distance. A hit is
/// probably one: who reads the entry looks.
///
/// Sorted runs whose lengths at least double from the last to the first, so a look-up is a few binary searches and each
/// pair is merged a few times in all.
struct KeyPairs {
  private var runs: [ContiguousArray<UInt64>] = []
  /// Not yet sorted.
  private var latest: ContiguousArray<UInt64> = []
  private(set) var count = 0

  private static let latestCount = 256

  static func pair(_ hash: UInt64, _ distance: UInt32) -> UInt64 { (hash & 0xFFFF_FFFF_0000_0000) | UInt64(distance) }

  mutating func append(_ hash: UInt64, _ distance: UInt32) {
    latest.append(Self.pair(hash, distance))
    count += 1
    if latest.count == Self.latestCount { merge() }
  }

  private mutating func merge() {
    latest.sort()
    var run = latest
    latest.removeAll(keepingCapacity: true)
    while let last = runs.last, last.count < 2 * run.count {
      runs.removeLast()
      run = Self.merged(last, run)
    }
    runs.append(run)
  }

  private static func merged(
    _ left: ContiguousArray<UInt64>, _ right: ContiguousArray<UInt64>
  ) -> ContiguousArray<UInt64> {
    var all = ContiguousArray<UInt64>()
    all.reserveCapacity(left.count + right.count)
    var (a, b) = (0, 0)
    while a < left.count, b < right.count {
      if left[a] <= right[b] {
        all.append(left[a])
        a += 1
      } else {
        all.append(right[b])
        b += 1
      }
    }
    all.append(contentsOf: left[a...])
    all.append(contentsOf: right[b...])
    return all
  }

  /// The distances of a key's pairs within a range, ascending.
  func distances(of hash: UInt64, in range: ClosedRange<UInt32>) -> [UInt32] {
    let (first, last) = (Self.pair(hash, range.lowerBound), Self.pair(hash, range.upperBound))
    var found: [UInt32] = []
    for run in runs {
      var index = run.firstIndex(notBefore: first)
      while index < run.count, run[index] <= last {
        found.append(UInt32(truncatingIfNeeded: run[index]))
        index += 1
      }
    }
    for pair in latest where pair >= first && pair <= last { found.append(UInt32(truncatingIfNeeded: pair)) }
    if found.count > 1 { found.sort() }
    return found
  }
}

extension ContiguousArray<UInt64> {
  /// Of a sorted array: where the first element that is not less stands, or would.
  func firstIndex(notBefore value: UInt64) -> Int { partitioningIndex { $0 >= value } }
}
