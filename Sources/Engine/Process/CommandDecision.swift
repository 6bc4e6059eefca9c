import Events

/// What `moondance.decided` says of how a command ended.
struct CommandDecision {
  /// Why nothing came of it; nil: it was accepted.
  var reason: String?
  /// Positions of what it made.
  var effects: Range<UInt64> = 0..<0

  /// Nil when the data are not what the host writes.
  init?(_ entry: EntryView) {
    guard let data = try? JSONObject(entry.data), case .string(let result)? = data["result"] else { return nil }
    switch result {
    case OutcomeRecord.Result.accepted.description:
      if case .number(let first)? = data["first"], case .number(let count)? = data["count"] {
        guard let first = UInt64(first), let count = UInt64(count), count <= 1 << 20 else { return nil }
        effects = first..<first + count
      }
    case OutcomeRecord.Result.rejected.description:
      guard case .string(let text)? = data["reason"] else { return nil }
      reason = text
    default: reason = result
    }
  }
}
