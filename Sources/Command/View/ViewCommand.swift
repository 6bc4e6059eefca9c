import ArgumentParser
import Client
import Wire

/// `moondance view`
struct ViewCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "view",
    abstract: "Print the documents of a projection, or the state of an aggregate's subject.",
    discussion: """
      Without a name it lists the views and how far each is. Prints key, position and document, one a line; with KEY the \
      one document. Documents that stay as they are because folding failed end with FROZEN and the error. --at shows a \
      past moment: a position, or a time up to which everything was committed. With the name of an aggregate, KEY is a \
      subject, and the answer what the aggregate has made of its events.

      EXAMPLES
        moondance view
        moondance view orders
        moondance view orders order-1
        moondance view orders --where status=placed --order -total --limit 10
        moondance view orders order-1 --at 2026-01-31T12:00:00Z
        moondance view account account-1 --at 813
        moondance view orders --rebuild
      """)

  @Argument(help: "The name of the projection or aggregate.")
  var name: String?

  @Argument(help: "The key of one document.")
  var key: String?

  @Option(
    name: .customLong("where"),
    help: ArgumentHelp("Only documents with this value; may be repeated.", valueName: "field=value"))
  var conditions: [String] = []

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("By this field, with - before it from the largest on. (default: key)", valueName: "field"))
  var order: String?

  @Option(help: ArgumentHelp("At most so many documents. (default: all)", valueName: "n"))
  var limit: Int?

  @Option(help: ArgumentHelp("As it was then.", valueName: "position|time"))
  var at: String?

  @Option(
    name: .customLong("after-position"),
    help: ArgumentHelp("Wait until the view has read this event.", valueName: "position"))
  var position: UInt64?

  @Flag(help: "Only keys that stay as they are since folding failed, and why.")
  var frozen = false

  @Flag(help: "Fold the view anew from the start of the log, beside the one that answers.")
  var rebuild = false

  @OptionGroup var server: ServerOptions

  func validate() throws {
    if let limit, limit < 1 { throw ValidationError("--limit takes a number from 1 on") }
    for condition in conditions where !condition.contains("=") {
      throw ValidationError("--where takes FIELD=VALUE, like status=placed")
    }
    if rebuild && (name == nil || key != nil) {
      throw ValidationError("--rebuild takes the name of a view, and nothing else")
    }
    if key != nil && (!conditions.isEmpty || order != nil || limit != nil) {
      throw ValidationError("with KEY there is one document: --where, --order and --limit choose among all")
    }
    if frozen && (name == nil || key != nil || !conditions.isEmpty || order != nil || at != nil) {
      throw ValidationError("--frozen takes the name of a view, and perhaps --limit")
    }
    if name?.isEmpty ?? false || key?.isEmpty ?? false { throw ValidationError("names and keys are not empty") }
    if name == nil, !conditions.isEmpty || order != nil || limit != nil || at != nil {
      throw ValidationError("say which view: moondance view NAME")
    }
  }

  func run() throws {
    try server.withClient { client in
      guard let name else { return try list(try client.views()) }
      if rebuild { return try list(try client.rebuildView(name)) }
      if key != nil {
        let answer = try client.view(name, selection)
        if server.json { return try Output.write(answer.json + [UInt8(ascii: "\n")]) }
        if let found = answer.found { Output.complain("as of position \(answer.position), found by \(found)") }
        if let error = answer.documents.first?.error { Output.complain("FROZEN: \(error)") }
        return try Output.write((answer.documents.first?.document ?? []) + [UInt8(ascii: "\n")])
      }
      try printAll(client, name)
    }
  }

  private func list(_ reply: Reply<ViewList>) throws {
    try server.print(reply) { ViewText.list($0.views) }
  }

  var selection: ViewSelection {
    var selection = ViewSelection()
    (selection.key, selection.conditions, selection.order, selection.moment) = (key, conditions, order, at)
    (selection.position, selection.isFrozenOnly) = (position, frozen)
    return selection
  }

  private func printAll(_ client: Client, _ name: String) throws {
    var selection = selection
    var left = limit ?? Int.max
    let width = Output.terminalWidth
    var isFirst = true
    while left > 0 {
      selection.limit = min(left, 1000)
      let page = try client.view(name, selection)
      if isFirst, !server.json, let found = page.found {
        Output.complain("as of position \(page.position), found by \(found)")
      }
      isFirst = false
      if server.json {
        try Output.write(page.json + [UInt8(ascii: "\n")])
      } else {
        try Output.write(
          page.documents.flatMap { Array(ViewText.line($0, width: width).utf8) + [UInt8(ascii: "\n")] })
      }
      left -= page.documents.count
      guard let next = page.next else { return }
      selection.after = next
      // The pages of one past moment must be of the same one.
      if selection.moment != nil { selection.moment = "\(page.position)" }
    }
  }
}
