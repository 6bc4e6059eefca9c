internal import Metering
internal import Wire

/// What each operation says about itself in the API's description.
extension Operation {
  var summary: String {
    switch self {
    case .append: "Append events"
    case .listEvents: "Read events in the order of the log, or follow them"
    case .getEvent: "Read one event"
    case .listSubject: "Read the events of a subject"
    case .sendCommand: "Send a command to its owner"
    case .getState: "The state that an aggregate has made of a subject"
    case .status: "What runs, how far it is, and what waits"
    case .listConsumers: "Every consumer, how far it is, and what waits"
    case .getConsumer: "One consumer"
    case .pauseConsumer: "Call a consumer for nothing more"
    case .resumeConsumer: "Let a paused consumer go on"
    case .forgetConsumer: "Drop what waits for a consumer"
    case .rewindConsumer: "Set a consumer back"
    case .listDeadLetters: "Events that consumers were given up to handle"
    case .getDeadLetter: "One dead letter with every attempt"
    case .retryDeadLetters, .retryDeadLetter: "Call the consumer again"
    case .skipDeadLetters, .skipDeadLetter: "Let those behind a dead letter go on, and keep it"
    case .discardDeadLetters, .discardDeadLetter: "Let those behind a dead letter go on, and take it off the list"
    case .listProcesses: "Running instances of processes, by how long they have not moved"
    case .moveProcesses: "Try every instance that runs on older scripts on the newest"
    case .getProcess: "One instance: what it heard, did and waits for"
    case .cancelProcess: "End an instance"
    case .moveProcess: "Try an instance on the newest scripts"
    case .retryProcess: "Call a stuck instance again"
    case .listDestinations: "Every destination, what waits to leave for it, and why"
    case .getDestination: "One destination"
    case .pauseDestination: "Send a destination nothing more"
    case .resumeDestination: "Let a paused destination go on"
    case .forgetDestination: "Drop what waits for a destination"
    case .listOutbox: "How the destinations are, and messages that they did not take"
    case .getMessage: "One message that a destination did not take, with every attempt"
    case .retryMessages, .retryMessage: "Deliver it again"
    case .skipMessages, .skipMessage: "Let those behind a message go on, and keep it"
    case .discardMessages, .discardMessage: "Let those behind a message go on, and take it off the list"
    case .listViews: "Every view, how far it is, and whether it is folded anew"
    case .queryView: "Documents of a view"
    case .getDocument: "One document of a view, or the state of an aggregate's subject"
    case .rebuildView: "Fold a view anew"
    case .receive: "Hand a request to a source, which makes events of it"
    case .listSources: "Every source, and what has come from it"
    case .listSchedules: "Every schedule, when it was last made, and when it is due next"
    case .listTimers: "Events that are to come, the next due first"
    case .reload: "Load the handlers now"
    case .live: "Whether the daemon runs"
    case .ready: "Whether the daemon takes events"
    case .metrics: "Figures for Prometheus"
    case .describe: "This description"
    }
  }

