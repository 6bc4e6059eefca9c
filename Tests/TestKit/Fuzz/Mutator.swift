/// Changes bytes as bad luck and bad intentions do, by a seed.
package struct Mutator: Sendable {
  package var seed: Seed
  private let corpus: [[UInt8]]
  /// Parts of the format under test, which chance alone would hardly ever write.
  private let words: [[UInt8]]
  /// What is done at the moment: some changes are off for a while, so that others are frequent.
  private var active: [Change] = Change.allCases
  private var calls = 0

  private enum Change: CaseIterable {
    case flipBit, setByte, setInteger, moveInteger, insertWord, insertBytes, remove, double, truncate, splice, swap
  }

  /// Numbers at which lengths and counts go wrong.
  private static let edges: [UInt64] = [
    0, 1, 2, 7, 8, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFF0,
    0xFFFF_FFFF, 1 << 32, 0x7FFF_FFFF_FFFF_FFFF, 1 << 63, .max - 1, .max,
  ]

  package init(seed: UInt64, corpus: [[UInt8]], words: [[UInt8]] = []) {
    self.seed = Seed(seed)
    self.corpus = corpus
    self.words = words
  }

  /// One of the corpus with one to eight changes.
  package mutating func next() -> [UInt8] {
    if calls % 64 == 0 { active = Change.allCases.filter { _ in seed.below(3) > 0 } }
    if active.isEmpty { active = Change.allCases }
    calls += 1
    var bytes = pick(corpus)
    let most = seed.oneIn(4) ? 8 : 2
    for _ in 0...seed.below(most) { change(&bytes) }
    return bytes
  }

  package mutating func pick<Element>(_ all: [Element]) -> Element { all[seed.below(all.count)] }

  /// One change. What becomes empty stays so.
  package mutating func change(_ bytes: inout [UInt8]) {
    guard !bytes.isEmpty else { return }
    let at = seed.below(bytes.count)
    switch active[seed.below(active.count)] {
    case .flipBit: bytes[at] ^= 1 << UInt8(seed.below(8))
    case .setByte: bytes[at] = UInt8(truncatingIfNeeded: seed.next())
    case .setInteger: write(Self.edges[seed.below(Self.edges.count)], width: 1 << seed.below(4), at: at, in: &bytes)
    case .moveInteger: move(at: at, in: &bytes)
    case .insertWord where !words.isEmpty: bytes.insert(contentsOf: pick(words), at: at)
    case .insertWord, .insertBytes:
      bytes.insert(contentsOf: (0...seed.below(9)).map { _ in UInt8(truncatingIfNeeded: seed.next()) }, at: at)
    case .remove: bytes.removeSubrange(at..<min(bytes.count, at + 1 + length()))
    case .double: bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + 1 + length())], at: seed.below(bytes.count))
    case .truncate: bytes.removeSubrange(at...)
    case .splice:
      let other = pick(corpus)
      bytes.replaceSubrange(at..., with: other[seed.below(other.count + 1)...])
    case .swap:
      let count = min(1 + length(), bytes.count - at)
      let target = seed.below(bytes.count - count + 1)
      for offset in 0..<count { bytes.swapAt(at + offset, target + offset) }
    }
  }

  /// Mostly short.
  private mutating func length() -> Int { seed.below(1 << (1 + seed.below(10))) }

  private func write(_ value: UInt64, width: Int, at: Int, in bytes: inout [UInt8]) {
    for index in 0..<width where at + index < bytes.count {
      bytes[at + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(index)))
    }
  }

  /// An integer a little larger or smaller than it was.
  private mutating func move(at: Int, in bytes: inout [UInt8]) {
    let width = 1 << seed.below(4)
    var value: UInt64 = 0
    for index in 0..<width where at + index < bytes.count { value |= UInt64(bytes[at + index]) << (8 * UInt64(index)) }
    let step = UInt64(1 + seed.below(16))
    write(seed.oneIn(2) ? value &+ step : value &- step, width: width, at: at, in: &bytes)
  }
}
