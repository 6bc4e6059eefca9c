extension Words {
  static let timers: [Word] = [
    Word(
      "after", .handling,
      "Appends an event later: when the span has passed since the time of this call. It is pending from the commit on and "
        + "outlives restarts; what falls due while the host is down comes at the next start, once, in order.",
      parameters: [
        .init("span", "Span", ""), .init("type", "string", "As in `emit`."),
        .init("data", "any", "A JSON value.", isOptional: true),
        .init("options", "TimerOptions", "", isOptional: true),
      ]),
    Word(
      "at", .handling, "As `after`, at a moment; one that has passed is due at once.",
      parameters: [
        .init("time", "integer|string", "Milliseconds since 1970 UTC, or text: `\"2026-03-01T09:00:00+01:00\"`."),
        .init("type", "string", "As in `emit`."), .init("data", "any", "A JSON value.", isOptional: true),
        .init("options", "TimerOptions", "", isOptional: true),
      ]),
    Word(
      "cancel", .handling,
      "Takes back what `after` or `at` have set under this id, for the same key. Nothing happens when it is not pending: it "
        + "has come, or never was.",
      parameters: [.init("id", "string|integer", "")]),
  ]

  static let timerOptions = Shape(
    name: "TimerOptions",
    keys: [
      .init(
        "id", "string|integer",
        "Its name, for this consumer and key: a pending one of the same name is replaced, and `cancel` finds it."),
      .init("subject", "string", "Of the event; default: the subject of the event that is handled."),
    ])
}
