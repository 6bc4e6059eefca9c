internal import Wire

/// What each operation takes besides a body.
extension Operation {
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
      case "type":
        (.string(), "Letters about events or commands of this type; with * at the end, of all types that begin so.")
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
}
