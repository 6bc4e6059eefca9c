internal import Engine
internal import Events
internal import HTTPTypes
internal import Wire

/// Everything that the API does. This list is where routing and the description of the API come from. Routing goes by its
/// order: what is asked most stands first, and a path that is written out before one whose variable part it could be.
enum Operation: String, CaseIterable, Sendable {
  case append
  case listEvents
  case getEvent
  case listSubject
  case sendCommand
  case getState
  case status
  case listConsumers
  case getConsumer
  case pauseConsumer
  case resumeConsumer
  case forgetConsumer
  case rewindConsumer
  case listDeadLetters
  case retryDeadLetters
  case skipDeadLetters
  case discardDeadLetters
  case getDeadLetter
  case retryDeadLetter
  case skipDeadLetter
  case discardDeadLetter
  case listProcesses
  case moveProcesses
  case getProcess
  case cancelProcess
  case moveProcess
  case retryProcess
  case listDestinations
  case getDestination
  case pauseDestination
  case resumeDestination
  case forgetDestination
  case listOutbox
  case retryMessages
  case skipMessages
  case discardMessages
  case getMessage
  case retryMessage
  case skipMessage
  case discardMessage
  case listViews
  case queryView
  case getDocument
  case rebuildView
  case receive
  case listSources
  case listSchedules
  case listTimers
  case reload
  case live
  case ready
  case metrics
  case describe

  var method: HTTPRequest.Method {
    switch self {
    case .append, .sendCommand, .receive, .reload, .rebuildView: .post
    default: changes ? .post : .get
    }
  }

  /// Whether it changes what the host does, rather than what is in the log: for operators only.
  var changes: Bool {
    switch self {
    case .reload, .rebuildView: true
    default: takesDocument
    }
  }

  /// Whether the body, if there is one, says more.
  var takesDocument: Bool { letterVerb != nil || isReaderVerb || isInstanceVerb }

  /// Whether it tells instances of processes something.
  var isInstanceVerb: Bool { [.moveProcesses, .cancelProcess, .moveProcess, .retryProcess].contains(self) }

  /// Whether it is about one instance of a process.
  var isAboutInstance: Bool { [.getProcess, .cancelProcess, .moveProcess, .retryProcess].contains(self) }

  /// Whether it changes a consumer or a destination.
  var isReaderVerb: Bool {
    switch self {
    case .pauseConsumer, .resumeConsumer, .forgetConsumer, .rewindConsumer: true
    case .pauseDestination, .resumeDestination, .forgetDestination: true
    default: false
    }
  }

  /// Of an operator's operation: whom it may speak of.
  var readers: ReaderScope {
    switch self {
    case .listDestinations, .getDestination, .pauseDestination, .resumeDestination, .forgetDestination, .listOutbox,
      .retryMessages, .skipMessages, .discardMessages, .getMessage, .retryMessage, .skipMessage, .discardMessage:
      .destinations
    default: .consumers
    }
  }

  /// What is to be done with dead letters.
  var letterVerb: LetterVerb? {
    switch self {
    case .retryDeadLetter, .retryDeadLetters, .retryMessage, .retryMessages: .retry
    case .skipDeadLetter, .skipDeadLetters, .skipMessage, .skipMessages: .skip
    case .discardDeadLetter, .discardDeadLetters, .discardMessage, .discardMessages: .discard
    default: nil
    }
  }

  /// The path, its variable part in braces.
  var path: String {
    switch self {
    case .append, .listEvents: "/events"
    case .getEvent: "/events/{position}"
    case .listSubject: "/subjects/{subject}"
    case .sendCommand: "/commands/{type}"
    case .getState: "/aggregates/{name}"
    case .status: "/status"
    case .listConsumers: "/consumers"
    case .getConsumer: "/consumers/{name}"
    case .pauseConsumer: "/consumers/{name}/pause"
    case .resumeConsumer: "/consumers/{name}/resume"
    case .forgetConsumer: "/consumers/{name}/forget"
    case .rewindConsumer: "/consumers/{name}/rewind"
    case .listDeadLetters: "/dead-letters"
    case .getDeadLetter: "/dead-letters/{id}"
    case .retryDeadLetters: "/dead-letters/retry"
    case .skipDeadLetters: "/dead-letters/skip"
    case .discardDeadLetters: "/dead-letters/discard"
    case .retryDeadLetter: "/dead-letters/{id}/retry"
    case .skipDeadLetter: "/dead-letters/{id}/skip"
    case .discardDeadLetter: "/dead-letters/{id}/discard"
    case .listProcesses: "/processes"
    case .moveProcesses: "/processes/move"
    case .getProcess: "/processes/{name}/{key}"
    case .cancelProcess: "/processes/{name}/{key}/cancel"
    case .moveProcess: "/processes/{name}/{key}/move"
    case .retryProcess: "/processes/{name}/{key}/retry"
    case .listDestinations: "/destinations"
    case .getDestination: "/destinations/{name}"
    case .pauseDestination: "/destinations/{name}/pause"
    case .resumeDestination: "/destinations/{name}/resume"
    case .forgetDestination: "/destinations/{name}/forget"
    case .listOutbox: "/outbox"
    case .getMessage: "/outbox/{id}"
    case .retryMessages: "/outbox/retry"
    case .skipMessages: "/outbox/skip"
    case .discardMessages: "/outbox/discard"
    case .retryMessage: "/outbox/{id}/retry"
    case .skipMessage: "/outbox/{id}/skip"
    case .discardMessage: "/outbox/{id}/discard"
    case .listViews: "/views"
    case .queryView: "/views/{name}"
    case .getDocument: "/views/{name}/{key}"
    case .rebuildView: "/views/{name}/rebuild"
    case .receive: "/in/{name}"
    case .listSources: "/sources"
    case .listSchedules: "/schedules"
    case .listTimers: "/timers"
    case .reload: "/reload"
    case .live: "/health/live"
    case .ready: "/health/ready"
    case .metrics: "/metrics"
    case .describe: "/openapi.json"
    }
  }

