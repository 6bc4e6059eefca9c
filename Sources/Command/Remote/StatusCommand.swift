import ArgumentParser
import Client
import Wire

/// `moondance status`
struct StatusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Say how the daemon is: its scripts, its log, how far every reader is, and what waits to leave.",
    discussion: """
      LAG is how many positions a reader is behind the log. BLOCKED are keys that wait for a retry or for you. STATE is \
      running, behind (it reads older parts of the log), full (too much waits for blocked keys), stuck (a call does not \
      come back), paused, or removed (no script declares it). Of a destination it may be down: it does not answer, is \
      asked now and then whether it is back, and its PENDING messages wait.

      EXAMPLES
        moondance status
        moondance status --server http://127.0.0.1:9000
        moondance status --json
      """)

  @OptionGroup var server: ServerOptions

  func run() throws {
    try server.withClient { client in
      let reply = try client.status()
      try server.print(reply) { StatusText.text($0) }
    }
  }
}
