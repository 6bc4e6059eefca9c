import ArgumentParser
import Client

/// Which letters are meant, by what they are.
protocol LetterFiltering: ParsableArguments {
  /// The options that choose, for people.
  static var options: String { get }
  var isEmpty: Bool { get }
  var selection: DeadLetterSelection { get }
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
