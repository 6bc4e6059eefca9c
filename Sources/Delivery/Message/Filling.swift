internal import Engine
internal import Events
internal import Scripts

/// Fills the templates of one attempt, and keeps what must not be shown.
struct Filling {
  let parcel: Parcel
  private let surroundings: Surroundings
  private(set) var secrets = Secrets()
  /// The target's document, once it was needed.
  private var document: [UInt8]?

  init(_ parcel: Parcel, in surroundings: Surroundings) {
    (self.parcel, self.surroundings) = (parcel, surroundings)
  }

  /// Where a filled text goes, which decides what may be in it.
  enum Place {
    /// An address: values of fields are percent-encoded, unless the field is its beginning.
    case address
    /// A header's value, a subject, a secret: as it is.
    case text
  }

  /// - Throws: `unavailable` when the environment or the documents lack something, `impossible` when the message or the
  ///   document does, or when a value cannot stand there.
  mutating func text(_ template: Template, as place: Place = .text) throws(DeliveryFailure) -> String {
    var filled = ""
    for (index, part) in template.parts.enumerated() {
      switch part {
      case .text(let text): filled += text
      case .environment(let name): filled += try environment(name)
      case .field(let path):
        let name = path.joined(separator: ".")
        let value = try field(path)
        guard !value.utf8.contains(where: Self.isControl) else {
          throw DeliveryFailure(.impossible, "{\(name)} has a control character in it")
        }
        filled += try place == .address && index > 0 ? Self.encoded(value, of: name) : value
      }
    }
    return filled
  }

  /// Dots alone would lead out of the folder that the address names, and encoding does not hide them.
  private static func encoded(_ value: String, of name: String) throws(DeliveryFailure) -> String {
    guard value != "." && value != ".." else {
      throw DeliveryFailure(.impossible, "{\(name)} is \"\(value)\", which cannot be a part of an address")
    }
    return PercentEncoding.encoded(value)
  }

  private mutating func environment(_ name: String) throws(DeliveryFailure) -> String {
    let value = try secrets.take(name, from: surroundings.environment)
    guard !value.utf8.contains(where: Self.isControl) else {
      throw DeliveryFailure(.unavailable, "\(name) has a line break or another control character in it")
    }
    return value
  }

  private mutating func field(_ path: [String]) throws(DeliveryFailure) -> String {
    if let value = try messageField(path) { return value }
    if path[0] == "body" {
      return try Self.text(
        JSONPath.value(at: Array(path.dropFirst()), in: parcel.attempt.message.data), path, of: "the message")
    }
    let document = try targetDocument()
    return try document.withBytes { bytes throws(DeliveryFailure) in
      try Self.text(JSONPath.value(at: path, in: bytes), path, of: "its document")
    }
  }

  private static func text(
    _ value: JSONObject.Value?, _ path: [String], of what: String
  ) throws(DeliveryFailure) -> String {
    let name = path.joined(separator: ".")
    guard let value, value != .null else { throw DeliveryFailure(.impossible, "\(what) has no {\(name)}") }
    guard let text = value.plainText else {
      throw DeliveryFailure(.impossible, "{\(name)} of \(what) is no text, number or boolean")
    }
    return text
  }

  /// Nil when it is no field of the message's own.
  private func messageField(_ path: [String]) throws(DeliveryFailure) -> String? {
    guard path.count == 1, Template.messageFields.contains(path[0]) else { return nil }
    let message = parcel.attempt.message
    let value: String? =
      switch path[0] {
      case "id": parcel.id
      case "key": message.subject.text
      case "type": message.attributes[.about]?.text
      case "subject": message.attributes[.sender]?.text
      case "destination": parcel.attempt.name
      default: "\(parcel.attempt.position)"
      }
    guard let value else { throw DeliveryFailure(.impossible, "the message has no {\(path[0])}") }
    return value
  }

  private mutating func targetDocument() throws(DeliveryFailure) -> [UInt8] {
    if let document { return document }
    let name = parcel.attempt.name
    guard let projection = parcel.attempt.destination.each, let documents = surroundings.documents else {
      throw DeliveryFailure(.impossible, "\(name) has no documents: only a destination with each has")
    }
    let key = parcel.attempt.message.subject.text
    let found: [UInt8]?
    do {
      found = try documents.document(of: projection, key: key)
    } catch {
      throw DeliveryFailure(.unavailable, "\(name) cannot read the document \"\(key)\" of \(projection) now: \(error)")
    }
    guard let found else { throw DeliveryFailure(.unavailable, "\(name) has no document \"\(key)\" now") }
    document = found
    return found
  }

  static func isControl(_ byte: UInt8) -> Bool { byte < 0x20 || byte == 0x7f }
}
