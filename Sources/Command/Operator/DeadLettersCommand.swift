import ArgumentParser
import Client
import Wire

/// `moondance dead-letters`
struct DeadLettersCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dead-letters",
    abstract: "List the events that consumers were given up to handle, and decide what becomes of them.",
    discussion: """
      Without a subcommand it lists them, with the options of "list". A dead letter that is blocking holds up the events of \
      its key behind it; the three verbs let them go on: retry calls the consumer again first, skip keeps the letter in \
      the list, discard takes it off. Doing the same again changes nothing. Your name is kept with it in the log.

      EXAMPLES
        moondance dead-letters
        moondance dead-letters --consumer loyalty --key order-1
        moondance dead-letters show 8123
        moondance dead-letters retry 8123 8123.2
        moondance dead-letters retry --all --consumer loyalty --error 'no such customer'
      """,
    subcommands: [
      ListDeadLetters.self, ShowDeadLetter.self, RetryDeadLetters.self, SkipDeadLetters.self, DiscardDeadLetters.self,
    ],
    defaultSubcommand: ListDeadLetters.self)
}

/// Which letters of consumers are meant, by what they are.
struct LetterFilter: LetterFiltering {
  static let options = "--consumer, --key, --type or --error"

  @Option(help: ArgumentHelp("Only letters of this consumer.", valueName: "name"))
  var consumer: String?

  @Option(help: ArgumentHelp("Only letters of this key.", valueName: "key"))
  var key: String?

  @Option(
    help: ArgumentHelp(
      "Only letters about events or commands of this type; with * at its end, all that begin so.", valueName: "type"))
  var type: String?

  @Option(help: ArgumentHelp("Only letters in whose error this stands.", valueName: "text"))
  var error: String?

  var isEmpty: Bool { consumer == nil && key == nil && type == nil && error == nil }

  var selection: DeadLetterSelection {
    var selection = DeadLetterSelection(.events)
    (selection.owner, selection.key, selection.type, selection.error) = (consumer, key, type, error)
    return selection
  }
}

/// `moondance dead-letters list`
struct ListDeadLetters: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "List dead letters, the oldest first.",
    discussion: """
      ATTEMPTS are calls that failed. STATE is blocking when the events of the key behind it wait, WAITING how many these \
      are, and skipped when they went on. On a terminal, lines are cut to its width. --json prints the pages of the list as \
      HTTP returns them, one a line.

      EXAMPLES
        moondance dead-letters
        moondance dead-letters --consumer loyalty --key order-1
        moondance dead-letters --type 'Order*' --error 'no such customer' --limit 1000
        moondance dead-letters --json | jq -r '.deadLetters[].id'
      """)

  @OptionGroup var listing: LetterListing<LetterFilter>

  func run() throws { try listing.run() }
}

/// `moondance dead-letters show`
struct ShowDeadLetter: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show",
    abstract: "Print one dead letter: its event, and every attempt with its error.",
    discussion: """
      Works for letters that are resolved, too.

      EXAMPLES
        moondance dead-letters show 8123
        moondance dead-letters show 8123.2 --json
      """)

  @OptionGroup var showing: LetterShowing

  func run() throws { try showing.run(.events) }
}

/// `moondance dead-letters retry`
struct RetryDeadLetters: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "retry",
    abstract: "Call the consumers again.",
    discussion: """
      A letter is handled again with all its attempts before it, in its place among the events of its key: before those \
      that wait behind it. Mend the cause first; a letter that fails again becomes a new letter.

      EXAMPLES
        moondance dead-letters retry 8123 8123.2
        moondance dead-letters retry --all --consumer loyalty
        moondance dead-letters retry --all --type OrderPaid --error 'no such customer'
      """)

  @OptionGroup var choice: LetterChoice<LetterFilter>
  @OptionGroup var server: ServerOptions

  func run() throws { try LetterRun(verb: .retry, choice: choice).run(server) }
}

/// `moondance dead-letters skip`
struct SkipDeadLetters: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "skip",
    abstract: "Let the events behind dead letters go on, and keep the letters in the list.",
    discussion: """
      The events of the key behind a letter are handled as if it had been; the letter can be retried later, out of its \
      order.

      EXAMPLES
        moondance dead-letters skip 8123
        moondance dead-letters skip --all --consumer loyalty --key order-1
      """)

  @OptionGroup var choice: LetterChoice<LetterFilter>
  @OptionGroup var server: ServerOptions

  func run() throws { try LetterRun(verb: .skip, choice: choice).run(server) }
}

/// `moondance dead-letters discard`
struct DiscardDeadLetters: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "discard",
    abstract: "Let the events behind dead letters go on, and take the letters off the list.",
    discussion: """
      The consumer never handles them. The events and the failures stay in the log, and "show" still finds them.

      EXAMPLES
        moondance dead-letters discard 8123
        moondance dead-letters discard --all --consumer loyalty --type OrderPaid
      """)

  @OptionGroup var choice: LetterChoice<LetterFilter>
  @OptionGroup var server: ServerOptions

  func run() throws { try LetterRun(verb: .discard, choice: choice).run(server) }
}
