import ArgumentParser
import Client
import Wire

/// `moondance reload`
struct ReloadCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reload",
    abstract: "Load the scripts now, and say what is wrong with them.",
    discussion: """
      The daemon loads what is saved by itself; this says when it is done. When the folder does not load, it prints \
      every error, exits with 1, and the running scripts go on.

      EXAMPLES
        moondance reload
        moondance reload --json
      """)

  @OptionGroup var server: ServerOptions

  func run() throws {
    try server.withClient { client in
      let reply = try client.reload()
      if server.json { return try Output.write(reply.json + [UInt8(ascii: "\n")]) }
      for warning in reply.value.warnings { Output.complain("warning: \(warning)") }
      try Output.print("generation \(reply.value.generation)\(reply.value.changed ? "" : ", nothing had changed")")
    }
  }
}
