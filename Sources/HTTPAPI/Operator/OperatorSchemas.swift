/// The documents of the operators' part of the API.
extension APISchemas {
  static let consumer = Schema.object(
    [
      "name": .string(), "kind": .string(), "script": .string(),
      "state": .string("running, behind, full, stuck, paused or removed."),
      "cursor": .integer("Everything up to here is handled, blocked or dead."),
      "lag": .integer("Positions between the cursor and the head of the log."),
      "blocked": .integer("Keys that wait for a retry or an operator."),
      "queued": .integer("Events that wait for these keys."), "deadLetters": .integer("Dead letters that are open."),
      "note": .string("More about the state, for people."),
    ], required: ["name", "kind", "script", "state", "cursor", "lag", "blocked", "queued", "deadLetters"])

  static let destination = Schema.object(
    [
      "destination": .string(), "script": .string(),
      "state": .string("running, down (it does not answer), behind, full, paused or removed."),
      "pending": .integer("Messages that are still to be delivered; dead letters are not among them."),
      "failed": .integer("Dead letters that are open."),
      "blocked": .integer("Keys that wait for a retry or an operator."),
      "queued": .integer("Messages that wait for these keys."),
      "cursor": .integer("Everything up to here is delivered, waits for its key, or is dead."),
      "note": .string("More about the state, for people."),
    ], required: ["destination", "script", "state", "pending", "failed", "blocked", "queued", "cursor"])

  static let destinationReceipt = Schema.object(
    [
      "destination": .string(), "state": .string(), "cursor": .integer(),
      "changed": .boolean, "droppedMessages": .integer("Messages that waited and are given up."),
      "droppedDeadLetters": .integer(),
    ], required: ["destination", "state", "cursor", "changed", "droppedMessages", "droppedDeadLetters"])

  static let consumerReceipt = Schema.object(
    [
      "consumer": .string(), "state": .string(), "cursor": .integer(),
      "changed": .boolean, "droppedEvents": .integer("Events that waited and are given up."),
      "droppedDeadLetters": .integer(),
    ], required: ["consumer", "state", "cursor", "changed", "droppedEvents", "droppedDeadLetters"])

  static let rewindReport = Schema.object(
    [
      "consumer": .string(), "from": .integer("The first position that would be heard again."),
      "cursor": .integer("Where the consumer is now."), "events": .integer("Events that it would handle again."),
      "effects": .integer("Events that it made of them before."),
    ], required: ["consumer", "from", "cursor", "events", "effects"])

  static let rewindRequest = Schema.object(
    [
      "to": .either([
        .integer("The first position to hear again."),
        .string("An RFC 3339 time: what was committed after it is heard again."),
      ]), "dryRun": .boolean, "by": by,
    ], required: ["to"])

  static let targetRequest = Schema.object(
    [
      "to": .string(
        "Of a destination with a target for each document of a projection: the key of the one that is meant."),
      "by": by,
    ])

  static let by = Schema.string("Who acts, as the sender says; kept in the log behind the name of the token.")

  static let letters = Schema.object(
    [
      "deadLetters": .array(.reference("DeadLetter")),
      "next": .nullable(.string("What after must be to go on; null: this was the last page.")),
      "total": .integer("Open letters of the consumer that was asked for, else of all."),
    ], required: ["deadLetters", "next", "total"])

  private static let failure: [String: Schema] = [
    "error": .string(), "kind": .string("error, fail, time, memory, limit or host."), "traceback": .string(),
    "log": .array(.string("A line that the failed call wrote.")),
    "scriptHash": .nullable(.string("Hexadecimal SHA-256 of the script that ran.")), "generation": .integer(),
  ]

  private static let aboutLetter: [String: Schema] = [
    "id": .string(), "key": .string("#12 when the entry at position 12 has no key of its own."),
    "position": .integer(), "failedAt": .string("RFC 3339."), "waiting": .integer("How many wait behind it."),
  ]

  private static let event: [String: Schema] = ["event": .nullable(.reference("CloudEvent"))]

  private static let undelivered: [String: Schema] = [
    "message": .nullable(
      .object(
        [
          "id": .string("The same at every attempt."), "destination": .string(), "key": .string(),
          "type": .string("Of what the script was handling that published it."),
          "headers": .object([:], others: true), "body": .anything, "causationid": .string(), "position": .integer(),
          "time": .string("When it was committed, RFC 3339."),
        ], required: ["id", "destination", "key", "position", "time"]))
  ]

  private static func letter(of owner: String, _ about: [String: Schema]) -> Schema {
    let members: [String: Schema] = [
      owner: .string(), "attempts": .integer("Attempts that failed."), "state": .string("blocking or skipped."),
    ]
    return .object(
      [aboutLetter, about, failure].reduce(members) { $0.merging($1) { first, _ in first } },
      required: ["id", owner, "key", "position", "error", "attempts", "state", "waiting"])
  }

  private static func history(of owner: String, _ about: [String: Schema]) -> Schema {
    let attempt = failure.merging(["attempt": .integer("From 1."), "time": .string("RFC 3339.")]) { first, _ in first }
    let members: [String: Schema] = [
      owner: .nullable(.string("Null when it was forgotten.")), "state": .string("blocking, skipped or resolved."),
      "attempts": .array(.object(attempt)), "omitted": .boolean,
    ]
    return .object(
      [aboutLetter, about].reduce(members) { $0.merging($1) { first, _ in first } },
      required: ["id", owner, "key", "position", "attempts", "state", "waiting", "omitted"])
  }

  static let letter = letter(of: "consumer", event)
  static let letterHistory = history(of: "consumer", event)
  static let message = letter(of: "destination", undelivered)
  static let messageHistory = history(of: "destination", undelivered)

  static let outbox = Schema.object(
    [
      "outbox": .array(.reference("Destination")), "deadLetters": .array(.reference("DeadMessage")),
      "next": .nullable(.string("What after must be to go on; null: this was the last page.")),
      "total": .integer("Open letters of the destination that was asked for, else of all."),
    ], required: ["outbox", "deadLetters", "next", "total"])

  private static func resolveRequest(_ owner: String) -> Schema {
    .object([
      "ids": .array(.string()), owner: .string("All letters of this \(owner)."),
      "key": .string("Of these, the letters of this key."), "all": .boolean, "by": by,
    ])
  }

  static let resolveRequest = resolveRequest("consumer")
  static let resolveMessagesRequest = resolveRequest("destination")

  static let resolveReceipt = Schema.object(
    [
      "resolved": .integer(), "unchanged": .integer("Letters that skip found skipped already."),
      "left": .integer("Letters left as they are since so much waits for their consumer or destination already."),
      "notOpen": .array(.string("An id of no open letter.")),
    ], required: ["resolved", "unchanged", "left", "notOpen"])
}
