package import Events

/// A request that came to a source, as its `event` function sees it.
package struct IncomingRequest: Sendable {
  package var method: String
  package var path: String
  package var query: [(name: String, value: String)]
  /// Names in small letters; a name that comes twice has both values with a comma between them.
  package var headers: [(name: String, value: String)]
  package var body: [UInt8]

  package init(
    method: String = "POST", path: String, query: [(name: String, value: String)] = [],
    headers: [(name: String, value: String)] = [], body: [UInt8]
  ) {
    (self.method, self.path, self.query, self.headers, self.body) = (method, path, query, headers, body)
  }

  package func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }

  /// Whether the body is JSON, as the sender says.
  var isJSON: Bool {
    guard var type = header("content-type"), !body.isEmpty else { return false }
    if case .json? = type.withUTF8({ ContentType(UnsafeRawBufferPointer($0)) }) { return true }
    return false
  }

  /// Everything but the body, as JSON.
  func encode(into writer: inout ByteWriter) {
    writer.append("{\"method\":" as StaticString)
    writer.appendJSON(string: method)
    writer.append(",\"path\":" as StaticString)
    writer.appendJSON(string: path)
    writer.append(",\"query\":" as StaticString)
    Self.encode(query, into: &writer)
    writer.append(",\"headers\":" as StaticString)
    Self.encode(headers, into: &writer)
    writer.append("}" as StaticString)
  }

  private static func encode(_ pairs: [(name: String, value: String)], into writer: inout ByteWriter) {
    writer.append("{" as StaticString)
    for (index, pair) in pairs.enumerated() {
      if index > 0 { writer.append("," as StaticString) }
      writer.appendJSON(string: pair.name)
      writer.append(":" as StaticString)
      writer.appendJSON(string: pair.value)
    }
    writer.append("}" as StaticString)
  }
}

/// What a source made of a request.
package enum ReceiveOutcome: Sendable {
  /// How many events were added to the batch; none: there is nothing to append.
  case events(Int)
  /// The body is not the JSON that the sender says it is.
  case malformed(CloudEventError)
  /// The script's fault; nothing was added.
  case failed(HandlerFailure)
  /// The host could not make the call.
  case hostFault(String)
}
