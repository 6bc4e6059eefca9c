import ArgumentParser
import Client

/// `moondance history`
struct HistoryCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "history",
    abstract: "Print all events of a subject, the oldest first.",
    discussion: """
      EXAMPLES
        moondance history order-1
        moondance history order-1 --json
        moondance history order-1 --from 1000 --limit 10
      """)

  @Argument(help: "Whom the events happened to.")
  var subject: String

  @Option(help: ArgumentHelp("The position to begin at.", valueName: "position"))
  var from: UInt64?

  @Option(help: ArgumentHelp("At most so many events.", valueName: "n"))
  var limit: Int?

  @OptionGroup var server: ServerOptions

  func validate() throws {
    if subject.isEmpty { throw ValidationError("the subject is empty") }
    if let limit, limit < 1 { throw ValidationError("--limit takes a number from 1 on") }
    if let from, from > UInt64(Int64.max) - 1 { throw ValidationError("--from takes a position: 1, 2, 3 …") }
  }

  func run() throws {
    try server.withClient { client in
      var selection = EventSelection()
      selection.from = from ?? 1
      try EventPrinter(isJSON: server.json).printAll(selection, limit: limit) {
        try client.history(of: subject, $0)
      }
    }
  }
}
