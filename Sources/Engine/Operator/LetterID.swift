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
      let commit = UInt64(parts[0]), commit > 0, let index = parts.count == 2 ? UInt32(parts[1]) : 0
    else { return nil }
    self.init(commit: commit, index: index)
  }

  package var description: String { index == 0 ? "\(commit)" : "\(commit).\(index)" }

  package static func < (left: LetterID, right: LetterID) -> Bool {
    (left.commit, left.index) < (right.commit, right.index)
  }
}