  func explanation(_ limits: DoorLimits) -> String {
    switch self {
    case .append:
      """
      A single event and a batch are all or nothing. A stream is committed in chunks; an error names its line, and \
      everything before that line is in. An event with the source and id of an earlier one is not appended again. One \
      event has at most \(limits.eventBytes) bytes, a batch \(limits.batchBytes); a stream has no limit.
      """
    case .listEvents:
      """
      With Accept: text/event-stream the answer follows the log: id is the position, Last-Event-ID resumes after it, \
      and a reader who is too slow is told where to resume.
      """
    case .listSubject: "The subject is percent-encoded. Slashes may stand as they are."
    case .sendCommand:
      """
      It is answered once its outcome is durable: with the events it made, or with the reason of its rejection. Without an \
      outcome in time the answer is 202 with its position; it is durable then, and will be decided. The same source and id \
      again is the same command: it ends as it did the first time.
      """
    case .getState:
      """
      Every event of the subject up to a position is in it; keptAt and folded say how it was found: up to where a file had \
      kept it, and how many events were folded after that.
      """
    case .pauseConsumer:
      "What is under way is finished. Restarts and deploys change nothing: it stays paused until it is resumed."
    case .forgetConsumer:
      """
      Events that wait for a blocked key and dead letters are given up. A consumer that is declared keeps its place; one \
      that is not is gone, and its name begins as a new one.
      """
    case .rewindConsumer:
      """
      It hears again from a position on, or what was committed after a time. Blocked events and dead letters from there on \
      are dropped, since they are heard again; what it emits is new. With dryRun nothing is done: the answer says how much \
      would be repeated.
      """
    case .listProcesses:
      "state is looked for in a page at a time. The counts are of all instances, whatever is asked for."
    case .cancelProcess:
      """
      It rolls back: the compensations that it has registered run, the last first, as soon as it waits for no answer any \
      more. With rollback false it ends where it is. The answer comes when the instance is told, durably, and not when it has \
      ended.
      """
    case .moveProcesses, .moveProcess:
      """
      Its history is run again on the newest scripts, without effects. When it does the same as it did, it goes on there; \
      else it stays where it is, and the first step that differs is told in the list.
      """
    case .pauseDestination:
      """
      What is under way is finished. Restarts and deploys change nothing: its messages wait until it is resumed. With `to`, \
      of a destination with a target for each document, only that target is paused.
      """
    case .resumeDestination: "With `to`, of a destination with a target for each document, only that target is resumed."
    case .forgetDestination:
      """
      Messages that wait for a blocked key and dead letters are never delivered. A destination that is declared keeps its \
      place and goes on with what comes after; one that is not is gone with all that waits.
      """
    case .listOutbox:
      """
      Messages are listed that were given up, in the order of their ids. error is looked for in a page at a time, so a page \
      may be short, or empty, and still have a next one.
      """
    case .listDeadLetters:
      """
      In the order of their ids. type and error are looked for in a page at a time, so a page may be short, or empty, and \
      still have a next one.
      """
    case .getDeadLetter, .getMessage: "It is found as long as the log exists, also when it is resolved."
    case .retryDeadLetters, .retryDeadLetter:
      "With all its attempts before it, in its place among the events of its key. What is resolved already is left alone."
    case .retryMessages, .retryMessage:
      """
      With all its attempts before it and the same id, in its place among the messages of its key. What is resolved already \
      is left alone.
      """
    case .skipDeadLetters, .skipDeadLetter, .discardDeadLetters, .discardDeadLetter, .skipMessages, .skipMessage,
      .discardMessages, .discardMessage:
      "What is resolved already is left alone, so asking twice is safe."
    case .queryView:
      """
      A condition compares a field of the documents (a name, or names joined by dots) with a text, a number, true, false \
      or null; key and position are those of the document. The header Moondance-Position says up to where the view has \
      read the log; after-position waits until it has read an event, else the answer is 504.
      """
    case .rebuildView:
      """
      From the start of the log, beside the documents that answer meanwhile; then it takes their place. What was given up \
      because folding failed is begun again.
      """
    case .metrics: "Prometheus' text format, version 0.0.4. Counters begin at 0 when the daemon starts."
    case .receive:
      """
      The source says how requests are verified and which events they are. It is answered once these are durable; the same \
      request again is the same events. It needs no token: its signature shows where it comes from.
      """
    case .reload: "The daemon also loads by itself when a file changes."
    default: ""
    }
  }

