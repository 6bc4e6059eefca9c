/// A set of hashes that answers "certainly not" or "probably" from 20 bits a hash, wrong once in 65,536 times: an xor
/// filter (Graf and Lemire, "Xor Filters", 2019) with 16-bit fingerprints. With hundreds of segments a filter that is
/// wrong once in a hundred times would send every event to the disk.
package struct IdentityFilter: Sendable, Equatable {
  let seed: UInt64
  package let fingerprints: ContiguousArray<UInt16>
  private let blockLength: UInt64

  /// Nil when `fingerprints` cannot be a filter's.
  init?(seed: UInt64, fingerprints: ContiguousArray<UInt16>) {
    guard fingerprints.count % 3 == 0, fingerprints.count > 0 else { return nil }
    self.seed = seed
    self.fingerprints = fingerprints
    blockLength = UInt64(fingerprints.count / 3)
  }

  /// - hashes: sorted; the same one may come several times.
  package init(sorted hashes: some Collection<UInt64>) {
    var keys: ContiguousArray<UInt64> = []
    keys.reserveCapacity(hashes.count)
    for hash in hashes where hash != keys.last { keys.append(hash) }
    let block = (keys.count * 123 / 100 + 32 + 2) / 3
    var seed: UInt64 = 1
    while true {
      if let fingerprints = Self.build(keys, seed: seed, block: UInt64(block)) {
        self.seed = seed
        self.fingerprints = fingerprints
        blockLength = UInt64(block)
        return
      }
      seed += 1
    }
  }

  package func mightContain(_ hash: UInt64) -> Bool {
    let places = Places(hash, seed: seed, block: blockLength)
    return fingerprints.withUnsafeBufferPointer { all in
      all[places.first] ^ all[places.second] ^ all[places.third] == places.fingerprint
    }
  }

  /// The three places a hash looks at, one in each third, and what they must give together.
  private struct Places {
    let first: Int
    let second: Int
    let third: Int
    let fingerprint: UInt16

    @inline(__always)
    init(_ hash: UInt64, seed: UInt64, block: UInt64) {
      var mixed = hash &+ seed &* 0x9E37_79B9_7F4A_7C15
      mixed = (mixed ^ (mixed >> 33)) &* 0xFF51_AFD7_ED55_8CCD
      mixed = (mixed ^ (mixed >> 33)) &* 0xC4CE_B9FE_1A85_EC53
      mixed ^= mixed >> 33
      func reduce(_ bits: UInt64) -> Int { Int(truncatingIfNeeded: ((bits & 0xFFFF_FFFF) &* block) >> 32) }
      first = reduce(mixed)
      second = Int(block) + reduce((mixed << 21) | (mixed >> 43))
      third = 2 * Int(block) + reduce((mixed << 42) | (mixed >> 22))
      fingerprint = UInt16(truncatingIfNeeded: mixed ^ (mixed >> 32))
    }
  }

  /// Takes away, again and again, a key that alone looks at some place; in the reverse order each can then have its
  /// place set freely. Nil when that does not work out with this seed.
  private static func build(_ keys: ContiguousArray<UInt64>, seed: UInt64, block: UInt64) -> ContiguousArray<UInt16>? {
    let size = Int(block) * 3
    // Per place: how many keys look at it, and the exclusive or of their numbers.
    var counts = ContiguousArray<UInt16>(repeating: 0, count: size)
    var sums = ContiguousArray<UInt32>(repeating: 0, count: size)
    for (number, key) in keys.enumerated() {
      let places = Places(key, seed: seed, block: block)
      for place in [places.first, places.second, places.third] {
        counts[place] += 1
        sums[place] ^= UInt32(number)
      }
    }
    var queue = ContiguousArray<UInt32>()
    for place in 0..<size where counts[place] == 1 { queue.append(UInt32(place)) }
    // In 32 bits each: a segment has two million identities, and this is when the host needs most memory.
    var order: ContiguousArray<(number: UInt32, place: UInt32)> = []
    order.reserveCapacity(keys.count)
    while let place = queue.popLast() {
      if counts[Int(place)] != 1 { continue }
      let number = sums[Int(place)]
      order.append((number, place))
      let places = Places(keys[Int(number)], seed: seed, block: block)
      for other in [places.first, places.second, places.third] {
        counts[other] -= 1
        sums[other] ^= number
        if counts[other] == 1 { queue.append(UInt32(other)) }
      }
    }
    if order.count != keys.count { return nil }
    var fingerprints = ContiguousArray<UInt16>(repeating: 0, count: size)
    for (number, place) in order.reversed() {
      let places = Places(keys[Int(number)], seed: seed, block: block)
      let others = fingerprints[places.first] ^ fingerprints[places.second] ^ fingerprints[places.third]
      fingerprints[Int(place)] = others ^ fingerprints[Int(place)] ^ places.fingerprint
    }
    return fingerprints
  }
}
