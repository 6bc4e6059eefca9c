import Scripts

/// Coroutines that a worker has kept since an instance's last step, so that the next one needs no replay. A bounded number:
/// those that were used least lately go first.
final class ProcessRuns {
  struct Key: Hashable {
    var reader: UInt32
    var key: KeyBytes
  }

  /// A coroutine that has done exactly the steps of a history.
  struct Kept {
    let run: ProcessRun
    /// Of that history, and how many steps were in those before it: after a restart two histories can be alike in all but their
    /// data.
    var digest: UInt64
    let earlierSteps: UInt32
    let start: HeardEntry
    /// The last event that it was resumed with.
    var cause: HeardEntry
  }

  /// About twice as many are kept.
  private let most: Int
  private var recent: [Key: Kept] = [:]
  private var before: [Key: Kept] = [:]

  init(most: Int = 2048) { self.most = most }

  /// Takes out the coroutine of an instance, when it stands where its history ends.
  func take(_ key: Key, digest: UInt64, earlierSteps: UInt32) -> Kept? {
    guard let kept = recent.removeValue(forKey: key) ?? before.removeValue(forKey: key), kept.digest == digest,
      kept.earlierSteps == earlierSteps
    else { return nil }
    return kept
  }

  func keep(_ kept: Kept, _ key: Key) {
    before[key] = nil
    recent[key] = kept
    if recent.count > most { (before, recent) = (recent, [:]) }
  }

  func removeAll() { (recent, before) = ([:], [:]) }
}
