package import Events

/// A change in a reader's life (record kind `reader`).
package struct ReaderChange: Equatable, Sendable {
  package enum What: UInt8, Sendable {
    case created = 1
    /// Hears other types than before; `cursor` says from where on.
    case hearingChanged = 2
    case paused = 3
    case resumed = 4
    case rewound = 5
    case forgotten = 6
    /// No script declares it any more. Cursor and blocked work stay.
    case removed = 7
    /// Declared again after it was removed.
    case returned = 8
    /// Same hearing, other code: what is blocked is tried anew.
    case codeChanged = 9
  }

  package enum Kind: UInt8, Sendable, CustomStringConvertible {
    case consumer = 1
    case rule = 2
    case process = 3
    case aggregate = 4
    case projection = 5
    case destination = 6

    package var description: String {
      switch self {
      case .consumer: "consumer"
      case .rule: "rule"
      case .process: "process"
      case .aggregate: "aggregate"
      case .projection: "projection"
      case .destination: "destination"
      }
    }
  }

  package var what: What
  /// Numbers begin at 1 and are never used again.
  package var reader: UInt32
  package var kind: Kind = .consumer
  package var name: String = ""
  /// The reader's cursor after the change.
  package var cursor: UInt64?
  /// The patterns it hears, `Payment*` for a prefix.
  package var hearing: [String]?
  package var scriptHash: ContentHash?
  /// Identifies the `key =` of the declaration; empty for the default.
  package var keyRule: String?
  /// Who asked for it, when a person did.
  package var by: String?
  /// Paused or resumed is one key of a destination, and not all of it.
  package var key: KeyBytes?

  package init(_ what: What, reader: UInt32) {
    self.what = what
    self.reader = reader
  }
}

extension ReaderChange {
  package func encode(into writer: inout ByteWriter) {
    writer.record(.reader) { writer in
      writer.field(1, what.rawValue)
      writer.field(2, reader)
      writer.field(3, kind.rawValue)
      if !name.isEmpty { writer.field(4, name) }
      if let cursor { writer.field(5, cursor) }
      if let hearing {
        writer.field(6) { writer in
          for pattern in hearing { writer.field(1, pattern) }
        }
      }
      if let scriptHash { writer.field(7, scriptHash.bytes) }
      if let keyRule { writer.field(8, keyRule) }
      if let by { writer.field(9, by) }
      if let key { writer.field(10, key.bytes) }
    }
  }

  /// From the fields of a record; nil when they are not what `encode` writes.
  package init?(_ fields: FieldReader) {
    self.init(.created, reader: 0)
    for field in fields {
      switch field.tag {
      case 1:
        guard let value = What(rawValue: UInt8(truncatingIfNeeded: field.integer)) else { return nil }
        what = value
      case 2: reader = UInt32(truncatingIfNeeded: field.integer)
      case 3:
        guard let value = Kind(rawValue: UInt8(truncatingIfNeeded: field.integer)) else { return nil }
        kind = value
      case 4: name = field.text
      case 5: cursor = field.integer
      case 6: hearing = field.fields.map(\.text)
      case 7: scriptHash = ContentHash(bytes: field.array)
      case 8: keyRule = field.text
      case 9: by = field.text
      case 10: key = KeyBytes(field.value)
      default: break
      }
    }
    guard reader > 0 else { return nil }
  }
}
