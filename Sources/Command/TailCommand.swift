import ArgumentParser
import Client
import Foundation

/// `moondance tail`
struct TailCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tail",
    abstract: "Print events, the last twenty or from a position on.",
    discussion: """
      Prints position, time, type, subject and data, one event a line; on a terminal lines are cut to its width. \
      Without --from and --limit the last 20 events.

      EXAMPLES
        moondance tail
        moondance tail --follow --type 'Order*'
        moondance tail --from 1 --limit 1000 --json | jq .data
      """)

  @Option(help: ArgumentHelp("Only events of this type; Order* for all that begin so.", valueName: "type"))
  var type: String?

  @Option(help: ArgumentHelp("Only events about this subject.", valueName: "subject"))
  var subject: String?

  @Option(help: ArgumentHelp("Begin at this position.", valueName: "position"))
  var from: UInt64?

  @Flag(name: .shortAndLong, help: "Go on with what comes, until Ctrl-C.")
  var follow = false

  @Option(help: ArgumentHelp("At most so many events.", valueName: "n"))
  var limit: Int?

  @Flag(help: "Print whole CloudEvents, one a line.")
  var json = false

  @OptionGroup var server: ServerOptions

  func validate() throws {
    if let limit, limit < 1 { throw ValidationError("--limit takes a number from 1 on") }
  }

  func run() throws {
    Terminal.ignoreBrokenPipes()
    var printer = EventPrinter(json: json)
    try server.run { client in
      let filter = MoondanceClient.Filter(type: type, subject: subject)
      var left = limit ?? .max
      var next: UInt64
      if let from {
        next = from
        if !follow { return try printAll(client, from: from, filter, &left, &printer) }
      } else {
        let page = try client.lastEvents(min(left, follow ? 10 : 20, 1000), filter)
        for event in page.events { printer.print(event) }
        left -= page.events.count
        next = page.next
        if limit ?? 20 > page.events.count, !follow { return }
      }
      guard follow, left > 0 else { return }
      Interrupt.watch()
      try client.follow(from: max(1, next), filter, while: { !Interrupt.happened }) { event in
        printer.print(event)
        left -= 1
        next = event.position + 1
        return left > 0 && !Interrupt.happened
      }
    }
  }

  private func printAll(
    _ client: MoondanceClient, from: UInt64, _ filter: MoondanceClient.Filter, _ left: inout Int,
    _ printer: inout EventPrinter
  ) throws {
    var next = max(1, from)
    while left > 0 {
      let page = try client.events(from: next, limit: min(left, 1000), filter)
      for event in page.events { printer.print(event) }
      left -= page.events.count
      if page.next <= next { return }
      next = page.next
    }
  }
}

/// Prints events in the format that was asked for.
struct EventPrinter {
  let json: Bool
  private var line = EventLine()
  private let width = Terminal.width

  init(json: Bool) { self.json = json }

  mutating func print(_ event: Event) {
    Terminal.print(json ? event.json : line.text(of: event, within: width))
  }
}
