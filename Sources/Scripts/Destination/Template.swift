/// Text with places that are filled in at each attempt: `"Bearer {env:PSP_KEY}"`, `"orders.{type}"`, `"{url}"`.
///
/// `{{` and `}}` stand for the braces themselves.
package struct Template: Sendable, Hashable, CustomStringConvertible {
  package enum Part: Sendable, Hashable {
    case text(String)
    /// A variable of the daemon's environment. What it gives is a secret: it is never shown or stored.
    case environment(String)
    /// A field of the message: one of `Template.messageFields`, a path into the body (`body.order.id`), or else a field of
    /// the target's document.
    case field([String])
  }

  package let parts: [Part]

  package init(_ parts: [Part]) { self.parts = parts }

  /// What every message has: its id, its key, the type and the subject of what caused it, its destination and position.
  package static let messageFields = ["id", "key", "type", "subject", "destination", "position"]

  package struct Mistake: Error, CustomStringConvertible {
    package let description: String
  }

  /// - Throws: `Mistake` for a brace without its other half, an empty field, or a name that no environment has.
  package init(parsing text: String) throws(Mistake) {
    var parts: [Part] = []
    var literal = ""
    var rest = Substring(text)
    while let character = rest.popFirst() {
      switch character {
      case "{" where rest.first == "{", "}" where rest.first == "}":
        literal.append(character)
        rest.removeFirst()
      case "}": throw Mistake(description: "a \"}\" has no \"{\" before it")
      case "{":
        guard let end = rest.firstIndex(of: "}") else {
          throw Mistake(description: "\"{\(rest)\" has no \"}\"")
        }
        if !literal.isEmpty { parts.append(.text(literal)) }
        literal = ""
        parts.append(try Self.place(String(rest[..<end])))
        rest = rest[rest.index(after: end)...]
      default: literal.append(character)
      }
    }
    if !literal.isEmpty { parts.append(.text(literal)) }
    self.parts = parts
  }

  private static func place(_ name: String) throws(Mistake) -> Part {
    if name.hasPrefix("env:") {
      let variable = String(name.dropFirst(4))
      guard isVariable(variable) else {
        throw Mistake(description: "\"\(variable)\" is no name of an environment variable")
      }
      return .environment(variable)
    }
    let path = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard !path.contains("") else { throw Mistake(description: "\"{\(name)}\" names no field") }
    return .field(path)
  }

  /// Letters, digits and `_`, not beginning with a digit.
  package static func isVariable(_ name: String) -> Bool {
    guard let first = name.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else { return false }
    return name.utf8.allSatisfy { byte in
      let isDigit = (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
      let isLetter = (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
      return isDigit || isLetter || byte == UInt8(ascii: "_")
    }
  }

  /// Without secrets: as it was written.
  package var description: String {
    parts.map { part in
      switch part {
      case .text(let text): text.replacing("{", with: "{{").replacing("}", with: "}}")
      case .environment(let name): "{env:\(name)}"
      case .field(let path): "{\(path.joined(separator: "."))}"
      }
    }.joined()
  }

  /// Whether nothing of it is written out: a secret is wholly an environment variable's.
  package var isEnvironment: Bool {
    if case .environment? = parts.first { return parts.count == 1 }
    return false
  }

  /// The fields that are not the message's own: those of the target's document.
  package var documentFields: [[String]] {
    parts.compactMap { part in
      guard case .field(let path) = part, path[0] != "body", !Self.messageFields.contains(path[0]) else { return nil }
      return path
    }
  }

  /// Whether a password stands in it: `password=…`, or before the `@` of an address.
  var hasLiteralPassword: Bool {
    let literal = parts.map { if case .text(let text) = $0 { text } else { "\u{0}" } }.joined()
    let authority = literal.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
    return literal.contains("password=") && !literal.contains("password=\u{0}")
      || authority.count > 2 && literal.contains("://")
        && authority[2].prefix { $0 != "/" }.contains("@") && !authority[2].prefix { $0 != "@" }.hasSuffix("\u{0}")
  }
}
