/// A JSON schema, as much of it as the API's description needs.
indirect enum Schema: Encodable, Sendable {
  case string(String? = nil)
  case integer(String? = nil)
  case boolean
  case nullable(Schema)
  case either([Schema])
  case array(Schema)
  case object([String: Schema], required: [String] = [], others: Bool = false)
  case reference(String)
  case anything

  private enum Key: String, CodingKey {
    case type, description, items, properties, required, additionalProperties, oneOf
    case reference = "$ref"
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    switch self {
    case .string(let description):
      try container.encode("string", forKey: .type)
      try container.encodeIfPresent(description, forKey: .description)
    case .integer(let description):
      try container.encode("integer", forKey: .type)
      try container.encodeIfPresent(description, forKey: .description)
    case .boolean: try container.encode("boolean", forKey: .type)
    case .nullable(let schema): try container.encode([schema, .null], forKey: .oneOf)
    case .either(let schemas): try container.encode(schemas, forKey: .oneOf)
    case .array(let items):
      try container.encode("array", forKey: .type)
      try container.encode(items, forKey: .items)
    case .object(let properties, let required, let others):
      try container.encode("object", forKey: .type)
      try container.encode(properties, forKey: .properties)
      if !required.isEmpty { try container.encode(required, forKey: .required) }
      if others { try container.encode(true, forKey: .additionalProperties) }
    case .reference(let name): try container.encode("#/components/schemas/\(name)", forKey: .reference)
    case .anything: break
    case .null: try container.encode("null", forKey: .type)
    }
  }

  case null
}

/// The documents of the API.
enum APISchemas {
  static var all: [String: Schema] {
    [
      "CloudEvent": event, "Events": events, "AppendReceipt": receipt, "Problem": problem, "Status": status,
      "Views": .object(["views": .array(.reference("View"))], required: ["views"]), "View": view, "ViewPage": viewPage,
      "ViewDocument": viewDocument, "ReloadReceipt": reload,
      "Health": .object(["status": .string()], required: ["status"]), "Consumer": consumer,
      "Consumers": .object(["consumers": .array(.reference("Consumer"))], required: ["consumers"]),
      "Processes": processes, "Process": process, "ProcessInstance": instance, "ProcessWait": instanceWait,
      "ProcessTimeline": timeline, "ProcessEntry": instanceEntry, "ProcessReceipt": processReceipt,
      "CancelRequest": cancelRequest, "MoveRequest": .object(["process": .string(), "by": by]),
      "ConsumerReceipt": consumerReceipt, "RewindReport": rewindReport, "RewindRequest": rewindRequest,
      "ActRequest": .object(["by": by]), "TargetRequest": targetRequest, "DeadLetters": letters, "DeadLetter": letter,
      "DeadLetterHistory": letterHistory, "ResolveRequest": resolveRequest, "ResolveReceipt": resolveReceipt,
      "Destination": destination,
      "Destinations": .object(["destinations": .array(.reference("Destination"))], required: ["destinations"]),
      "DestinationReceipt": destinationReceipt, "Outbox": outbox, "DeadMessage": message,
      "MessageHistory": messageHistory, "ResolveMessagesRequest": resolveMessagesRequest,
      "Command": command, "CommandEvents": commandEvents, "CommandReceipt": commandReceipt,
      "SubjectState": subjectState, "Source": source,
      "Sources": .object(["sources": .array(.reference("Source"))], required: ["sources"]), "Schedule": schedule,
      "Schedules": .object(["schedules": .array(.reference("Schedule"))], required: ["schedules"]),
      "Timers": timers, "Timer": timer,
    ]
  }

  private static let event = Schema.object(
    [
      "specversion": .string("Always 1.0."), "type": .string("What happened."),
      "subject": .string("Whom it happened to."),
      "id": .string("Unique within its source. Filled with the position when it is not given."),
      "source": .string("Where it comes from. Filled with the name of the log when it is not given."),
      "time": .string("RFC 3339, as given. Filled with the commit time when it is not given."),
      "datacontenttype": .string("The media type of the data; JSON when it is not given."), "dataschema": .string(),
      "data": .anything, "data_base64": .string("Data that are neither JSON nor text."), "traceparent": .string(),
      "tracestate": .string(), "position": .integer("The place in the log; given by the log."),
      "causationid": .string("The position of the event that caused this one."),
      "correlationid": .string("As given, else the position of the first event in the chain of causes."),
    ], required: ["specversion", "type"], others: true)

  private static let events = Schema.object(
    ["events": .array(.reference("CloudEvent")), "next": .integer("Where the next page begins.")],
    required: ["events", "next"])

  private static let receipt = Schema.object(
    [
      "first": .nullable(.integer()), "last": .nullable(.integer()), "count": .integer("Events sent."),
      "duplicates": .integer("Of these, events that were in the log before."),
    ], required: ["first", "last", "count", "duplicates"])

  private static let problem = Schema.object(
    [
      "type": .string("urn:moondance:problem: and a name."), "title": .string(), "status": .integer(),
      "detail": .string("What is wrong, and what to do."), "path": .string("Where data break their contract."),
      "line": .integer("The line of a stream, from 1."),
      "index": .integer("The event of a batch, from 0."), "offset": .integer("The byte of the document, from 0."),
      "last": .integer("The last position of a stream that is in; 0: nothing is."), "count": .integer(),
      "duplicates": .integer(), "position": .integer("Of the event that is in the way."), "errors": .array(.string()),
    ], required: ["type", "title", "status", "detail"])

  private static let reload = Schema.object(
    ["generation": .integer(), "changed": .boolean, "warnings": .array(.string())],
    required: ["generation", "changed", "warnings"])

  private static let status = Schema.object(
    [
      "version": .string(),
      "generation": .object([
        "number": .integer(), "error": .nullable(.string()),
        "scripts": .array(.object(["path": .string(), "hash": .string()])),
      ]),
      "log": .object([
        "head": .integer(), "durable": .integer(), "bytes": .integer(), "id": .string(), "name": .string(),
      ]),
      "warnings": .array(.string("What keeps the whole daemon from its work.")),
      "consumers": .array(.reference("Consumer")),
      "outbox": .array(.reference("Destination")),
      "views": .array(.reference("View")),
      "timers": .object(
        [
          "pending": .integer("Events that are to come."),
          "next": .nullable(.string("When the next one is due, RFC 3339.")),
        ], required: ["pending", "next"]),
      "processes": .array(.reference("Process")),
    ], required: ["version", "generation", "log", "warnings", "consumers", "outbox", "views", "timers", "processes"])
}
