import Glibc

/// The environment of the daemon, which secrets and addresses of destinations and sources come from.
enum ProcessEnvironment {
  /// What `{env:NAME}` stands for now; nil: it is not set.
  @Sendable static func value(of name: String) -> String? { getenv(name).map { String(cString: $0) } }
}
