extension Array where Element: CustomStringConvertible {
  /// The first few, for people.
  var brief: String {
    let first = prefix(8).map(\.description).joined(separator: " ")
    return count > 8 ? "[\(first) … \(count) in all]" : "[\(first)]"
  }
}

/// What a run did: the last steps in words, all of them as one number.
struct Trace {
  /// How many of the last steps are kept.
  private let kept: Int

  private(set) var lines: [String] = []
  private(set) var count = 0
  private(set) var digest: UInt64 = 0xCBF2_9CE4_8422_2325

  init(keeping kept: Int) { self.kept = kept }

  mutating func note(_ line: String) {
    count += 1
    lines.append("\(count) \(line)")
    if lines.count > kept { lines.removeFirst() }
    mix(line.utf8)
  }

  /// FNV-1a: it need only be the same in every process.
  mutating func mix(_ bytes: some Sequence<UInt8>) {
    for byte in bytes { digest = (digest ^ UInt64(byte)) &* 0x100_0000_01B3 }
    digest = (digest ^ 0xFF) &* 0x100_0000_01B3
  }
}
