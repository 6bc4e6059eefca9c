/// The documents of the commands' part of the API.
extension APISchemas {
  static let command = Schema.object(
    [
      "to": .string("The subject."), "data": .anything,
      "id": .string("Unique within its source: the same again is the same command."),
      "source": .string("Who sends it; wanted with an id."),
    ], required: ["to"])

  static let commandEvents = Schema.object(
    ["position": .integer("Of the command."), "events": .array(.reference("CloudEvent"))],
    required: ["position", "events"])

  static let commandReceipt = Schema.object(
    [
      "position": .integer("Of the command."), "state": .string("pending or dead-letter."),
      "deadLetter": .string("The id of the dead letter that it is."),
    ], required: ["position", "state"])

  static let subjectState = Schema.object(
    [
      "aggregate": .string(), "subject": .string(), "state": .anything,
      "position": .integer("Every event up to here was looked at."),
      "keptAt": .nullable(.integer("Up to where a file had kept it.")), "folded": .integer("Events folded after that."),
    ], required: ["aggregate", "subject", "state", "position", "keptAt", "folded"])
}
