import ArgumentParser
import Client
import Wire

/// `moondance tail`
struct TailCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tail",
    abstract: "Print events.",
    discussion: """
      Prints position, time, type, subject and data of the last 20 events, or of those that the options say. On a \
      terminal, lines are cut to its width; elsewhere, and with --json, nothing is left out. With --follow it goes on \
      with what comes, over restarts of the daemon, until Ctrl-C.

      EXAMPLES
        moondance tail --follow
        moondance tail --type 'Order*' --from 1 --json > orders.ndjson
        moondance tail --subject order-1 --follow --limit 1
      """)

  @Option(help: ArgumentHelp("Only this type; with * at its end, all that begin so.", valueName: "type"))
  var type: String?

  @Option(help: ArgumentHelp("Only what happened to this subject.", valueName: "subject"))
  var subject: String?

  @Option(help: ArgumentHelp("The position to begin at.", valueName: "position"))
  var from: UInt64?

  @Flag(help: "Go on with what comes.")
  var follow = false

  @Option(help: ArgumentHelp(
    "So many events: with --from the first of them, else the last; with --follow and no --from the next that come. "
      + "(default: 20 without --from)", valueName: "n"))
  var limit: Int?

  @OptionGroup var server: ServerOptions

  func validate() throws {
    if let limit, limit < 1 { throw ValidationError("--limit takes a number from 1 on") }
    if let limit, limit > 1000, from == nil, !follow {
      throw ValidationError("the last events can be had to 1000; for more say --from where to begin")
    }
    if let from, from > UInt64(Int64.max) - 1 { throw ValidationError("--from takes a position: 1, 2, 3 …") }
  }

  /// What the options choose. `next`: the position that the next event will have, for those that only want new ones.
  func selection(next: UInt64) -> EventSelection {
    var selection = EventSelection()
    (selection.type, selection.subject, selection.from) = (type, subject, from)
    guard from == nil else { return selection }
    if follow && limit != nil { selection.from = next } else { selection.last = limit ?? 20 }
    return selection
  }

  func run() throws {
    try server.withClient { client in
      let printer = EventPrinter(isJSON: server.json)
      guard follow else {
        let most = from == nil ? limit ?? 20 : limit
        return try printer.printAll(selection(next: 0), limit: most) { try client.events($0) }
      }
      Interrupt.listen()
      var left = limit ?? Int.max
      let isNewOnly = from == nil && limit != nil
      let selection = selection(next: isNewOnly ? try client.status().value.log.durable + 1 : 0)
      try client.follow(selection) { notice in
        switch notice {
        case .lost(let reason): Output.complain("the connection is lost (\(reason)); waiting for the daemon")
        case .back: Output.complain("connected again")
        }
      } event: { event in
        try printer.print([event])
        left -= 1
        return left > 0
      }
    }
  }
}