  func parameters(_ limits: DoorLimits) -> [APIDescription.Parameter] {
    typealias Parameter = APIDescription.Parameter
    switch self {
    case .append:
      return [
        Parameter(
          "If-Match", in: "header", .integer(),
          """
          The position of the last event of the subject, 0 for none; when it is another, nothing is appended. For a \
          single event.
          """)
      ]
    case .getEvent:
      return [Parameter("position", in: "path", required: true, .integer(), "From 1.")]
        + queryNames.map { Self.parameter($0, limits) }
    case .listEvents:
      return queryNames.map { Self.parameter($0, limits) } + [
        Parameter("Last-Event-ID", in: "header", .integer(), "The last position that a follower has seen.")
      ]
    case .listSubject:
      return [Parameter("subject", in: "path", required: true, .string(), "The subject.")]
        + queryNames.map { Self.parameter($0, limits) }
    case .listTimers: return Self.timerParameters(limits)
    case .listDeadLetters, .listOutbox: return queryNames.map { Self.letterParameter($0, limits) }
    case .sendCommand:
      return [
        Parameter("type", in: "path", required: true, .string(), "The command."),
        Parameter(
          "wait", in: "query", .string(), "How long to wait for the outcome: 500ms, 10s; 10s when it is not given."),
      ]
    case .getState:
      return [
        Parameter("name", in: "path", required: true, .string(), "The name of an aggregate, percent-encoded."),
        Parameter("subject", in: "query", .string(), "Whose state; it must be given."),
        Parameter("at", in: "query", .string(), "A position, or an RFC 3339 time; now when it is not given."),
      ]
    case .getConsumer, .pauseConsumer, .resumeConsumer, .forgetConsumer, .rewindConsumer:
      return [Parameter("name", in: "path", required: true, .string(), "The name of a consumer, percent-encoded.")]
    case .getDestination, .pauseDestination, .resumeDestination, .forgetDestination:
      return [Parameter("name", in: "path", required: true, .string(), "The name of a destination, percent-encoded.")]
    case .getProcess, .cancelProcess, .moveProcess, .retryProcess:
      return [
        Parameter("name", in: "path", required: true, .string(), "The name of a process, percent-encoded."),
        Parameter(
          "key", in: "path", required: true, .string(), "The key of an instance. Slashes may stand as they are."),
      ]
    case .listProcesses: return queryNames.map { Self.processParameter($0) }
    case .receive:
      return [Parameter("name", in: "path", required: true, .string(), "As the source says: http = \"psp\".")]
    case .getDeadLetter, .retryDeadLetter, .skipDeadLetter, .discardDeadLetter, .getMessage, .retryMessage,
      .skipMessage, .discardMessage:
      return [Parameter("id", in: "path", required: true, .string(), "As the list of dead letters gives it.")]
    case .queryView, .getDocument, .rebuildView:
      var parameters = [
        Parameter("name", in: "path", required: true, .string(), "The projection's name, percent-encoded.")
      ]
      if self == .getDocument {
        parameters.append(
          Parameter("key", in: "path", required: true, .string(), "The document's key. Slashes may stand as they are."))
      }
      return parameters + queryNames.map { Self.viewParameter($0) }
    default: return []
    }
  }

  private static func processParameter(_ name: String) -> APIDescription.Parameter {
    let (schema, text): (Schema, String) =
      switch name {
      case "process": (.string(), "Instances of this process.")
      case "state": (.string(), "Instances that are waiting, retrying or stuck.")
      case "version": (.integer(), "Instances that run on this generation of the scripts.")
      case "limit":
        (.integer(), "At most so many instances, up to \(ProcessRequest.maximumLimit); 100 when it is not given.")
      default: (.string(), "What the page before gave as next.")
      }
    return APIDescription.Parameter(name, in: "query", schema, text)
  }

  private static func viewParameter(_ name: String) -> APIDescription.Parameter {
    let (schema, text): (Schema, String) =
      switch name {
      case "where": (.string(), "FIELD=VALUE; may be repeated, and then all must hold.")
      case "order": (.string(), "A field, or - and a field from the largest on; by key when it is not given.")
      case "limit":
        (.integer(), "At most so many documents, up to \(ViewRequest.maximumLimit); 100 when it is not given.")
      case "frozen": (.boolean, "true: only keys that stay as they are since folding failed, and why.")
      case "after": (.string(), "What the page before gave as next.")
      case "at": (.string(), "A position or a time: the documents as they were then.")
      case "after-position": (.integer(), "Answer when the view has read this position.")
      default: (.string(), "How long that may take, up to 25s; 2s when it is not given.")
      }
    return APIDescription.Parameter(name, in: "query", schema, text)
  }

  private static func parameter(_ name: String, _ limits: DoorLimits) -> APIDescription.Parameter {
    let (schema, text): (Schema, String) =
      switch name {
      case "from": (.integer(), "The first position to look at; 1 when it is not given.")
      case "limit":
        (
          .integer(),
          "At most so many events, up to \(limits.pageEventsMaximum); \(limits.pageEvents) when it is not given."
        )
      case "last": (.integer(), "The last so many events instead of the first.")
      case "type": (.string(), "Events of this type; with * at the end, of all types that begin so.")
      case "subject": (.string(), "Events of this subject.")
      case "upcast": (.boolean, "true: data of older contract versions as the newest version has them.")
      default: (.string(), "Events with this correlationid.")
      }
    return APIDescription.Parameter(name, in: "query", schema, text)
  }

