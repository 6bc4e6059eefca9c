internal import Engine

/// What an attempt took from the environment, and taking it out of texts again.
struct Secrets: Sendable {
  /// Longest first, so that no part hides a whole.
  private var values: [(text: String, variable: String)] = []

  /// Shorter texts stand in any sentence by chance.
  private static let shortest = 4
  /// Between them lie the user, the password and the host of an address.
  private static let delimiters: Set<Character> = [
    "/", ":", "@", "?", "&", "=", "#", ";", ",", " ", "'", "\"", "[", "]",
  ]
  /// They tell nothing.
  private static let schemes: Set<String> = ["http", "https", "postgres", "postgresql", "nats"]

  /// What a variable of the environment holds; from now on it is a secret.
  mutating func take(_ name: String, from environment: (String) -> String?) throws(DeliveryFailure) -> String {
    guard let value = environment(name), !value.isEmpty else {
      throw DeliveryFailure(.unavailable, "\(name) is not set in the daemon's environment")
    }
    add(value, of: name)
    return value
  }

  mutating func add(_ value: String, of variable: String) {
    // A far side answers with parts of an address: the name of a user, of a host.
    let parts = value.split(whereSeparator: Self.delimiters.contains).map(String.init).filter {
      !Self.schemes.contains($0)
    }
    for text in Set([value] + parts + parts.compactMap(PercentEncoding.decoded)) where text.utf8.count >= Self.shortest
    {
      values.append((text, variable))
    }
    values.sort { $0.text.utf8.count > $1.text.utf8.count }
  }

  /// The text with `{env:NAME}` in the place of every secret.
  func scrub(_ text: String) -> String {
    values.reduce(text) { $0.replacing($1.text, with: "{env:\($1.variable)}") }
  }
}

/// Percent-encoding of RFC 3986.
enum PercentEncoding {
  private static let digits = Array("0123456789ABCDEF".utf8)
  private static let unreserved = Set(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~".utf8)
  /// What may also stand in a path besides.
  private static let path = unreserved.union("!$&'()*+,;=:@/%".utf8)

  /// As one segment of a path, or a name or value of a query.
  static func encoded(_ text: String) -> String { encoded(text, keeping: unreserved) }

  /// As a path, its slashes and what is encoded already left as they are.
  static func encoded(path text: String) -> String { encoded(text, keeping: path) }

  private static func encoded(_ text: String, keeping kept: Set<UInt8>) -> String {
    var bytes: [UInt8] = []
    for byte in text.utf8 {
      if kept.contains(byte) {
        bytes.append(byte)
      } else {
        bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// `name=value&…`, as queries and forms have it.
  static func pairs(_ pairs: [(name: String, value: String)]) -> String {
    pairs.map { "\(encoded($0.name))=\(encoded($0.value))" }.joined(separator: "&")
  }

  /// Nil when nothing is encoded.
  static func decoded(_ text: String) -> String? {
    guard text.utf8.contains(UInt8(ascii: "%")) else { return nil }
    var bytes: [UInt8] = []
    var rest = Substring(text).utf8
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "%"), let value = UInt8(String(Substring(rest.prefix(2))), radix: 16) {
        bytes.append(value)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
