import ArgumentParser
import Client
import Wire

/// `moondance timers`
struct TimersCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "timers",
    abstract: "List the events that are to come, the next due first.",
    discussion: """
      DUE is when the event of TYPE comes, SET BY the consumer or rule whose handler has set it, KEY for which of its keys, \
      and ID the name under which a later one replaces it or cancel takes it back. --json prints the pages of the list as \
      HTTP returns them, one a line.

      EXAMPLES
        moondance timers
        moondance timers --limit 1000
        moondance timers --json | jq -r '.timers[].due'
      """)

  @Option(help: ArgumentHelp("At most so many timers.", valueName: "n"))
  var limit = 100

  @OptionGroup var server: ServerOptions

  func validate() throws {
    guard limit > 0 else { throw ValidationError("--limit is a whole number from 1 on.") }
  }

  private static let largestPage = 1000

  func run() throws {
    try server.withClient { client in
      var table = TextTable(["DUE", "TYPE", "SUBJECT", "SET BY", "KEY", "ID", "POSITION"], numbers: [6])
      var left = limit
      var after: String?
      while left > 0 {
        let reply = try client.timers(limit: min(left, Self.largestPage), after: after)
        let page = reply.value
        if server.json {
          try Output.write(reply.json + [UInt8(ascii: "\n")])
        } else if !page.timers.isEmpty {
          let lines = table.lines(page.timers.map(TimerText.row), width: Output.terminalWidth)
          try Output.print(lines.joined(separator: "\n"))
        }
        left -= page.timers.count
        after = page.next
        guard after != nil else { break }
        if left <= 0, !server.json { Output.complain("the first \(limit) of \(page.total); --limit shows more") }
      }
      if left == limit, !server.json { Output.complain("no timers are pending") }
    }
  }
}

/// Timers, for people.
enum TimerText {
  static func row(_ timer: TimerReport) -> [String] {
    [timer.due, timer.type, timer.subject, timer.reader, timer.key, timer.id ?? "-", "\(timer.position)"]
  }
}
