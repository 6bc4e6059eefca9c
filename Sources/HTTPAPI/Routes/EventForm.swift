internal import HTTPTypes
internal import Wire

/// How the body of `POST /events` carries events.
enum EventForm: Sendable, Equatable {
  case structured
  case batch
  case stream
  /// The attributes are headers, and the body is the data of this content type.
  case binary(contentType: String?)

  /// - Throws: a problem with the content types that are taken.
  init(_ head: HTTPRequest) throws(Problem) {
    let given = head.headerFields.value(of: .contentType)
    switch given.map(Self.media) {
    case "application/cloudevents+json": self = .structured
    case "application/cloudevents-batch+json": self = .batch
    case "application/x-ndjson": self = .stream
    case let media:
      guard head.headerFields.contains(where: { $0.name.canonicalName.hasPrefix(BinaryMode.prefix) }) else {
        throw Problem(
          .unsupportedContent,
          """
          Send one event as application/cloudevents+json, a batch as application/cloudevents-batch+json, a stream as \
          application/x-ndjson, or the attributes as ce- headers.
          """)
      }
      // A web page can have a browser send these without asking, so they are never taken.
      if let media, ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"].contains(media) {
        throw Problem(.unsupportedContent, "Data of the type \(media) are taken in structured mode only.")
      }
      self = .binary(contentType: given)
    }
  }

  /// The media type without parameters, in small letters.
  static func media(_ contentType: String) -> String {
    var media = contentType.utf8.prefix { $0 != UInt8(ascii: ";") }
    while let last = media.last, last == UInt8(ascii: " ") || last == UInt8(ascii: "\t") { media.removeLast() }
    let isSmall = media.allSatisfy { $0 < UInt8(ascii: "A") || $0 > UInt8(ascii: "Z") && $0 < 0x80 }
    if isSmall { return media.count == contentType.utf8.count ? contentType : String(Substring(media)) }
    return Substring(media).lowercased()
  }
}

/// CloudEvents as HTTP headers.
enum BinaryMode {
  static let prefix = "ce-"

  /// The attributes that the headers give, with percent-encoding undone.
  static func attributes(_ fields: HTTPFields) -> [(name: String, value: String)] {
    var attributes: [(name: String, value: String)] = []
    for field in fields where field.name.canonicalName.hasPrefix(prefix) {
      let name = String(field.name.canonicalName.dropFirst(prefix.count))
      let value = Query.decode(field.value.utf8, plusIsSpace: false)
      attributes.append((name, value.map { String(decoding: $0, as: UTF8.self) } ?? field.value))
    }
    return attributes
  }
}
