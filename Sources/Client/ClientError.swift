package import Wire

/// Why the client has no answer to give.
package enum ClientError: Error, Sendable, Equatable {
  /// Nobody answers at this address.
  case notReachable(url: String, reason: String)
  /// The connection was lost before the answer was there.
  case disconnected(url: String, reason: String)
  /// The daemon refused.
  case problem(Problem)
  /// What answers does not speak as a daemon does.
  case unexpected(url: String, reason: String)
  /// The address or the token cannot be used.
  case badSetting(String)
  /// What was to be sent could not be read.
  case unreadable(String)
}
