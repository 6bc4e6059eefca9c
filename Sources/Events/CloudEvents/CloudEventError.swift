/// Why bytes from outside are not an event: what is wrong, where, and what to write instead.
package struct CloudEventError: Error, Equatable {
  package enum Code: Sendable {
    /// Not JSON, or not the JSON that was asked for.
    case malformed
    /// JSON, but not a CloudEvent that the log takes.
    case invalid
    /// More bytes than an event may have.
    case tooLarge
  }

  package var code: Code
  /// A sentence for the sender.
  package var message: String
  /// Where in the document, in bytes from its beginning.
  package var offset: Int?
  /// Which event of a batch, from 0.
  package var index: Int?

  package init(_ code: Code, _ message: String, offset: Int? = nil, index: Int? = nil) {
    (self.code, self.message, self.offset, self.index) = (code, message, offset, index)
  }

  static func invalid(_ message: String) -> CloudEventError { CloudEventError(.invalid, message) }
}
