extension APISchemas {
  static let timers = Schema.object(
    [
      "timers": .array(.reference("Timer")),
      "next": .nullable(.string("What after must be to go on; null: this was the last page.")),
      "total": .integer("How many are pending, on all pages."),
    ], required: ["timers", "next", "total"])

  static let timer = Schema.object(
    [
      "position": .integer("Of the timer in the log; the cause of its event."), "due": .string("RFC 3339."),
      "type": .string("Of the event that it will be."), "subject": .string("Of that event."),
      "reader": .string("Who has set it."), "key": .string("For which of its keys."),
      "id": .nullable(.string("Under which name; null: under none.")),
    ], required: ["position", "due", "type", "subject", "reader", "key", "id"])
}

extension Operation {
  static func timerParameters(_ limits: DoorLimits) -> [APIDescription.Parameter] {
    [
      .init(
        "limit", in: "query", .integer(),
        "At most so many timers, up to \(limits.pageTimersMaximum); \(limits.pageTimers) when it is not given."),
      .init("after", in: "query", .string(), "Timers behind the page that gave this as its next."),
    ]
  }
}
