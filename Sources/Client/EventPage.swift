/// One CloudEvent exactly as the daemon wrote it.
package struct EventText: Sendable, Equatable {
  /// JSON on one line.
  package let json: [UInt8]

  package init(json: some Sequence<UInt8>) {
    // A line break of JSON stands between tokens only, where a space means the same.
    self.json = json.map { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") ? UInt8(ascii: " ") : $0 }
  }
}

/// Some events in order, and where to go on.
package struct EventPage: Sendable, Equatable {
  package var events: [EventText]
  /// The position that the next page begins at.
  package var next: UInt64

  package init(events: [EventText], next: UInt64) { (self.events, self.next) = (events, next) }

  /// - Throws: a mistake when the text is no page.
  init(json: [UInt8]) throws(JSONMistake) {
    let members = try JSONScanner.members(json)
    guard let list = members.first(where: { $0.name == "events" }),
      let next = members.first(where: { $0.name == "next" }),
      let position = UInt64(String(decoding: json[next.value], as: UTF8.self))
    else { throw JSONMistake(offset: 0, what: "here should be events and next") }
    events = try JSONScanner.elements(json, in: list.value).map { EventText(json: json[$0]) }
    self.next = position
  }
}

/// Which events to read.
package struct EventSelection: Sendable, Equatable {
  /// Where reading begins; nil: at the beginning of the log, or where `last` says.
  package var from: UInt64?
  /// The last so many events instead of the first; not together with `from`.
  package var last: Int?
  /// At most so many events a page, 1 to 1000.
  package var limit: Int?
  /// A whole type, or its beginning and a `*`.
  package var type: String?
  package var subject: String?
  package var correlation: String?

  package init() {}

  /// With its question mark; empty when nothing is chosen.
  var query: String {
    Self.query([
      ("from", from.map { "\($0)" }), ("last", last.map { "\($0)" }), ("limit", limit.map { "\($0)" }),
      ("type", type), ("subject", subject), ("correlation", correlation),
    ])
  }

  /// A query with its question mark; empty when no part has a value.
  static func query(_ parts: [(name: String, value: String?)]) -> String {
    let given = parts.compactMap { name, value in value.map { "\(name)=\(encoded($0))" } }
    return given.isEmpty ? "" : "?" + given.joined(separator: "&")
  }

  /// Percent-encoded, for a query as well as for a path.
  static func encoded(_ text: String) -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    var bytes: [UInt8] = []
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "~"):
        bytes.append(byte)
      default: bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
