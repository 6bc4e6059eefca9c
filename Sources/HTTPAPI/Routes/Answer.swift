internal import Events
internal import HTTPTypes
internal import NIOCore
internal import Wire

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

/// A whole answer to a request.
struct Answer: Sendable {
  private static let common: HTTPFields = [.cacheControl: "no-store", .xContentTypeOptions: "nosniff"]
  private static let json: HTTPFields = [
    .contentType: "application/json", .cacheControl: "no-store", .xContentTypeOptions: "nosniff",
  ]

  var head: HTTPResponse
  var body: ByteBuffer

  init(_ status: HTTPResponse.Status, contentType: String = "application/json", body: ByteBuffer) {
    var fields = contentType == "application/json" ? Self.json : Self.common
    if contentType != "application/json" { fields[.contentType] = contentType }
    fields.append(HTTPField(name: .contentLength, value: "\(body.readableBytes)"))
    head = HTTPResponse(status: status, headerFields: fields)
    self.body = body
  }

  /// JSON that `write` puts together.
  init(_ status: HTTPResponse.Status, capacity: Int = 256, write: (inout ByteWriter) -> Void) {
    var writer = ByteWriter(capacity: capacity)
    write(&writer)
    self.init(status, body: ByteBuffer(bytes: writer.bytes))
  }

  /// A value as JSON.
  init(_ status: HTTPResponse.Status, _ value: some Encodable, contentType: String = "application/json") {
    self.init(status, contentType: contentType, body: ByteBuffer(bytes: Self.json(value)))
  }

  static func problem(_ problem: Problem) -> Answer {
    var answer = Answer(HTTPResponse.Status(code: problem.status), problem, contentType: Problem.contentType)
    switch problem.kind {
    case .unauthorized: answer.head.headerFields[.wwwAuthenticate] = "Bearer"
    case .overloaded, .stopping, .notReady: answer.head.headerFields[.retryAfter] = "1"
    case .outOfSpace: answer.head.headerFields[.retryAfter] = "10"
    default: break
    }
    return answer
  }

  /// The sender is to stop sending: the rest of its request is not wanted.
  func closing() -> Answer {
    var answer = self
    answer.head.headerFields[.connection] = "close"
    return answer
  }

  static func json(_ value: some Encodable) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do {
      return Array(try encoder.encode(value))
    } catch {
      fatalError("a value of the API does not become JSON: \(error)")
    }
  }
}

extension HTTPField.Name {
  static let retryAfter = HTTPField.Name("Retry-After")!
}
