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
    "id": .string(), "key": .string("#12 when the event at position 12 has no key of its own."),
    "position": .integer(), "event": .nullable(.reference("CloudEvent")), "failedAt": .string("RFC 3339."),
    "waiting": .integer("Events that wait behind it."),
  ]

  static let letter = Schema.object(
    aboutLetter.merging(failure) { first, _ in first }.merging([
      "consumer": .string(), "attempts": .integer("Calls that failed."), "state": .string("blocking or skipped."),
    ]) { first, _ in first }, required: ["id", "consumer", "key", "position", "error", "attempts", "state", "waiting"])

  static let letterHistory = Schema.object(
    aboutLetter.merging([
      "consumer": .nullable(.string("Null when it was forgotten.")),
      "state": .string("blocking, skipped or resolved."),
      "attempts": .array(
        .object(failure.merging(["attempt": .integer("From 1."), "time": .string("RFC 3339.")]) { first, _ in first })),
      "omitted": .boolean,
    ]) { first, _ in first }, required: ["id", "consumer", "key", "position", "attempts", "state", "waiting", "omitted"])

  static let resolveRequest = Schema.object([
    "ids": .array(.string()), "consumer": .string("All letters of this consumer."),
    "key": .string("Of these, the letters of this key."), "all": .boolean, "by": by,
  ])

  static let resolveReceipt = Schema.object(
    [
      "resolved": .integer(), "unchanged": .integer("Letters that skip found skipped already."),
      "left": .integer("Letters left as they are since their consumer's queues are full."),
      "notOpen": .array(.string("An id of no open letter.")),
    ], required: ["resolved", "unchanged", "left", "notOpen"])
}
