import ArgumentParser
import Client
import Wire

/// `moondance sources`
struct SourcesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sources",
    abstract: "Say where events come in from, and how that goes.",
    discussion: """
      RECEIVED are requests or rows since the daemon started, DUPLICATES those among them that were there before, FAILED \
      those that could not become events. LAG is how many rows of a table are not in the log yet.

      EXAMPLES
        moondance sources
        moondance sources --json
      """)

  @OptionGroup var server: ServerOptions

  func run() throws {
    try server.withClient { client in
      let reply = try client.sources()
      try server.print(reply) { SourceText.list($0.sources) }
    }
  }
}

/// Sources, for people.
enum SourceText {
  static func list(_ sources: [SourceReport]) -> String {
    if sources.isEmpty { return "no sources" }
    var table = TextTable(
      ["SOURCE", "KIND", "STATE", "RECEIVED", "DUPLICATES", "FAILED", "LAG"], numbers: [3, 4, 5, 6])
    var lines = table.lines(
      sources.map {
        [$0.name, $0.kind, $0.state, "\($0.received)", "\($0.duplicates)", "\($0.failed)", "\($0.lag)"]
      })
    // What to write stands in a line of its own.
    let errors = sources.compactMap { source in source.error.map { "\(source.name): \($0)" } }
      .flatMap { $0.split(separator: "\n").map(String.init) }
    if !errors.isEmpty { lines += [""] + errors.map(EventLine.harmless) }
    return lines.joined(separator: "\n")
  }
}
