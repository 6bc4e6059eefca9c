/// An error of the API, as RFC 9457 writes it (`application/problem+json`): what is wrong, and what to do.
package struct Problem: Codable, Error, Sendable, Equatable {
  package static let contentType = "application/problem+json"
  static let typePrefix = "urn:moondance:problem:"

  /// `urn:moondance:problem:` and the kind's name.
  package var type: String
  package var title: String
  /// The status of the answer.
  package var status: Int
  /// One or two sentences for whoever sent the request.
  package var detail: String

  /// Where the data break their contract: `data.items[2].qty`.
  package var path: String?
  /// The line of an NDJSON stream, from 1.
  package var line: Int?
  /// The event of a batch, from 0.
  package var index: Int?
  /// Where in the document, in bytes from its beginning.
  package var offset: Int?
  /// The last position that is in, when a part of a stream is; 0: nothing is.
  package var last: UInt64?
  /// How many events of a stream are in, and how many of these were there before.
  package var count: Int?
  package var duplicates: Int?
  /// The position that the problem speaks of: of the other event with this identity, of the subject's last event.
  package var position: UInt64?
  /// Every error of a load.
  package var errors: [String]?

  package init(_ kind: ProblemKind, _ detail: String) {
    type = Self.typePrefix + kind.rawValue
    title = kind.title
    status = kind.status
    self.detail = detail
  }

  /// Nil for a problem that this version does not know.
  package var kind: ProblemKind? {
    guard type.hasPrefix(Self.typePrefix) else { return nil }
    return ProblemKind(rawValue: String(type.dropFirst(Self.typePrefix.count)))
  }
}

/// Every kind of problem the API answers with.
package enum ProblemKind: String, Sendable, CaseIterable {
  case badRequest = "bad-request"
  case malformedJSON = "malformed-json"
  case invalidEvent = "invalid-event"
  case unauthorized = "unauthorized"
  case unverified = "unverified"
  case sourceFailed = "source-failed"
  case forbidden = "forbidden"
  case foreignOrigin = "foreign-origin"
  case unknownHost = "unknown-host"
  case notFound = "not-found"
  case methodNotAllowed = "method-not-allowed"
  case requestTimeout = "request-timeout"
  case identityConflict = "identity-conflict"
  case refused = "refused"
  case expectationFailed = "expectation-failed"
  case tooLarge = "too-large"
  case addressTooLong = "address-too-long"
  case unsupportedContent = "unsupported-content"
  case notLoaded = "not-loaded"
  case contractBroken = "contract-broken"
  case rejected = "rejected"
  case headersTooLarge = "headers-too-large"
  case readFailed = "read-failed"
  case notReady = "not-ready"
  case viewBehind = "view-behind"
  case overloaded = "overloaded"
  case stopping = "stopping"
  case outOfSpace = "out-of-space"

  package var status: Int {
    switch self {
    case .badRequest, .malformedJSON, .invalidEvent: 400
    case .unauthorized, .unverified: 401
    case .forbidden, .foreignOrigin, .unknownHost: 403
    case .notFound: 404
    case .methodNotAllowed: 405
    case .requestTimeout: 408
    case .identityConflict, .refused: 409
    case .expectationFailed: 412
    case .tooLarge: 413
    case .addressTooLong: 414
    case .unsupportedContent: 415
    case .notLoaded, .contractBroken, .rejected: 422
    case .headersTooLarge: 431
    case .readFailed, .sourceFailed: 500
    case .overloaded, .stopping, .notReady: 503
    case .viewBehind: 504
    case .outOfSpace: 507
    }
  }

  package var title: String {
    switch self {
    case .badRequest: "The request is not understood"
    case .malformedJSON: "This is not the JSON that was asked for"
    case .invalidEvent: "This is not an event that the log takes"
    case .unauthorized: "A token is needed"
    case .unverified: "The request is not verified"
    case .sourceFailed: "No event could be made of the request"
    case .forbidden: "The token does not allow this"
    case .foreignOrigin: "Requests of other web pages are refused"
    case .unknownHost: "The daemon does not go by this name"
    case .notFound: "There is nothing here"
    case .methodNotAllowed: "The method does not fit the address"
    case .requestTimeout: "The request took too long"
    case .identityConflict: "The same id names another event"
    case .refused: "That cannot be done now"
    case .expectationFailed: "The subject has moved on"
    case .tooLarge: "That is too much at once"
    case .addressTooLong: "The address is too long"
    case .unsupportedContent: "The content type is not taken here"
    case .notLoaded: "The handlers do not load"
    case .contractBroken: "The data do not keep to their contract"
    case .rejected: "The command is rejected"
    case .headersTooLarge: "The headers are too large"
    case .readFailed: "The log could not be read"
    case .notReady: "The views are not there at the moment"
    case .viewBehind: "The view has not come so far"
    case .overloaded: "Too much is under way"
    case .stopping: "The daemon is stopping"
    case .outOfSpace: "The disk is full"
    }
  }
}
