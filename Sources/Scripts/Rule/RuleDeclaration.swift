internal import LuaRuntime

/// A `rule` as its script declares it: what must come together, how long it is waited for, and what is done then.
package struct RuleDeclaration: Sendable, Hashable {
  package enum Shape: UInt8, Sendable {
    /// Every event is answered.
    case each = 0
    /// One event of each type: `all`.
    case join = 1
    /// An event that is not followed by another one in time: `unless`.
    case absence = 2
    /// So many events, or so many of the last ones: `count`.
    case count = 3
  }

  package enum Again: Sendable, Hashable {
    /// Once for each key.
    case never
    case always
    /// When the count has fallen below `count`.
    case cleared
  }

  package enum Effect: Sendable, Hashable {
    case emit(String)
    /// An event that comes after a span, in µs.
    case after(Int64, String)
    case send(String)
    case publish(String)
  }

  /// What one of the patterns that it hears means to it.
  package struct Role: Sendable, Hashable {
    package let isWhen: Bool
    package let isUnless: Bool
  }

  package let shape: Shape
  /// Of a join: exact types, each of which must come.
  package let when: [TypePattern]
  package let unless: [TypePattern]
  /// µs.
  package let within: Int64?
  package let count: Int
  /// How many of the last `when` events are looked at; nil: those that satisfy `where`.
  package let of: Int?
  package let again: Again
  /// Nil: nothing is done when the events have come.
  package let effect: Effect?
  /// Emitted when the time is over.
  package let otherwise: String?
  /// Emitted when the count has fallen.
  package let cleared: String?
  /// The subject of a command, or the target of a message; nil: the key, or what a function says.
  package let to: String?
  package let hasWhere: Bool
  /// By the index of the declaration's handlers.
  package let roles: [Role]

  /// The most events that a rule counts.
  package static let mostCounted = 1000

  /// Whether anything is kept between two events.
  package var keepsInstances: Bool { shape != .each }

  /// The events that it emits.
  package var emitted: [String] {
    var types: [String] = []
    switch effect {
    case .emit(let type)?, .after(_, let type)?: types.append(type)
    case .send?, .publish?, nil: break
    }
    return types + [otherwise, cleared].compactMap { $0 }
  }

  /// The rule as a sentence, for people.
  package var summary: String {
    let types = when.map(\.description).joined(separator: shape == .join ? " and " : " or ")
    var text = "when \(types)"
    if hasWhere { text += " where …" }
    if shape == .count { text += ", \(count)\(of.map { " of the last \($0)" } ?? " times")" }
    if !unless.isEmpty { text += ", unless \(unless.map(\.description).joined(separator: " or "))" }
    if let within { text += " within \(Span.text(within))" }
    switch effect {
    case .emit(let type)?: text += ": emit \(type)"
    case .after(let span, let type)?: text += ": emit \(type) after \(Span.text(span))"
    case .send(let command)?: text += ": send \(command)"
    case .publish(let destination)?: text += ": publish to \(destination)"
    case nil: break
    }
    if let otherwise { text += "\(effect == nil ? ": " : ", ")otherwise emit \(otherwise)" }
    if let cleared { text += ", cleared emit \(cleared)" }
    return text
  }

  /// What a pattern that is heard means, given those of `when` and of `unless`.
  static func role(of pattern: TypePattern, when: [TypePattern], unless: [TypePattern]) -> Role {
    func covers(_ other: TypePattern) -> Bool {
      other == pattern
        || other.isPrefix && (pattern.isPrefix ? pattern.text.hasPrefix(other.text) : other.matches(pattern.text))
    }
    return Role(isWhen: when.contains(where: covers), isUnless: unless.contains(where: covers))
  }
}

/// The functions of a rule, in one interpreter.
struct RuleFunctions {
  var condition: LuaRef?
  var data: LuaRef?
  var target: LuaRef?

  var all: [LuaRef] { [condition, data, target].compactMap { $0 } }
}
