extension Words {
  static let aggregates: [Word] = [
    Word(
      "aggregate", .declaring, "Declares who decides commands, on a state made of the events of their subject.",
      parameters: [
        .init("name", "string", "Its name for good: what it has decided and what waits is kept under it.")
      ],
      body: aggregate)
  ]

  static let commands: [Word] = [
    Word(
      "send", .handling, "Sends a command to the one aggregate that owns it. It counts when the handler returns.",
      parameters: [
        .init("command", "string", "As the aggregate's `commands` name it."),
        .init("data", "any", "A JSON value.", isOptional: true),
        .init("options", "SendOptions", "", isOptional: true),
      ]),
    Word(
      "reject", .handling, "Refuses the command: nothing happens, and the sender is told why. Only in a command.",
      parameters: [.init("reason", "string", "What the sender will read.")], result: "never"),
  ]

  static let aggregate = Shape(
    name: "AggregateBody",
    keys: [
      .init("initial", "table", "What the state of every subject begins with; default `{}`."),
      .init(
        "events", "table<string, fun(state: table, event: Event): table?>",
        "How each event of the subject changes the state, whoever emitted it. Patterns as in `on`."),
      .init(
        "commands", "table<string, fun(state: table, command: Event)>",
        "How each command is decided: it emits, or it rejects. The state is read-only here.", isRequired: true),
      retried("call"), exhausted("commands"),
    ])

  static let sendOptions = Shape(
    name: "SendOptions",
    keys: [.init("to", "string", "The subject; default: that of the event that is handled.")])
}
