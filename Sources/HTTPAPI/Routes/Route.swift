internal import Events
internal import HTTPTypes
internal import Wire

/// Everything that the API does. This list is where routing and the description of the API come from.
enum Operation: String, CaseIterable, Sendable {
  case append
  case listEvents
  case getEvent
  case listSubject
  case status
  case listViews
  case queryView
  case getDocument
  case rebuildView
  case reload
  case live
  case ready
  case describe

  var method: HTTPRequest.Method {
    switch self {
    case .append, .reload, .rebuildView: .post
    default: .get
    }
  }

  /// The path, its variable part in braces.
  var path: String {
    switch self {
    case .append, .listEvents: "/events"
    case .getEvent: "/events/{position}"
    case .listSubject: "/subjects/{subject}"
    case .status: "/status"
    case .listViews: "/views"
    case .queryView: "/views/{name}"
    case .getDocument: "/views/{name}/{key}"
    case .rebuildView: "/views/{name}/rebuild"
    case .reload: "/reload"
    case .live: "/health/live"
    case .ready: "/health/ready"
    case .describe: "/openapi.json"
    }
  }

  /// What a token must allow; nil: nothing is secret here.
  var scope: Scope? {
    switch self {
    case .append: .append
    case .listEvents, .getEvent, .listSubject, .status, .describe: .read
    case .listViews, .queryView, .getDocument: .read
    case .reload, .rebuildView: .admin
    case .live, .ready: nil
    }
  }

  var queryNames: [String] {
    switch self {
    case .listEvents: EventQuery.names
    case .listSubject: EventQuery.names.filter { $0 != "subject" }
    case .queryView: ViewRequest.names
    case .getDocument: ViewRequest.documentNames
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
    for operation in Operation.allCases {
      let match = operation == .getDocument ? ViewRequest.document(path) : Self.match(path, operation.path)
      guard let rest = match else { continue }
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
