package import Wire

/// Why a request to a daemon did not do what it should.
package enum ClientError: Error, Sendable {
  /// Nobody answers at the address.
  case notReachable(String)
  /// The connection broke, or what came back is no answer of a daemon.
  case broken(String)
  /// The daemon refused, and says why.
  case refused(Problem)
}
