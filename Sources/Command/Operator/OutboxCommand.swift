import ArgumentParser
import Client
import Wire

/// `moondance outbox`
struct OutboxCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "outbox",
    abstract: "Say what waits to leave and what was not taken, and decide what becomes of it.",
    discussion: """
      Without a subcommand it lists destinations and dead letters, with the options of "list". A dead letter is a message \
      that its destination did not take at any attempt. While it is blocking, the messages of its key wait behind it; the \
      three verbs let them go on: retry delivers it again first, with the same id, skip keeps it in the list, discard \
      takes it off. Doing the same again changes nothing. Your name is kept with it in the log.

      EXAMPLES
        moondance outbox
        moondance outbox show 8123
        moondance outbox retry 8123 8123.2
        moondance outbox retry --all --destination warehouse
        moondance outbox pause warehouse
      """,
    subcommands: [
      ListOutbox.self, ShowMessage.self, RetryMessages.self, SkipMessages.self, DiscardMessages.self,
      PauseDestination.self, ResumeDestination.self, ForgetDestination.self,
    ],
    defaultSubcommand: ListOutbox.self)
}

/// Which letters of destinations are meant, by what they are.
struct OutboxFilter: LetterFiltering {
  static let options = "--destination, --key or --error"

  @Option(help: ArgumentHelp("Only this destination.", valueName: "name"))
  var destination: String?

  @Option(help: ArgumentHelp("Only letters of this key.", valueName: "key"))
  var key: String?

  @Option(help: ArgumentHelp("Only letters in whose error this stands.", valueName: "text"))
  var error: String?

  var isEmpty: Bool { destination == nil && key == nil && error == nil }

  var selection: DeadLetterSelection {
    var selection = DeadLetterSelection(.messages)
    (selection.owner, selection.key, selection.error) = (destination, key, error)
    return selection
  }
}

/// `moondance outbox list`
struct ListOutbox: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "Say how every destination is, and list the messages that were not taken, the oldest first.",
    discussion: """
      PENDING are messages still to be delivered, without dead letters. BLOCKED are keys that wait for a retry or for you. \
      STATE of a destination is running, down (it does not answer: it is asked now and then whether it is back), behind \
      (it reads older parts of the log), full (too much waits for blocked keys), paused, or removed (no script declares \
      it). Below are the dead letters: TYPE is what the script was handling that published the message. --json prints the \
      pages as HTTP returns them, one a line.

      EXAMPLES
        moondance outbox
        moondance outbox --destination warehouse --key order-1
        moondance outbox list --error 'no such customer' --limit 1000
        moondance outbox --json | jq -r '.deadLetters[].id'
      """)

  @OptionGroup var listing: LetterListing<OutboxFilter>

  func run() throws { try listing.run() }
}

/// `moondance outbox show`
struct ShowMessage: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show",
    abstract: "Print one dead letter: its message, and every attempt with its error.",
    discussion: """
      Works for letters that are resolved, too.

      EXAMPLES
        moondance outbox show 8123
        moondance outbox show 8123.2 --json
      """)

  @OptionGroup var showing: LetterShowing

  func run() throws { try showing.run(.messages) }
}

/// `moondance outbox retry`
struct RetryMessages: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "retry",
    abstract: "Deliver messages again.",
    discussion: """
      A message goes out again with the same id and all its attempts before it, before those of its key that wait behind \
      it. See to it first that the destination takes it; one that fails again becomes a new letter.

      EXAMPLES
        moondance outbox retry 8123 8123.2
        moondance outbox retry --all --destination warehouse
        moondance outbox retry --all --destination warehouse --key order-1
      """)

  @OptionGroup var choice: LetterChoice<OutboxFilter>
  @OptionGroup var server: ServerOptions

  func run() throws { try LetterRun(verb: .retry, choice: choice).run(server) }
}

/// `moondance outbox skip`
struct SkipMessages: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "skip",
    abstract: "Let the messages behind dead letters go on, and keep the letters in the list.",
    discussion: """
      The messages of the key behind a letter are delivered as if it had been; it can be retried later, out of its order.

      EXAMPLES
        moondance outbox skip 8123
        moondance outbox skip --all --destination warehouse --key order-1
      """)

  @OptionGroup var choice: LetterChoice<OutboxFilter>
  @OptionGroup var server: ServerOptions

  func run() throws { try LetterRun(verb: .skip, choice: choice).run(server) }
}

/// `moondance outbox discard`
struct DiscardMessages: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "discard",
    abstract: "Let the messages behind dead letters go on, and take the letters off the list.",
    discussion: """
      They are never delivered. The messages and the failures stay in the log, and "show" still finds them.

      EXAMPLES
        moondance outbox discard 8123
        moondance outbox discard --all --destination warehouse
      """)

  @OptionGroup var choice: LetterChoice<OutboxFilter>
  @OptionGroup var server: ServerOptions

  func run() throws { try LetterRun(verb: .discard, choice: choice).run(server) }
}
