extension APISchemas {
  static let view = Schema.object(
    [
      "name": .string(), "script": .string("The file that declares it."),
      "state": .string("live, building (folded for the first time), full (too much waits for frozen keys) or waiting."),
      "note": .string("More about the state."),
      "position": .integer("Up to where it has read the log."), "lag": .integer("Durable positions after that."),
      "rate": .integer("Positions a second, lately."), "secondsLeft": .integer("Until it has caught up."),
      "rebuilding": .boolean,
      "rebuild": .object([
        "position": .integer(), "lag": .integer(), "rate": .integer(), "secondsLeft": .integer(),
        "error": .string("Why it was given up; the view goes on by its old code."), "failedAt": .integer(),
        "failedKey": .string(), "failedSince": .integer("Microseconds since 1970."),
      ]),
      "frozen": .integer("Keys whose documents stay as they are since folding failed."),
      "waiting": .integer("Events of those keys."),
    ], required: ["name", "script", "state", "position", "lag", "rebuilding", "frozen", "waiting"])

  private static let place = Schema.object(
    ["name": .string(), "position": .integer("Up to where the view had read the log.")], required: ["name", "position"])

  private static let document: [String: Schema] = [
    "key": .string(),
    "position": .integer("The last event that was folded into it; of an aggregate's state, up to where it was made."),
    "document": .anything,
    "frozen": .object([
      "position": .integer("The event that could not be folded."), "error": .string(), "traceback": .string(),
      "since": .string(), "waiting": .integer("Events that wait, this one included."),
    ]),
  ]

  static let viewPage = Schema.object(
    [
      "view": place, "documents": .array(.object(document, required: ["key", "position", "document"])),
      "next": .string("For after; missing when there is no more."), "found": .string("How a past moment was found."),
    ], required: ["view", "documents"])

  static let viewDocument = Schema.object(
    document.merging(["view": place, "found": .string("How a past moment was found.")]) { $1 },
    required: ["key", "position", "document", "view"])
}
