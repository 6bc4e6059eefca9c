/// Why a daemon does not start: a sentence for people, and the exit code.
package struct DaemonError: Error, Sendable, CustomStringConvertible {
  package let description: String
  package let exitCode: Int32

  package init(_ description: String, exitCode: Int32 = 1) {
    self.description = description
    self.exitCode = exitCode
  }

  /// The log failed while the daemon ran: it stopped at once so that nothing is written on unsure ground.
  package static let logFailed: Int32 = 74
}
