/// An order in which the same events may reach the same scripts. What the scripts make of them must be the same in all.
package enum Schedule: String, CaseIterable, Sendable, Encodable {
  /// Each event is handled, with everything that comes of it, before the next one is there.
  case oneByOne = "one by one"
  /// Events that follow each other without a look in between are there at once.
  case batch = "in one batch"
  /// The host stops after every commit, and the next one begins with new Lua states.
  case restarts = "with a restart after every commit"
  /// Every call is made twice: the host is killed before its effects are in the log, and calls again in new states.
  case twice = "with every call made twice"
}
