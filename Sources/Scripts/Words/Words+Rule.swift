extension Words {
  static let rules: [Word] = [
    Word(
      "rule", .declaring,
      "Declares what follows from events: what must come together, in which time, and what is done then.",
      parameters: [
        .init("name", "string", "Its name for good: what it has heard and what waits is kept under it.")
      ],
      body: rule),
    Word(
      "any", .anywhere, "Several event types, any of which counts, for `when` and `unless` of a rule.",
      parameters: [.init("types", "string[]", "")], result: "RuleTypes"),
    Word(
      "all", .anywhere, "Several event types, all of which must come, for `when` of a rule.",
      parameters: [.init("types", "string[]", "")], result: "RuleTypes"),
  ]

  static let rule = Shape(
    name: "RuleBody",
    keys: [
      .init(
        "when", "string|RuleTypes",
        "The event that it is about: a type, `any { … }` or `all { … }`. Beginnings like `\"Payment*\"` too, but not in `all`.",
        isRequired: true),
      .init("where", "fun(event: Event): boolean?", "Which of the `when` events count."),
      .init(
        "unless", "string|RuleTypes",
        "The event that must not follow within `within`: a type or `any { … }`. One that is in `when` too begins anew."),
      .init("within", "Span", "How long the events may take, counted from the commit of the first one."),
      .init("count", "integer", "So many `when` events make it fire, within any span of `within` if there is one."),
      .init("of", "integer", "…among so many of the last `when` events, whether `where` holds for them or not."),
      .init(
        "again", "boolean|\"cleared\"",
        "`true`: it may fire for a key again; `\"cleared\"`: once the count has fallen below `count`. Default: once for each key."
      ),
      .init("emit", "string", "The event that it emits, on its key."),
      .init("after", "Span", "The event of `emit` comes so much later."),
      .init("otherwise", "string", "The event that it emits when the time is over."),
      .init("cleared", "string", "The event that it emits when the count has fallen."),
      .init("send", "string", "The command that it sends, to its key or to `to`."),
      .init(
        "publish", "string",
        "The destination that it publishes to: the event's data, what was heard by type, or `data`."),
      .init(
        "to", "string|fun(heard: table): string",
        "The subject of the command, or the target of a destination that has one for each document."),
      .init(
        "data", "fun(heard: table<string, Event>): table",
        "The data of what it makes, given what was heard: an event for each type, with `count` a list of them. Default: the data of what was heard, by type."
      ),
      .init(
        "key", "Key|table<string, Key>",
        "What goes together: `\"subject\"` (default), a path like `\"data.order\"`, a function, or a table with one of these per type."
      ),
      from, retried("call"), exhausted("events"),
    ])
}