  private static func letterParameter(_ name: String, _ limits: DoorLimits) -> APIDescription.Parameter {
    let (schema, text): (Schema, String) =
      switch name {
      case "consumer": (.string(), "Letters of this consumer.")
      case "destination": (.string(), "This destination, and messages to it.")
      case "key": (.string(), "Letters of this key.")
      case "type": (.string(), "Letters about events of this type; with * at the end, of all types that begin so.")
      case "error": (.string(), "Letters in whose error this text stands.")
      case "limit":
        (
          .integer(),
          "At most so many letters, up to \(limits.pageLettersMaximum); \(limits.pageLetters) when it is not given."
        )
      default: (.string(), "Letters after this id.")
      }
    return APIDescription.Parameter(name, in: "query", schema, text)
  }

  var requestBody: APIDescription.RequestBody? {
    func json(_ schema: String, required: Bool) -> APIDescription.RequestBody {
      .init(required: required, content: ["application/json": .init(schema: .reference(schema))])
    }
    switch self {
    case .append: return Self.events
    case .sendCommand: return json("Command", required: true)
    case .rewindConsumer: return json("RewindRequest", required: true)
    case .retryDeadLetters, .skipDeadLetters, .discardDeadLetters: return json("ResolveRequest", required: true)
    case .retryMessages, .skipMessages, .discardMessages: return json("ResolveMessagesRequest", required: true)
    case .pauseDestination, .resumeDestination: return json("TargetRequest", required: false)
    case .cancelProcess: return json("CancelRequest", required: false)
    case .moveProcesses: return json("MoveRequest", required: false)
    default: return takesDocument ? json("ActRequest", required: false) : nil
    }
  }

  private static var events: APIDescription.RequestBody {
    APIDescription.RequestBody(content: [
      "application/cloudevents+json": .init(schema: .reference("CloudEvent")),
      "application/cloudevents-batch+json": .init(schema: .array(.reference("CloudEvent"))),
      "application/x-ndjson": .init(schema: .string("One CloudEvent a line.")),
      "*/*": .init(schema: .string("The data of an event whose attributes are ce- headers.")),
    ])
  }

  var answers: [Int: APIDescription.Response] {
    func json(_ text: String, _ schema: String, _ type: String = "application/json") -> APIDescription.Response {
      .init(description: text, content: [type: .init(schema: .reference(schema))])
    }
    switch self {
    case .append:
      return [
        201: json("The events are durable.", "AppendReceipt"),
        200: json("There was no event to append.", "AppendReceipt"),
      ]
    case .listEvents:
      var response = json("Events.", "Events")
      response.content?["text/event-stream"] = .init(schema: .string("Server-sent events, each a CloudEvent."))
      return [200: response]
    case .listSubject: return [200: json("Events.", "Events")]
    case .getEvent: return [200: json("The event.", "CloudEvent", "application/cloudevents+json")]
    case .sendCommand:
      return [
        200: json("It is accepted.", "CommandEvents"),
        202: json("It is durable and not decided yet.", "CommandReceipt"),
      ]
    case .getState: return [200: json("The state.", "SubjectState")]
    case .status: return [200: json("The status.", "Status")]
    case .listConsumers: return [200: json("Every consumer.", "Consumers")]
    case .getConsumer: return [200: json("The consumer.", "Consumer")]
    case .pauseConsumer, .resumeConsumer, .forgetConsumer: return [200: json("It is durable.", "ConsumerReceipt")]
    case .rewindConsumer:
      let schemas = ["ConsumerReceipt", "RewindReport"].map { Schema.reference($0) }
      return [
        200: .init(
          description: "It is durable; with dryRun: what would be repeated.",
          content: ["application/json": .init(schema: .either(schemas))])
      ]
    case .listDeadLetters: return [200: json("A page of dead letters.", "DeadLetters")]
    case .getDeadLetter: return [200: json("The dead letter.", "DeadLetterHistory")]
    case .listProcesses: return [200: json("A page of instances.", "Processes")]
    case .getProcess: return [200: json("The instance.", "ProcessTimeline")]
    case .cancelProcess, .moveProcess, .moveProcesses: return [200: json("It is told, durably.", "ProcessReceipt")]
    case .retryProcess: return [200: json("It is durable.", "ResolveReceipt")]
    case .listDestinations: return [200: json("Every destination.", "Destinations")]
    case .getDestination: return [200: json("The destination.", "Destination")]
    case .pauseDestination, .resumeDestination, .forgetDestination:
      return [200: json("It is durable.", "DestinationReceipt")]
    case .listOutbox: return [200: json("The destinations, and a page of dead letters.", "Outbox")]
    case .getMessage: return [200: json("The dead letter.", "MessageHistory")]
    case .retryDeadLetters, .skipDeadLetters, .discardDeadLetters, .retryDeadLetter, .skipDeadLetter,
      .discardDeadLetter, .retryMessages, .skipMessages, .discardMessages, .retryMessage, .skipMessage, .discardMessage:
      return [200: json("It is durable.", "ResolveReceipt")]
    case .listViews: return [200: json("The views.", "Views")]
    case .queryView: return [200: json("Documents.", "ViewPage")]
    case .getDocument: return [200: json("The document.", "ViewDocument")]
    case .rebuildView: return [202: json("It has been asked for; the list says how far it is.", "Views")]
    case .receive:
      return [
        201: json("The events are durable.", "AppendReceipt"),
        200: json("All of them were there before.", "AppendReceipt"),
        204: .init(description: "The request is no event."),
      ]
    case .listSources: return [200: json("Every source.", "Sources")]
    case .listSchedules: return [200: json("Every schedule.", "Schedules")]
    case .listTimers: return [200: json("A page of timers.", "Timers")]
    case .reload: return [200: json("The generation that runs.", "ReloadReceipt")]
    case .live, .ready: return [200: json("Yes.", "Health")]
    case .metrics:
      return [
        200: .init(
          description: "The figures.", content: [Exposition.contentType: .init(schema: .string("A sample a line."))])
      ]
    case .describe:
      return [200: .init(description: "An OpenAPI document.", content: ["application/json": .init(schema: .anything)])]
    }
  }

