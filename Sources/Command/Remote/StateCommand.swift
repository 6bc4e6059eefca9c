import ArgumentParser
import Client

/// `moondance state`
struct StateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "state",
    abstract: "Print what an aggregate has made of a subject's events, now or at any past moment.",
    discussion: """
      EXAMPLES
        moondance state account account-1
        moondance state account account-1 --at 813
        moondance state account account-1 --at 2026-01-31T12:00:00Z
      """)

  @Argument(help: "The name of the aggregate.")
  var aggregate: String

  @Argument(help: "Whose state.")
  var subject: String

  @Option(help: ArgumentHelp("A position, or a time: what was committed up to then.", valueName: "position|time"))
  var at: String?

  @OptionGroup var server: ServerOptions

  func run() throws {
    try server.withClient { client in
      let reply = try client.state(of: subject, aggregate: aggregate, at: at)
      try Output.write((server.json ? reply.json : reply.value) + [UInt8(ascii: "\n")])
    }
  }
}
