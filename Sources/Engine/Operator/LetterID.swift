/// Names a dead letter for good: the commit that gave the unit up, and which of that commit's failures it is. A unit that
/// is tried again and given up again is a letter of its own.
///
/// As text `8123`, or `8123.2` for the third of a commit.
package struct LetterID: Hashable, Comparable, Sendable, CustomStringConvertible {
  package let commit: UInt64
  package let index: UInt32

  package init(commit: UInt64, index: UInt32) { (self.commit, self.index) = (commit, index) }

  /// Nil when `text` is no such name.
  package init?(_ text: some StringProtocol) {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard (1...2).contains(parts.count), parts.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
      let commit = UInt64(parts[0]), commit > 0, let index = parts.count == 2 ? UInt32(parts[1]) : 0,
      // There must be one after it, for pages that go on after this letter.
      index < UInt32.max
    else { return nil }
    self.init(commit: commit, index: index)
  }

  package var description: String { index == 0 ? "\(commit)" : "\(commit).\(index)" }

  /// The greatest id that is smaller.
  package var before: LetterID {
    index > 0 ? LetterID(commit: commit, index: index - 1) : LetterID(commit: commit - 1, index: .max - 1)
  }

  package static func < (left: LetterID, right: LetterID) -> Bool {
    (left.commit, left.index) < (right.commit, right.index)
  }
}
