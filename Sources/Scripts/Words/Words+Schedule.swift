extension Words {
  static let schedules: [Word] = [
    Word(
      "schedule", .declaring,
      "Declares an event or a command that the host makes when a time has come, again and again.",
      parameters: [.init("name", "string", "Its name for good: when it was made last is kept under it.")],
      body: schedule)
  ]

  static let schedule = Shape(
    name: "ScheduleBody",
    keys: [
      .init(
        "cron", "string",
        "When: minute, hour, day, month, weekday, `\"30 2 * * mon-fri\"`; or `\"@daily\"` and the like."),
      .init("zone", "Zone", "Of `cron`: where clocks show that time; default: UTC."),
      .init("every", "Span", "In place of `cron`: at each whole multiple of a span since 1970, `\"15m\"`."),
      .init("emit", "string", "The type of the event that is made."),
      .init("send", "string", "In place of `emit`: the command that is sent."),
      .init("to", "string", "Of `send`: the subject."),
      .init("subject", "string", "Of `emit`: the subject; default: the schedule's name."),
      .init("data", "any", "A JSON value; default `{}`."),
      .init(
        "missed", "\"once\"|\"skip\"|\"all\"",
        "What becomes of times that have passed while the host was away: the last one is made up for (`\"once\"`, default), "
          + "none, or all."),
    ])
}
