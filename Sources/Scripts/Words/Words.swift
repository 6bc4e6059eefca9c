/// The words of this version. Instances that wait repeat what they have done with them: whoever changes what one does, or
/// takes one away, reads `Generation.preludeLevel` first.
package enum Words {
  package static let all: [Word] =
    declarations + rules + aggregates + contracts + destinations + sources + schedules + effects + commands + messages
    + timers + processes + steps + documents + values + times

  static let declarations: [Word] = [
    Word(
      "consumer", .declaring, "Declares who hears which events and what is done then.",
      parameters: [
        .init("name", "string", "Its name for good: what it has heard and what waits is kept under it.")
      ],
      body: consumer),
    Word(
      "projection", .declaring, "Declares documents that are folded from events, one for each key.",
      parameters: [.init("name", "string", "Its name for good: its documents are found under it.")],
      body: projection),
    Word(
      "require", .declaring, "Gives what the module `lib/….lua` returns; it runs once and is read-only afterwards.",
      parameters: [.init("module", "string", "`\"lib.money\"` for `lib/money.lua`.")], result: "any"),
  ]

  static let effects: [Word] = [
    Word(
      "emit", .handling, "Appends an event: a fact. It counts when the handler returns, and not when it fails.",
      parameters: [
        .init("type", "string", "ASCII letters, digits, `.`, `_` and `-`."),
        .init("data", "any", "A JSON value.", isOptional: true),
        .init("options", "EmitOptions", "", isOptional: true),
      ]),
    Word(
      "fail", .handling, "Gives up without another try: the event becomes a dead letter.",
      parameters: [.init("message", "string", "What an operator will read.")], result: "never"),
    Word(
      "read", .handling,
      "The document of a key in a projection, or the state of a subject in an aggregate, that `reads` names, folded from "
        + "every event up to the one that is handled and no later one; nil when there is no document. The same whenever "
        + "it is asked.",
      parameters: [
        .init("name", "string", "One of `reads`."), .init("key", "string|integer", "Whose document or state."),
      ], result: "table?"),
    Word("log.debug", .handling, "Writes a line for developers.", parameters: [.init("...", "any", "")]),
    Word("log.info", .handling, "Writes a line.", parameters: [.init("...", "any", "")]),
    Word("log.warn", .handling, "Writes a line about something odd.", parameters: [.init("...", "any", "")]),
    Word("log.error", .handling, "Writes a line about something wrong.", parameters: [.init("...", "any", "")]),
    Word("print", .handling, "The same as `log.info`.", parameters: [.init("...", "any", "")]),
    Word(
      "now", .handling, "The time of this call: whole milliseconds since 1970 UTC, the same in the whole call.",
      result: "integer"),
    Word(
      "random", .handling,
      "As Lua's `math.random`, but the same numbers when the same event is handled again.",
      parameters: [
        .init("low", "integer", "", isOptional: true), .init("high", "integer", "", isOptional: true),
      ], result: "number"),
    Word("uuid", .handling, "A random UUID, the same when the same event is handled again.", result: "string"),
  ]

  static let values: [Word] = [
    Word(
      "json.encode", .anywhere, "The JSON text of a value.", parameters: [.init("value", "any", "")], result: "string"),
    Word(
      "json.decode", .anywhere, "The value of a JSON text; an error if it is none.",
      parameters: [.init("text", "string", "")], result: "any"),
    Word("null", .anywhere, "JSON's null, for writing and inside arrays.", isValue: true),
    Word(
      "array", .anywhere, "Marks a table as a list, so that it is one in JSON even when it is empty.",
      parameters: [.init("list", "table", "", isOptional: true)], result: "table"),
    Word(
      "next", .anywhere, "The first key and value of a table in the fixed order; nil when it is empty.",
      parameters: [.init("table", "table", "")], result: "any"),
  ]

  static let consumer = Shape(
    name: "ConsumerBody",
    keys: [
      .init(
        "on", "table<string, fun(event: Event, state: table)>",
        "A function for each event type, or for all that begin with a text: `[\"Payment*\"]`. The exact type goes first, "
          + "then the longest beginning; exactly one function runs.", isRequired: true),
      .init(
        "state", "table",
        "What it remembers of each key: the handlers get a copy as their second argument, and what they change is saved "
          + "with what else they do."),
      .init("version", "integer", "Of the state's shape; default 1. Raise it with an `upgrade`."),
      .init(
        "upgrade", "table<integer, fun(state: table): table>",
        "For each older version a function that makes its state one of the next version."),
      .init("reads", "string[]", "The projections and aggregates that its handlers `read`."),
      .init(
        "key", "Key|table<string, Key>",
        "What is kept in order, and waits together when a call fails: `\"subject\"` (default), a path like "
          + "`\"data.order\"`, a function, or a table with one of these per type."),
      from, retried("call"), exhausted("events"),
    ])

  static let from = Shape.Key(
    "from", "\"now\"|\"start\"|integer|string",
    "Where it begins when the log does not know it yet: `\"now\"` (default), `\"start\"`, a position, or a time.")

  /// - call: what is made again.
  static func retried(_ call: String) -> Shape.Key {
    Shape.Key(
      "retry", "Retry|false", "How often and when a failed \(call) is made again; `false`: never.", shape: retry)
  }

  /// - followers: what stands behind one that is given up.
  static func exhausted(_ followers: String) -> Shape.Key {
    Shape.Key(
      "exhausted", "\"block\"|\"skip\"",
      "After the last attempt the \(followers) behind it wait for an operator (`\"block\"`, default) or go on (`\"skip\"`)."
    )
  }

  static let retry = Shape(
    name: "Retry",
    keys: [
      .init("attempts", "integer", "Calls in all; default 8."),
      .init("first", "Span", "The first wait; default `\"200ms\"`."),
      .init("factor", "number", "What each wait is multiplied with to give the next; default 2."),
      .init("cap", "Span", "The longest wait; default `\"5m\"`."),
      .init("jitter", "number", "The share of a wait that is left to chance, 0 to 1; default 0.2."),
    ])

  static let emitOptions = Shape(
    name: "EmitOptions",
    keys: [.init("subject", "string", "Default: the subject of the event that is handled.")])

  /// The fields of `event`, in the order of the record's shape.
  static let event = Shape(
    name: "Event",
    keys: [
      .init("id", "string", "As its producer gave it; an event made here has its position as text."),
      .init("type", "string", ""),
      .init("subject", "string?", "What it is about."),
      .init("source", "string", "Who produced it; the log's own name for an event made here."),
      .init("time", "integer", "When it happened as its producer says: milliseconds since 1970 UTC."),
      .init("recorded", "integer", "When it was committed: milliseconds since 1970 UTC."),
      .init("position", "integer", "Its place in the log: 1, 2, 3 …"),
      .init("data", "any", "The decoded JSON; the bytes as a string when they are of another content type."),
      .init("ext", "table<string, string|integer|boolean>", "Its other attributes by name."),
      .init("cause", "integer?", "The position of the event that caused it."),
      .init("correlation", "string", "The same for all events of one story."),
      .init("key", "string", "The key for which this call is made; the subject unless `key` says otherwise."),
    ])
}