  /// The statuses of problems that this operation can answer with.
  var problems: [Int] {
    let always = [400, 403, 408, 414, 431]
    let guarded = scope == nil ? always : always + [401]
    switch self {
    case .append: return guarded + [409, 412, 413, 415, 422, 500, 503, 507]
    case .sendCommand: return guarded + [404, 409, 413, 415, 422, 500, 503, 507]
    case .getState: return guarded + [404, 409, 500, 503]
    case .listEvents, .listSubject: return guarded + [409, 500, 503]
    case .getEvent: return guarded + [404, 409, 500, 503]
    case .listDeadLetters, .getDeadLetter, .listOutbox, .getMessage: return guarded + [404, 500, 503]
    case .listTimers: return guarded + [500, 503]
    case .listViews: return guarded + [404]
    case .queryView: return guarded + [404, 503, 504]
    case .getDocument: return guarded + [404, 409, 500, 503, 504]
    case .rebuildView: return guarded + [404, 415, 503]
    case .getConsumer, .getDestination: return guarded + [404]
    case .listProcesses, .getProcess: return guarded + [404, 500, 503]
    case .cancelProcess, .moveProcess, .moveProcesses, .retryProcess:
      return guarded + [404, 413, 415, 500, 503, 507] + (self == .cancelProcess ? [409] : [])
    case .pauseConsumer, .resumeConsumer, .forgetConsumer, .pauseDestination, .resumeDestination, .forgetDestination:
      return guarded + [404, 409, 413, 415, 503, 507]
    case .rewindConsumer, .retryDeadLetters, .skipDeadLetters, .discardDeadLetters, .retryDeadLetter, .skipDeadLetter,
      .discardDeadLetter, .retryMessages, .skipMessages, .discardMessages, .retryMessage, .skipMessage, .discardMessage:
      return guarded + [404, 413, 415, 500, 503, 507] + (isReaderVerb ? [409] : [])
    case .receive: return always + [401, 404, 409, 413, 415, 422, 500, 503, 507]
    case .reload: return guarded + [415, 422]
    case .ready: return guarded + [507]
    case .status, .listConsumers, .listDestinations, .listSources, .listSchedules, .live, .metrics, .describe:
      return guarded
    }
  }

  /// Whether it can answer with this kind of problem, when it can answer with its status.
  func canMeet(_ kind: ProblemKind) -> Bool {
    switch kind {
    case .identityConflict: self == .append || self == .sendCommand || self == .receive
    case .unverified, .sourceFailed: self == .receive
    case .unauthorized: self != .receive
    case .invalidEvent: self == .append
    case .rejected: self == .sendCommand
    case .contractBroken: self == .append || self == .receive
    case .notLoaded: self == .reload
    case .refused: isReaderVerb || self == .getState || self == .cancelProcess
    default: true
    }
  }
}
