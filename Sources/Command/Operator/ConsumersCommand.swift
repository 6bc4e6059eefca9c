import ArgumentParser
import Client
import Events
import Wire

/// `moondance consumers`
struct ConsumersCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "consumers",
    abstract: "List consumers, pause them, set them back, drop what waits for them.",
    discussion: """
      Without a subcommand it lists them. A verb waits until the calls that are under way have ended, is durable when it \
      is answered, and is kept in the log with your name.

      EXAMPLES
        moondance consumers
        moondance consumers pause loyalty
        moondance consumers rewind loyalty --to 813 --dry-run
        moondance consumers rewind loyalty --to 2026-01-31T12:00:00Z
      """,
    subcommands: [
      ListConsumers.self, PauseConsumer.self, ResumeConsumer.self, RewindConsumer.self, ForgetConsumer.self,
    ],
    defaultSubcommand: ListConsumers.self)
}

/// `moondance consumers list`
struct ListConsumers: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "Say how far every consumer is, and what waits.",
    discussion: """
      CURSOR is the position up to which everything is handled, blocked or dead. LAG is how many positions the consumer \
      is behind the log. BLOCKED are keys that wait for a retry or for you.

      EXAMPLES
        moondance consumers
        moondance consumers --json
      """)

  @OptionGroup var server: ServerOptions

  func run() throws {
    try server.withClient { client in
      let reply = try client.consumers()
      try server.print(reply) { StatusText.readers($0.consumers) }
    }
  }
}

/// The name of a consumer, as the verbs take it.
struct ConsumerChoice: ParsableArguments {
  @Argument(help: ArgumentHelp("The consumer.", valueName: "name"))
  var name: String

  func validate() throws {
    if name.isEmpty { throw ValidationError("the name is empty") }
  }
}

/// `moondance consumers pause`
struct PauseConsumer: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pause",
    abstract: "Call a consumer for nothing more, until it is resumed.",
    discussion: """
      Calls under way are finished. New events, retries and timers wait, also over restarts and changes of the scripts; \
      nothing is lost.

      EXAMPLES
        moondance consumers pause loyalty
      """)

  @OptionGroup var choice: ConsumerChoice
  @OptionGroup var server: ServerOptions

  func run() throws {
    try server.withClient { client in
      let reply = try client.act(.pause, on: choice.name, by: OperatorName.current)
      try server.print(reply) { ReaderText.paused($0) }
    }
  }
}

/// `moondance consumers resume`
struct ResumeConsumer: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resume",
    abstract: "Let a paused consumer go on where it was.",
    discussion: """
      EXAMPLES
        moondance consumers resume loyalty
      """)

  @OptionGroup var choice: ConsumerChoice
  @OptionGroup var server: ServerOptions

  func run() throws {
    try server.withClient { client in
      let reply = try client.act(.resume, on: choice.name, by: OperatorName.current)
      try server.print(reply) { ReaderText.resumed($0) }
    }
  }
}

/// `moondance consumers forget`
struct ForgetConsumer: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "forget",
    abstract: "Drop what waits for a consumer: blocked events and dead letters.",
    discussion: """
      A consumer that a script declares keeps its place and goes on from there. One that no script declares is gone, and \
      a consumer of its name begins as a new one. What is dropped is told and asked before; --yes answers.

      EXAMPLES
        moondance consumers forget loyalty
        moondance consumers forget loyalty --yes
      """)

  @OptionGroup var choice: ConsumerChoice

  @Flag(help: "Do it without asking.")
  var yes = false

  @OptionGroup var server: ServerOptions

  func run() throws {
    try server.withClient { client in
      let consumer = try client.consumer(choice.name).value
      if let statement = ReaderText.beforeForgetting(consumer) {
        try Consent.require(statement, isGiven: yes)
      }
      let reply = try client.act(.forget, on: choice.name, by: OperatorName.current)
      try server.print(reply) { ReaderText.forgotten($0) }
    }
  }
}

/// `moondance consumers rewind`
struct RewindConsumer: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rewind",
    abstract: "Set a consumer back, so that it handles events again.",
    discussion: """
      It hears again from a position on, or everything that was committed after a time. What it did before stays in the \
      log, and what it emits now is new: who hears both hears it twice. How many events are handled again, and how many \
      it made of them before, is told and asked before it is done; --yes answers, --dry-run only tells.

      EXAMPLES
        moondance consumers rewind loyalty --to 813 --dry-run
        moondance consumers rewind loyalty --to 2026-01-31T12:00:00Z
        moondance consumers rewind loyalty --to 1 --yes
      """)

  @OptionGroup var choice: ConsumerChoice

  @Option(
    help: ArgumentHelp(
      "The first position to hear again, or a time: what was committed after it is heard again.",
      valueName: "position|time"))
  var to: RewindTarget

  @Flag(help: "Do it without asking.")
  var yes = false

  @Flag(help: "Only tell what would be repeated.")
  var dryRun = false

  @OptionGroup var server: ServerOptions

  func validate() throws {
    if yes && dryRun { throw ValidationError("--dry-run does nothing, so there is nothing to say --yes to") }
  }

  func run() throws {
    try server.withClient { client in
      let preview = try client.preview(rewinding: choice.name, to: to.value)
      if dryRun {
        return try server.print(preview) { ReaderText.beforeRewinding($0) }
      }
      try Consent.require(ReaderText.beforeRewinding(preview.value), isGiven: yes)
      // Where the time that was asked for lies is decided once.
      let reply = try client.rewind(choice.name, to: .position(preview.value.from), by: OperatorName.current)
      try server.print(reply) { ReaderText.rewound($0) }
    }
  }
}

/// What `--to` takes.
struct RewindTarget: ExpressibleByArgument {
  let value: RewindRequest.Target

  init?(argument: String) {
    if let position = UInt64(argument) {
      guard (1...UInt64(Int64.max)).contains(position) else { return nil }
      value = .position(position)
    } else {
      guard Timestamp.microseconds(argument) != nil else { return nil }
      value = .time(argument)
    }
  }
}
