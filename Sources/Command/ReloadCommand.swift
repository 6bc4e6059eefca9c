import ArgumentParser
import Client
import Wire

/// `moondance reload`
struct ReloadCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reload",
    abstract: "Load the handlers folder now, and say what came of it.",
    discussion: """
      The daemon does this by itself when a file is saved. Exits with 1 and every error when the folder does not load.

      EXAMPLES
        moondance reload
      """)

  @OptionGroup var server: ServerOptions

  func run() throws {
    Terminal.ignoreBrokenPipes()
    let receipt = try server.run { try $0.reload() }
    for warning in receipt.warnings { Terminal.error("warning: \(warning)") }
    Terminal.print("generation \(receipt.generation)\(receipt.changed ? " is live" : " runs on: nothing had changed")")
  }
}
