internal import Events

/// What the data of an event must look like (`contract`).
package indirect enum Schema: Sendable, Hashable {
  case any
  case string
  case number
  /// A number without a fraction.
  case integer
  case boolean
  case object
  case array
  case format(Format)
  /// One of these texts.
  case choice([String])
  case list(of: Schema)
  /// In the order of the members' bytes. Members that it does not name are allowed.
  case members([Member])

  package struct Member: Sendable, Hashable {
    package let name: String
    package let schema: Schema
    package let isOptional: Bool

    package init(_ name: String, _ schema: Schema, isOptional: Bool) {
      (self.name, self.schema, self.isOptional) = (name, schema, isOptional)
    }
  }

  /// Text of a certain form.
  package enum Format: String, Sendable, CaseIterable {
    /// RFC 3339, with an offset.
    case time
    /// `2026-01-31`
    case date
    /// RFC 9562, in its text form.
    case uuid
    case email
    /// RFC 3986: a scheme and something behind it.
    case uri

    func allows(_ text: UnsafeRawBufferPointer) -> Bool {
      switch self {
      case .time: Timestamp.isValid(text)
      case .date: text.count == 10 && Timestamp.microseconds(text.text + "T00:00:00Z") != nil
      case .uuid: Self.isUUID(text)
      case .email: Self.isEmail(text)
      case .uri: Self.isURI(text)
      }
    }

    private static func isUUID(_ text: UnsafeRawBufferPointer) -> Bool {
      guard text.count == 36 else { return false }
      return text.enumerated().allSatisfy { index, byte in
        [8, 13, 18, 23].contains(index) ? byte == UInt8(ascii: "-") : Character(UnicodeScalar(byte)).isHexDigit
      }
    }

    /// Something on both sides of the last @, no spaces; whether mail arrives there is for others to say.
    private static func isEmail(_ text: UnsafeRawBufferPointer) -> Bool {
      guard let at = text.lastIndex(of: UInt8(ascii: "@")), at > 0, at < text.count - 1 else { return false }
      return text.allSatisfy { $0 > 0x20 && $0 != 0x7F }
    }

    private static func isURI(_ text: UnsafeRawBufferPointer) -> Bool {
      guard let colon = text.firstIndex(of: UInt8(ascii: ":")), colon > 0, colon < text.count - 1,
        UnicodeScalar(text[0]).properties.isASCIIHexDigit || UnicodeScalar(text[0]).properties.isAlphabetic
      else { return false }
      let isScheme = text[..<colon].allSatisfy { byte in
        Character(UnicodeScalar(byte)).isLetter || Character(UnicodeScalar(byte)).isNumber || "+-.".utf8.contains(byte)
      }
      return isScheme && text.allSatisfy { $0 > 0x20 && $0 != 0x7F }
    }
  }

  /// The names of the types, as a contract writes them.
  package static let typeNames =
    ["string", "number", "integer", "boolean", "object", "array", "any"] + Format.allCases.map(\.rawValue)

  /// From a type's name or a choice, `"placed|paid"`; nil: there is no such type.
  init?(type text: String) {
    switch text {
    case "any": self = .any
    case "string": self = .string
    case "number": self = .number
    case "integer": self = .integer
    case "boolean": self = .boolean
    case "object": self = .object
    case "array": self = .array
    default:
      if let format = Format(rawValue: text) {
        self = .format(format)
      } else if text.contains("|") {
        self = .choice(text.split(separator: "|", omittingEmptySubsequences: false).map { String($0) })
      } else {
        return nil
      }
    }
  }

  /// For messages: what is wanted.
  package var wanted: String {
    switch self {
    case .any: "any value"
    case .string: "text"
    case .number: "a number"
    case .integer: "a whole number"
    case .boolean: "true or false"
    case .object, .members: "an object"
    case .array, .list: "an array"
    case .format(.time): "a time (RFC 3339, with an offset)"
    case .format(.date): "a date such as 2026-01-31"
    case .format(.uuid): "a UUID"
    case .format(.email): "an e-mail address"
    case .format(.uri): "a URI"
    case .choice(let texts): "one of " + texts.map { "\"\($0)\"" }.joined(separator: ", ")
    }
  }
}

/// Where data do not keep to a schema.
package struct SchemaViolation: Error, Sendable, Equatable, CustomStringConvertible {
  /// `data.items[2].qty`
  package let path: String
  package let what: String
  package var description: String { "\(path) \(what)" }
}
