package import LogStorage
package import Platform

/// What sources need to know besides the scripts that declare them.
package struct IntakeSettings: Sendable {
  package enum Level: String, Sendable {
    case info, warning, error
  }

  package var identity: LogIdentity
  package var clock: any HostClock = SystemClock()
  /// Threads that call `event` functions.
  package var threads = 2
  /// Requests that may wait for one of them, and their bytes.
  package var waitingRequests = 512
  package var waitingBytes = 64 << 20
  /// Gives what `{env:NAME}` stands for; asked each time it is needed.
  package var environment: @Sendable (String) -> String?
  /// Takes what an operator should read: about which source, and what.
  package var note: @Sendable (_ level: Level, _ source: String, _ text: String) -> Void

  package init(
    identity: LogIdentity, environment: @escaping @Sendable (String) -> String?,
    note: @escaping @Sendable (_ level: Level, _ source: String, _ text: String) -> Void
  ) {
    (self.identity, self.environment, self.note) = (identity, environment, note)
  }
}
