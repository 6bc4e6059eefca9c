internal import Metering
internal import Wire

/// The bodies that each operation takes, and what it answers with.
extension Operation {
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
