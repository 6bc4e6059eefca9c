internal import Events

/// Which events a reader wants.
struct EventFilter: Sendable, Equatable {
  enum TypeFilter: Sendable, Equatable {
    case exact([UInt8])
    case prefix([UInt8])

    /// Whether an entry of this type is meant, whatever its kind.
    func matches(_ type: UnsafeRawBufferPointer) -> Bool {
      switch self {
      case .exact(let wanted): EventFilter.isEqual(type, wanted)
      case .prefix(let prefix): EventFilter.isEqual(UnsafeRawBufferPointer(rebasing: type.prefix(prefix.count)), prefix)
      }
    }
  }

  var type: TypeFilter?
  var subject: [UInt8]?
  /// A correlation id as events show it: the one given, else the position of the root.
  var correlation: [UInt8]?
  /// What `correlation` turned out to be the position of: then only the events below this root are meant, not those
  /// that were given the same text.
  var root: Position?

  func matches(_ entry: EntryView, at position: Position) -> Bool {
    guard entry.rawKind == RecordKind.event.rawValue else { return false }
    if let type, !type.matches(entry.type) { return false }
    if let subject, !Self.isEqual(entry.subject, subject) { return false }
    if let root, entry.root != root.rawValue, position != root { return false }
    return correlation.map { Self.shows($0, entry, at: position) } ?? true
  }

  /// Whether the entry, whatever it is, shows this correlation.
  static func shows(_ correlation: [UInt8], _ entry: EntryView, at position: Position) -> Bool {
    if let given = entry.attributes[.correlationid] { return isEqual(given, correlation) }
    let root = entry.root == 0 ? position.rawValue : entry.root
    return Self.position(correlation)?.rawValue == root
  }

  /// The index that finds what is wanted among the fewest events; nil: the log itself must be read.
  var index: EventIndex? {
    if let subject { return .subject(subject) }
    if let root { return .root(root) }
    if case .exact(let type) = type { return .type(type) }
    return nil
  }

  /// The position that a correlation is the text of; nil: it is another text.
  static func position(_ text: [UInt8]) -> Position? {
    guard text.first != UInt8(ascii: "0"), text.first != UInt8(ascii: "+") else { return nil }
    return UInt64(String(decoding: text, as: UTF8.self)).map { Position($0) }
  }

  private static func isEqual(_ left: UnsafeRawBufferPointer, _ right: [UInt8]) -> Bool {
    right.withUnsafeBytes { left.equals($0) }
  }
}
