import ArgumentParser
import Client

/// `moondance history`
struct HistoryCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "history",
    abstract: "Print every event about a subject.",
    discussion: """
      EXAMPLES
        moondance history order-1
        moondance history order-1 --json | jq .type
      """)

  @Argument(help: "The subject.")
  var subject: String

  @Flag(help: "Print whole CloudEvents, one a line.")
  var json = false

  @OptionGroup var server: ServerOptions

  func run() throws {
    Terminal.ignoreBrokenPipes()
    var printer = EventPrinter(json: json)
    try server.run { client in
      var next: UInt64 = 1
      var isEmpty = true
      while true {
        let page = try client.history(of: subject, from: next, limit: 1000)
        for event in page.events { printer.print(event) }
        isEmpty = isEmpty && page.events.isEmpty
        if page.next <= next { break }
        next = page.next
      }
      if isEmpty { Terminal.error("there is no event about \"\(subject)\"") }
    }
  }
}
