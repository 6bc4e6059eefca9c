/// The words of processes.
extension Words {
  static let processes: [Word] = [
    Word(
      "process", .declaring,
      "Declares what is done step by step, with waits in between, for each event that starts it.",
      parameters: [
        .init("name", "string", "Its name for good: its instances and what waits for them are kept under it.")
      ],
      body: process)
  ]

  static let steps: [Word] = [
    Word(
      "ask", .running,
      "Sends a command to its owner and waits for what it decides: the list of events that came of it, perhaps an empty "
        + "one, or `nil, reason`. It waits for as long as it takes; a command that an operator discards is "
        + "`nil, \"discarded\"`.",
      parameters: [
        .init("command", "string", "As the aggregate's `commands` name it."),
        .init("data", "any", "A JSON value.", isOptional: true),
        .init("options", "SendOptions", "", isOptional: true),
      ], result: "Event[]?, string?"),
    Word(
      "await", .running,
      "Waits for an event of one of these types, which `hears` names, and gives it; also one that came before it was "
        + "awaited. With `all` for one of each, and gives a table of them by type. When the time is over: "
        + "`nil, \"timeout\"`.",
      parameters: [.init("types", "string|Await", "")], result: "Event?, string?"),
    Word(
      "sleep", .running, "Waits for a span of time.", parameters: [.init("span", "Span", "")], result: "boolean"),
    Word(
      "compensate", .running,
      "Says how what was done is taken back: a rollback calls it, the last first. It may ask, request and await.",
      parameters: [.init("take_back", "fun()", "")]),
    Word(
      "rollback", .running,
      "Takes back what was done, emits an event about it and ends the instance. It never returns.",
      parameters: [
        .init("reason", "string", ""),
        .init("type", "string", "Of the event; default: none is emitted.", isOptional: true),
        .init("data", "any", "Of the event; default `{ reason = reason }`.", isOptional: true),
      ], result: "never"),
    Word(
      "restart", .running,
      "Ends the history of the instance and begins a new one, with these data in place of those of the event that started "
        + "it: for instances that go on for ever. It never returns.",
      parameters: [.init("data", "any", "A JSON value; default `{}`.", isOptional: true)], result: "never"),
  ]

  static let process = Shape(
    name: "ProcessBody",
    keys: [
      .init(
        "starts", "string|string[]", "The events that begin an instance, for a key that has none.", isRequired: true),
      .init(
        "run", "fun(event: Event)",
        "What an instance does, from its beginning to its end. It is given the event that started it.", isRequired: true
      ),
      .init(
        "hears", "string|table<integer|string, string>",
        "The events that it may `await`. An entry with a name, `CardUpdated = \"data.customer\"`, is heard when it is about "
          + "the subject that the event which started the instance has there."),
      .init("aborts", "string|string[]", "Events at which an instance rolls back where it waits next."),
      .init(
        "key", "Key|table<string, Key>",
        "Which instance an event is for: `\"subject\"` (default), a path, a function, or a table with one of these per type."
      ),
      .init("reads", "string[]", "The projections and aggregates that `run` may `read`."),
      .init("from", "\"now\"|\"start\"|integer|string", "Where it begins when the log does not know it yet."),
      retried("step"), exhausted("events"),
    ])

  static let awaitOptions = Shape(
    name: "Await",
    keys: [
      .init("all", "string[]", "In place of the list: one of each of these."),
      .init("within", "Span", "How long; default: for as long as it takes. `\"0s\"`: only what is there already."),
    ])
}
