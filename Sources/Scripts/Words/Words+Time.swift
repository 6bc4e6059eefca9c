/// The words of calendars and clocks.
extension Words {
  static let times: [Word] = [
    Word(
      "time.parse", .anywhere, "The time that a text says: RFC 3339, or a date; an error if it is none.",
      parameters: [
        .init("text", "string", "`\"2026-01-31T12:00:00Z\"`, `\"2026-01-31\"`."),
        .init("zone", "Zone", "Where clocks show it, when the text says no offset.", isOptional: true),
      ], result: "integer"),
    Word(
      "time.text", .anywhere, "The RFC 3339 text of a time.",
      parameters: [time, .init("zone", "Zone", "Default: UTC.", isOptional: true)], result: "string"),
    Word(
      "time.parts", .anywhere, "What calendar and clock show at a time.",
      parameters: [time, .init("zone", "Zone", "Default: UTC.", isOptional: true)], result: "TimeParts"),
    Word(
      "time.add", .anywhere,
      "A time so much later, or earlier. Hours and less are what passes; days, weeks, months and years go by the calendar "
        + "of the zone and keep the time of day.",
      parameters: [
        time, .init("span", "string", "`\"90m\"`, `\"-2d\"`, `\"1mo\"`: digits and a unit (ms s m h d w mo y)."),
        .init("options", "TimeAddOptions", "", isOptional: true),
      ], result: "integer"),
    Word(
      "time.days", .anywhere, "How many days the date of `b` is after that of `a`.",
      parameters: [
        .init("a", "integer", ""), .init("b", "integer", ""),
        .init("zone", "Zone", "Where the dates are those of the calendar; default: UTC.", isOptional: true),
      ], result: "integer"),
    Word(
      "time.next", .anywhere, "The first time after `t` at which clocks show a time of day.",
      parameters: [
        .init("when", "string", "`\"08:00\"`, or a cron expression: `\"0 8 * * mon-fri\"`."),
        .init("zone", "Zone", "Default: UTC.", isOptional: true),
        .init("t", "integer", "Default: `now()`, where there is one.", isOptional: true),
      ], result: "integer"),
  ]

  private static let time = Word.Parameter("t", "integer", "Milliseconds since 1970 UTC.")

  static let timeParts = Shape(
    name: "TimeParts",
    keys: [
      .init("year", "integer", ""), .init("month", "integer", "1 to 12."), .init("day", "integer", "1 to 31."),
      .init("hour", "integer", ""), .init("minute", "integer", ""), .init("second", "integer", ""),
      .init("millisecond", "integer", ""), .init("weekday", "integer", "1 for Monday to 7 for Sunday."),
      .init("yearday", "integer", "1 to 366."),
      .init("offset", "integer", "How far the clocks are ahead of UTC, in milliseconds."),
    ])

  static let timeAddOptions = Shape(
    name: "TimeAddOptions",
    keys: [
      .init("zone", "Zone", "Whose calendar days, months and years go by; default: UTC."),
      .init(
        "day", "integer",
        "With months and years: the day of the month that is meant, 1 to 31; the last one of a shorter month. Default: "
          + "the day of `t`."),
    ])
}
