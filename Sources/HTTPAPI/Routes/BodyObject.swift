internal import Events
internal import NIOCore
internal import Wire

/// The body of a request that is a JSON object with known members. What is not known in it is refused rather than passed
/// over: a `dry_run` must not become a rewind.
struct BodyObject {
  private let object: JSONObject

  init(_ body: ByteBuffer, names: [String]) throws(Problem) {
    let result = body.withUnsafeReadableBytes { bytes -> Result<JSONObject, CloudEventError> in
      Result { () throws(CloudEventError) in try JSONObject(bytes) }
    }
    do {
      object = try result.get()
    } catch {
      throw AppendRoute.problem(error, .structured)
    }
    for (name, _) in object.members where !names.contains(name) {
      throw Problem(
        .badRequest, "The body has a member that means nothing here; known are \(names.joined(separator: ", ")).")
    }
  }

  subscript(name: String) -> JSONObject.Value? { object[name] }

  /// The text that is the member; nil when there is none.
  func text(_ name: String) throws(Problem) -> String? {
    switch object[name] {
    case .string(let text): return text
    case nil: return nil
    default: throw Problem(.badRequest, "\(name) is text.")
    }
  }
}
