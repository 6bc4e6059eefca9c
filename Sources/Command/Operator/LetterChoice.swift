import ArgumentParser
import Client
import Wire

/// Which letters are meant, by what they are.
protocol LetterFiltering: ParsableArguments {
  /// The options that choose, for people.
  static var options: String { get }
  var error: String? { get }
  var isEmpty: Bool { get }
  var selection: DeadLetterSelection { get }
}

extension LetterFiltering {
  func validate() throws {
    if error?.isEmpty == true { throw ValidationError("--error takes a part of the error's text") }
  }
}

/// What a list of letters shows.
struct LetterListing<Filter: LetterFiltering>: ParsableArguments {
  @OptionGroup var filter: Filter

  @Option(help: ArgumentHelp("At most so many letters.", valueName: "n"))
  var limit = 100

  @OptionGroup var server: ServerOptions

  func validate() throws {
    if limit < 1 { throw ValidationError("--limit takes a number from 1 on") }
  }

  func run() throws { try LetterPrinter.list(filter.selection, limit: limit, server) }
}

/// The one letter that is shown with its attempts.
struct LetterShowing: ParsableArguments {
  @Argument(help: ArgumentHelp("As the list gives it.", valueName: "id"))
  var id: String

  @OptionGroup var server: ServerOptions

  func validate() throws { try LetterName.check(id) }

  func run(_ kind: DeadLetterKind) throws { try LetterText.show(id, of: kind, server) }
}

/// Which letters a verb is for.
struct LetterChoice<Filter: LetterFiltering>: ParsableArguments {
  @Argument(help: ArgumentHelp("As the list gives them.", valueName: "id"))
  var ids: [String] = []

  @Flag(help: "All dead letters, or all that the options below choose.")
  var all = false

  @OptionGroup var filter: Filter

  func validate() throws {
    guard !all || ids.isEmpty else { throw ValidationError("give ids, or --all, not both") }
    guard all || !ids.isEmpty else {
      throw ValidationError("say which dead letters: their ids, or --all with \(Filter.options), or --all alone")
    }
    guard all || filter.isEmpty else { throw ValidationError("options that choose among letters go with --all") }
    for id in ids { try LetterName.check(id) }
  }
}

enum LetterName {
  static func check(_ id: String) throws {
    let parts = id.split(separator: ".", omittingEmptySubsequences: false)
    guard (1...2).contains(parts.count),
      parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } })
    else { throw ValidationError("\"\(id)\" is no id of a dead letter; one looks like 8123 or 8123.2") }
  }
}