  /// What a token must allow; nil: nothing is secret here.
  var scope: Scope? {
    switch self {
    case .append, .sendCommand: .append
    case .live, .ready: nil
    // Who sends has no token of ours: the request shows by itself where it comes from.
    case .receive: nil
    default: changes ? .admin : .read
    }
  }

  var hasParameter: Bool { path.utf8.contains(UInt8(ascii: "{")) }

  /// The members that its body may have, besides `by`.
  var bodyNames: [String] {
    switch self {
    case .rewindConsumer: ["to", "dryRun"]
    case .pauseDestination, .resumeDestination: ["to"]
    case .cancelProcess: ["rollback"]
    case .moveProcesses: ["process"]
    case .retryDeadLetters, .skipDeadLetters, .discardDeadLetters: ["ids", "consumer", "key", "all"]
    case .retryMessages, .skipMessages, .discardMessages: ["ids", "destination", "key", "all"]
    default: []
    }
  }

  var queryNames: [String] {
    switch self {
    case .listEvents: EventQuery.names
    case .listSubject: EventQuery.names.filter { $0 != "subject" }
    case .getEvent: ["upcast"]
    case .listDeadLetters: LetterListQuery.names
    case .listOutbox: LetterListQuery.outboxNames
    case .listProcesses: ProcessRequest.names
    case .listTimers: TimerListQuery.names
    case .queryView: ViewRequest.names
    case .getDocument: ViewRequest.documentNames
    case .sendCommand: CommandRoute.queryNames
    case .getState: StateQuery.names
    default: []
    }
  }
}

/// Where a request wants to go.
enum Destination: Equatable {
  /// The operation and the variable part of the path, decoded.
  case operation(Operation, parameter: [UInt8])
  /// The path is known, with other methods.
  case otherMethods([String])
  /// A variable part that is not percent-encoded UTF-8.
  case notText
  case nowhere

  init(_ method: HTTPRequest.Method, path: Substring) {
    var methods: [String] = []
    var isWrittenOut = false
    for operation in Operation.allCases {
      let match =
        if operation == .getDocument {
          ViewRequest.document(path)
        } else if operation.isAboutInstance {
          ProcessRequest.instance(path, operation)
        } else {
          Self.match(path, operation.path)
        }
      guard let rest = match else { continue }
      // `/dead-letters/retry` is never the letter "retry".
      if isWrittenOut, !rest.isEmpty { continue }
      isWrittenOut = rest.isEmpty
      guard operation.method == method else {
        methods.append(operation.method.rawValue)
        continue
      }
      guard let parameter = Query.decode(rest.utf8, plusIsSpace: false) else {
        self = .notText
        return
      }
      self = .operation(operation, parameter: parameter)
      return
    }
    self = methods.isEmpty ? .nowhere : .otherMethods(methods)
  }

  /// The variable part of `path`, empty when there is none; nil when it is another path. A subject may contain slashes,
  /// other variable parts end with one.
  private static func match(_ path: Substring, _ pattern: String) -> Substring? {
    guard let brace = pattern.utf8.firstIndex(of: UInt8(ascii: "{")),
      let end = pattern.utf8[brace...].firstIndex(of: UInt8(ascii: "}"))
    else { return path == pattern ? "" : nil }
    let (prefix, suffix) = (pattern.utf8[..<brace], pattern.utf8[pattern.utf8.index(after: end)...])
    guard path.utf8.count > prefix.count + suffix.count, path.utf8.starts(with: prefix),
      path.utf8.suffix(suffix.count).elementsEqual(suffix)
    else { return nil }
    let part = path.utf8.dropFirst(prefix.count).dropLast(suffix.count)
    let takesSlashes = pattern.utf8[brace...end].elementsEqual("{subject}".utf8)
    return takesSlashes || !part.contains(UInt8(ascii: "/")) ? Substring(part) : nil
  }
}
