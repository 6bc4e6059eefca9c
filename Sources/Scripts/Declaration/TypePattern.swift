internal import Events

/// What a handler hears: one event type, or all types that begin with a prefix (`"Payment*"`).
package struct TypePattern: Hashable, Sendable, CustomStringConvertible {
  /// Without the star.
  package let text: String
  package let isPrefix: Bool

  /// Nil when `written` is neither a type nor a prefix followed by one star.
  package init?(_ written: String) {
    isPrefix = written.hasSuffix("*")
    text = isPrefix ? String(written.dropLast()) : written
    guard isPrefix && text.isEmpty || NameRule.type.allows(text) else { return nil }
  }

  /// The messages of one destination, whose name may be any text.
  init(destination name: String) { (text, isPrefix) = (name, false) }

  package var description: String { isPrefix ? text + "*" : text }

  /// As the key of a table: in brackets unless it is a name.
  var key: String {
    let isName = !isPrefix && text.utf8.allSatisfy { $0 != UInt8(ascii: ".") && $0 != UInt8(ascii: "-") }
    return isName ? text : "[\"\(description)\"]"
  }

  /// The host's own types are heard only by patterns that begin so, never by `"*"` or `"m*"`.
  package func matches(_ type: String) -> Bool {
    if !isPrefix { return type == text }
    return type.hasPrefix(text) && (!type.hasPrefix(NameRule.hostPrefix) || text.hasPrefix(NameRule.hostPrefix))
  }
}

extension TypePattern {
  /// Each once, in the order of their bytes: that of a declaration's handlers.
  static func sorted(_ patterns: [TypePattern]) -> [TypePattern] {
    Set(patterns).sorted { $0.description.utf8.lexicographicallyPrecedes($1.description.utf8) }
  }

  /// As `matches`, of the bytes of an entry.
  package func matches(_ type: UnsafeRawBufferPointer) -> Bool {
    let own = text.utf8
    if !isPrefix { return own.elementsEqual(type) }
    return type.starts(with: own) && (!NameRule.isHostType(type) || text.hasPrefix(NameRule.hostPrefix))
  }
}

/// The patterns of one consumer, ready to be asked for every event: flat bytes, no allocation.
struct Hearing: Sendable {
  private struct Entry: Sendable {
    let start: Int
    let count: Int
    let hearsHost: Bool
    let index: Int
  }

  private let bytes: [UInt8]
  private let exact: [Entry]
  /// Longest first.
  private let prefixes: [Entry]

  init(_ patterns: [TypePattern]) {
    var bytes: [UInt8] = []
    var (exact, prefixes): ([Entry], [Entry]) = ([], [])
    for (index, pattern) in patterns.enumerated() {
      let entry = Entry(
        start: bytes.count, count: pattern.text.utf8.count, hearsHost: pattern.text.hasPrefix(NameRule.hostPrefix),
        index: index)
      bytes.append(contentsOf: pattern.text.utf8)
      if pattern.isPrefix { prefixes.append(entry) } else { exact.append(entry) }
    }
    self.bytes = bytes
    self.exact = exact
    self.prefixes = prefixes.sorted { $0.count > $1.count }
  }

  /// The pattern for a type: the exact one first, else the longest prefix; nil when none matches.
  func index(forType type: UnsafeRawBufferPointer) -> Int? {
    bytes.withUnsafeBytes { all -> Int? in
      for entry in exact where entry.count == type.count {
        if type.equals(UnsafeRawBufferPointer(rebasing: all[entry.start..<entry.start + entry.count])) {
          return entry.index
        }
      }
      if prefixes.isEmpty { return nil }
      let isHostType = NameRule.isHostType(type)
      for entry in prefixes where entry.count <= type.count && (entry.hearsHost || !isHostType) {
        let beginning = UnsafeRawBufferPointer(rebasing: type[..<entry.count])
        if beginning.equals(UnsafeRawBufferPointer(rebasing: all[entry.start..<entry.start + entry.count])) {
          return entry.index
        }
      }
      return nil
    }
  }
}
