import Foundation

/// JSON as tests compare it: numbers by value, objects without order.
indirect enum JSONValue: Equatable {
  case null
  case boolean(Bool)
  case number(Decimal)
  case text(String)
  case array([JSONValue])
  case object([String: JSONValue])

  /// Bytes that are no JSON become their text: they come from the log, where they were checked, or may be text.
  init(_ bytes: [UInt8]) {
    let parsed = try? JSONDecoder().decode(Parsed.self, from: Data(bytes))
    self = parsed?.value ?? .text(String(decoding: bytes, as: UTF8.self))
  }

  private struct Parsed: Decodable {
    var value: JSONValue

    init(from decoder: any Decoder) throws {
      if let list = try? decoder.container(keyedBy: Name.self) {
        var object: [String: JSONValue] = [:]
        for name in list.allKeys { object[name.stringValue] = try list.decode(Parsed.self, forKey: name).value }
        value = .object(object)
        return
      }
      if var list = try? decoder.unkeyedContainer() {
        var array: [JSONValue] = []
        while !list.isAtEnd { array.append(try list.decode(Parsed.self).value) }
        value = .array(array)
        return
      }
      let single = try decoder.singleValueContainer()
      if single.decodeNil() {
        value = .null
      } else if let boolean = try? single.decode(Bool.self) {
        value = .boolean(boolean)
      } else if let number = try? single.decode(Decimal.self) {
        value = .number(number)
      } else {
        value = .text(try single.decode(String.self))
      }
    }

    struct Name: CodingKey {
      var stringValue: String
      var intValue: Int? { nil }
      init?(stringValue: String) { self.stringValue = stringValue }
      init?(intValue: Int) { nil }
    }
  }

  /// What `expected` says and this does not: nothing when every member of every object it names is there and equal.
  /// Arrays and plain values are compared whole.
  func missing(of expected: JSONValue, at path: String = "") -> [String] {
    guard case .object(let wanted) = expected else {
      return isLike(expected) ? [] : ["\(path.isEmpty ? "data" : path): expected \(expected), got \(self)"]
    }
    guard case .object(let here) = self else {
      return wanted.isEmpty && self == .array([])
        ? [] : ["\(path.isEmpty ? "data" : path): expected \(expected), got \(self)"]
    }
    return wanted.sorted { $0.key < $1.key }.flatMap { name, value -> [String] in
      let inner = path.isEmpty ? name : "\(path).\(name)"
      guard let found = here[name] else { return ["\(inner): expected \(value), got nothing"] }
      return found.missing(of: value, at: inner)
    }
  }

  /// Lua does not tell an empty list from an empty object.
  private func isLike(_ other: JSONValue) -> Bool {
    if self == other { return true }
    return [self, other].allSatisfy { $0 == .array([]) || $0 == .object([:]) }
  }

  /// The same with every number or text that `name` knows replaced by what it says.
  func replacing(_ name: (String) -> String?) -> JSONValue {
    switch self {
    case .null, .boolean: self
    case .number(let number): name("\(number)").map { .text($0) } ?? self
    case .text(let text): name(text).map { .text($0) } ?? self
    case .array(let list): .array(list.map { $0.replacing(name) })
    case .object(let object): .object(object.mapValues { $0.replacing(name) })
    }
  }
}

extension JSONValue: CustomStringConvertible {
  var description: String {
    switch self {
    case .null: "null"
    case .boolean(let value): "\(value)"
    case .number(let number): "\(number)"
    case .text(let text): Self.quoted(text)
    case .array(let list): "[" + list.map(\.description).joined(separator: ", ") + "]"
    case .object(let object):
      "{" + object.sorted { $0.key < $1.key }.map { "\(Self.quoted($0.key)): \($0.value)" }.joined(separator: ", ")
        + "}"
    }
  }

  private static func quoted(_ text: String) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .withoutEscapingSlashes
    return (try? encoder.encode(text)).map { String(decoding: $0, as: UTF8.self) } ?? "\"\(text)\""
  }
}
