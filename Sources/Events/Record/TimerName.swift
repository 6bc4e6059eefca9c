/// Stands for the name of a timer: the first 16 bytes of the SHA-256 of reader, key and id. Two names do not share one,
/// by any means known, so nobody has to look at the names themselves again.
package struct TimerName: Hashable, Comparable, Sendable {
  package var high: UInt64
  package var low: UInt64

  package init(high: UInt64, low: UInt64) { (self.high, self.low) = (high, low) }

  /// Nil when the scope has no id.
  package init?(_ scope: TimerScope) {
    guard let id = scope.id else { return nil }
    var name = ByteWriter(capacity: 8 + scope.key.count + id.count)
    name.append(scope.reader)
    name.append(UInt32(scope.key.count))
    name.append(scope.key)
    name.append(id)
    self = ContentHash(of: name.bytes).bytes.withUnsafeBytes { bytes in
      TimerName(
        high: bytes.baseAddress!.integer(UInt64.self, at: 0), low: bytes.baseAddress!.integer(UInt64.self, at: 8))
    }
  }

  package static func < (left: TimerName, right: TimerName) -> Bool {
    (left.high, left.low) < (right.high, right.low)
  }

  /// Its bits are random already.
  package func hash(into hasher: inout Hasher) { hasher.combine(low) }
}
