import ArgumentParser
import Client
import Wire

/// The name of a destination, as the verbs take it.
struct DestinationChoice: ParsableArguments {
  @Argument(help: ArgumentHelp("The destination.", valueName: "destination"))
  var name: String

  func validate() throws {
    if name.isEmpty { throw ValidationError("the name is empty") }
  }
}

/// One target of a destination that has one for each document.
struct TargetChoice: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Only this target, of a destination with a target for each document of a projection.", valueName: "key"))
  var to: String?
}

/// `moondance outbox pause`
struct PauseDestination: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pause",
    abstract: "Send a destination nothing more, until it is resumed.",
    discussion: """
      Attempts under way are finished. Messages wait in the log, also over restarts and changes of the scripts; nothing is \
      lost, and other destinations go on.

      EXAMPLES
        moondance outbox pause warehouse
        moondance outbox pause customer-hooks --to acme
      """)

  @OptionGroup var choice: DestinationChoice
  @OptionGroup var target: TargetChoice
  @OptionGroup var server: ServerOptions

  func run() throws {
    try server.withClient { client in
      let reply = try client.act(
        .pause, onDestination: choice.name, target: target.to, by: OperatorName.current)
      try server.print(reply) { ReaderText.paused($0, target: target.to) }
    }
  }
}

/// `moondance outbox resume`
struct ResumeDestination: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resume",
    abstract: "Let a paused destination go on where it was.",
    discussion: """
      EXAMPLES
        moondance outbox resume warehouse
        moondance outbox resume customer-hooks --to acme
      """)

  @OptionGroup var choice: DestinationChoice
  @OptionGroup var target: TargetChoice
  @OptionGroup var server: ServerOptions

  func run() throws {
    try server.withClient { client in
      let reply = try client.act(
        .resume, onDestination: choice.name, target: target.to, by: OperatorName.current)
      try server.print(reply) { ReaderText.resumed($0, target: target.to) }
    }
  }
}

/// `moondance outbox forget`
struct ForgetDestination: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "forget",
    abstract: "Drop what waits for a destination: messages of blocked keys and dead letters.",
    discussion: """
      A destination that a script declares keeps its place and goes on from there. One that no script declares is gone \
      with all that was to be delivered, and a destination of its name begins as a new one. What is dropped is told and \
      asked before; --yes answers.

      EXAMPLES
        moondance outbox forget warehouse
        moondance outbox forget warehouse --yes
      """)

  @OptionGroup var choice: DestinationChoice

  @Flag(help: "Do it without asking.")
  var yes = false

  @OptionGroup var server: ServerOptions

  func run() throws {
    try server.withClient { client in
      let destination = try client.destination(choice.name).value
      if let statement = ReaderText.beforeForgetting(destination) {
        try Consent.require(statement, isGiven: yes)
      }
      let reply = try client.act(.forget, onDestination: choice.name, by: OperatorName.current)
      try server.print(reply) { ReaderText.forgotten($0) }
    }
  }
}
