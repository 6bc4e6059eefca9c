/// States of a consumer's keys in memory: those that were touched last, and those of batches that are not yet in the
/// log, which may not be dropped.
struct StateCache {
  private var states: [KeyBytes: KeyState] = [:]
  private var pending: [KeyBytes: (state: KeyState, batch: UInt64)] = [:]
  private var bytes = 0

  subscript(key: KeyBytes) -> KeyState? { pending[key]?.state ?? states[key] }

  /// Of a batch that has come back and will be committed as it is.
  mutating func expect(_ found: [KeyBytes: KeyState], batch: UInt64) {
    for (key, state) in found { pending[key] = (state, batch) }
  }

  /// Of a batch that is in the log. Beyond `mostBytes` states are dropped: the log has them.
  mutating func note(_ found: [KeyBytes: KeyState], batch: UInt64, mostBytes: Int) {
    for (key, state) in found {
      if pending[key]?.batch == batch { pending[key] = nil }
      bytes += state.bytes - (states.updateValue(state, forKey: key)?.bytes ?? 0)
    }
    while bytes > mostBytes, let (key, state) = states.first {
      states[key] = nil
      bytes -= state.bytes
    }
  }

  mutating func removeAll() { self = StateCache() }
}
