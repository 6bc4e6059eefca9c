import ArgumentParser
import Client
import Wire

/// `moondance processes`
struct ProcessesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "processes",
    abstract: "List running instances of processes, look at one, cancel it, move it to newer scripts.",
    discussion: """
      EXAMPLES
        moondance processes
        moondance processes checkout --state stuck
        moondance processes show checkout order-1
        moondance processes cancel checkout order-1
        moondance processes move --all
      """,
    subcommands: [ListProcesses.self, ShowProcess.self, RetryProcess.self, CancelProcess.self, MoveProcess.self],
    defaultSubcommand: ListProcesses.self)
}

/// `moondance processes list`
struct ListProcesses: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "List running instances, those first that have not moved for the longest time.",
    discussion: """
      VERSION is the generation of the scripts that an instance runs on. An instance stays on the one that it began with, \
      unless its history is the same on newer scripts; why it is not stands below the list.

      EXAMPLES
        moondance processes
        moondance processes checkout --version 3
        moondance processes --state retrying --json
      """)

  @Argument(help: ArgumentHelp("Only instances of this process.", valueName: "name"))
  var name: String?

  @Option(help: ArgumentHelp("Only instances that are waiting, retrying or stuck.", valueName: "state"))
  var state: ProcessState?

  @Option(help: ArgumentHelp("Only instances that run on this generation of the scripts.", valueName: "generation"))
  var version: UInt32?

  @Option(help: ArgumentHelp("At most so many, up to 1000.", valueName: "n"))
  var limit = 100

  @Option(help: ArgumentHelp("Go on after what the last page named.", valueName: "place"))
  var after: String?

  @OptionGroup var server: ServerOptions

  func validate() throws {
    if !(1...1000).contains(limit) { throw ValidationError("--limit is a number from 1 to 1000") }
  }

  func run() throws {
    var selection = ProcessSelection()
    (selection.process, selection.state, selection.version) = (name, state?.rawValue, version)
    (selection.limit, selection.after) = (limit, after)
    try server.withClient { client in
      try server.print(try client.processes(selection)) { ProcessText.list($0) }
    }
  }
}

enum ProcessState: String, ExpressibleByArgument, CaseIterable {
  case waiting, retrying, stuck
}

/// An instance, as the verbs take it.
struct InstanceChoice: ParsableArguments {
  @Argument(help: ArgumentHelp("The process.", valueName: "name"))
  var name: String

  @Argument(help: ArgumentHelp("The key of the instance.", valueName: "key"))
  var key: String

  func validate() throws {
    if name.isEmpty || key.isEmpty { throw ValidationError("the name of a process and a key are wanted") }
  }
}

/// `moondance processes show`
struct ShowProcess: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show",
    abstract: "Tell what an instance heard and did, and what it waits for.",
    discussion: """
      EXAMPLES
        moondance processes show checkout order-1
      """)

  @OptionGroup var choice: InstanceChoice
  @OptionGroup var server: ServerOptions

  func run() throws {
    try server.withClient { client in
      try server.print(try client.process(choice.name, choice.key)) { ProcessText.timeline($0) }
    }
  }
}

/// `moondance processes retry`
struct RetryProcess: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "retry",
    abstract: "Call a stuck instance again, with all its attempts before it.",
    discussion: """
      EXAMPLES
        moondance processes retry checkout order-1
      """)

  @OptionGroup var choice: InstanceChoice
  @OptionGroup var server: ServerOptions

  func run() throws {
    try server.withClient { client in
      let reply = try client.retry(choice.name, choice.key, by: OperatorName.current)
      try server.print(reply) { $0.resolved == 0 ? "it has no dead letter" : "it is called again" }
    }
  }
}

/// `moondance processes cancel`
struct CancelProcess: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cancel",
    abstract: "End an instance: roll it back, or leave everything as it is.",
    discussion: """
      It rolls back as soon as it waits for no answer any more: the compensations that it has registered run, the last \
      first. With --no-rollback it ends where it is.

      EXAMPLES
        moondance processes cancel checkout order-1
        moondance processes cancel checkout order-1 --no-rollback
      """)

  @OptionGroup var choice: InstanceChoice

  @Flag(help: "End it where it is.")
  var noRollback = false

  @OptionGroup var server: ServerOptions

  func run() throws {
    try server.withClient { client in
      let reply = try client.cancel(choice.name, choice.key, rollback: !noRollback, by: OperatorName.current)
      try server.print(reply) { ProcessText.told($0, noRollback ? "it ends" : "it rolls back") }
    }
  }
}

/// `moondance processes move`
struct MoveProcess: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "move",
    abstract: "Try instances that run on older scripts on the newest ones.",
    discussion: """
      The history of an instance is run again on the newest scripts, without effects. If it does the same as it did, it \
      goes on there; else it stays, and the list says which step differs. Without asking the same is tried when an instance \
      next wakes.

      EXAMPLES
        moondance processes move checkout order-1
        moondance processes move --all
        moondance processes move checkout --all
      """)

  @Argument(help: ArgumentHelp("The process.", valueName: "name"))
  var name: String?

  @Argument(help: ArgumentHelp("The key of the instance.", valueName: "key"))
  var key: String?

  @Flag(help: "Every instance on older scripts, of the process when one is named.")
  var all = false

  @OptionGroup var server: ServerOptions

  func validate() throws {
    if all == (key != nil) || (!all && name == nil) {
      throw ValidationError("say which instance: its process and its key, or --all")
    }
  }

  func run() throws {
    try server.withClient { client in
      if let name, let key {
        let reply = try client.move(name, key, by: OperatorName.current)
        return try server.print(reply) { ProcessText.told($0, "it is tried on the newest scripts") }
      }
      let reply = try client.moveAll(of: name, by: OperatorName.current)
      try server.print(reply) { "\($0.told) instances are tried on the newest scripts" }
    }
  }
}
