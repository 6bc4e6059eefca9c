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
  case reload
  case live
  case ready
  case describe

  var method: HTTPRequest.Method {
    switch self {
    case .append, .reload: .post
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
    case .reload: .admin
    case .live, .ready: nil
    }
  }

  var queryNames: [String] {
    switch self {
    case .listEvents: EventQuery.names
    case .listSubject: EventQuery.names.filter { $0 != "subject" }
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
      guard let rest = Self.match(path, operation.path) else { continue }
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

  /// The variable part of `path`, empty when there is none; nil when it is another path. A subject may contain slashes.
  private static func match(_ path: Substring, _ pattern: String) -> Substring? {
    guard let brace = pattern.utf8.firstIndex(of: UInt8(ascii: "{")) else { return path == pattern ? "" : nil }
    let prefix = pattern.utf8[..<brace]
    guard path.utf8.count > prefix.count, path.utf8.starts(with: prefix) else { return nil }
    return Substring(path.utf8.dropFirst(prefix.count))
  }
}
