internal import Engine
internal import Events

/// What a message whose answer is wanted asks for: its attribute `request`.
struct RequestOrder: Sendable {
  var path: String?
  var method: String?
  /// In no order that counts.
  var query: [(name: String, value: String)] = []
  /// The body goes out as a form.
  var isForm = false
  /// The idempotency key, when the script gave one.
  var key: String?
  /// When nobody waits any more, µs since 1970.
  var deadline: Int64?

  /// Nil when no answer is wanted.
  static func of(_ message: EntryView) -> Result<RequestOrder, DeliveryFailure>? {
    guard let text = message.attributes[.request] else { return nil }
    do throws(DeliveryFailure) {
      return .success(try RequestOrder(text))
    } catch {
      return .failure(error)
    }
  }

  private init(_ text: UnsafeRawBufferPointer) throws(DeliveryFailure) {
    let object = try JSONObject(members: text, of: "the request")
    for (name, value) in object.members {
      switch (name, value) {
      case (_, .null): continue
      case ("path", .string(let text)): path = text
      case ("method", .string(let text)): method = text
      case ("key", .string(let text)): key = text
      case ("form", .boolean(let value)): isForm = value
      case ("deadline", .number(let text)):
        deadline = Int64(text) ?? Double(text).flatMap { Int64(exactly: $0.rounded()) }
      case ("query", .object(let bytes)):
        query = try bytes.withBytes { bytes throws(DeliveryFailure) in try Self.pairs(bytes, of: "query") }
      case ("query", .array(let bytes)) where bytes.elementsEqual("[]".utf8): continue
      case ("path", _), ("method", _), ("key", _), ("form", _), ("deadline", _), ("query", _):
        throw DeliveryFailure(.impossible, "the request's \(name) is not what it must be")
      default: continue
      }
    }
  }

  /// The members of an object whose values are texts, numbers or booleans; null is left out.
  static func pairs(
    _ object: UnsafeRawBufferPointer, of what: String
  ) throws(DeliveryFailure) -> [(name: String, value: String)] {
    var pairs: [(String, String)] = []
    for (name, value) in try JSONObject(members: object, of: what).members {
      if value == .null { continue }
      guard let text = value.plainText else {
        throw DeliveryFailure(.impossible, "\(what).\(name) must be a text, a number or a boolean")
      }
      pairs.append((name, text))
    }
    return pairs
  }
}

extension JSONObject {
  /// As `init(_:)`; a mistake makes the delivery impossible.
  init(members text: UnsafeRawBufferPointer, of what: String) throws(DeliveryFailure) {
    do {
      try self.init(text)
    } catch {
      throw DeliveryFailure(.impossible, "\(what) cannot be read: \(error)")
    }
  }
}
