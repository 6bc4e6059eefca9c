package import Events

/// What became of dead letters (record kind `resolved`).
package struct ResolvedRecord: Equatable, Sendable {
  package enum How: UInt8, Sendable, CustomStringConvertible {
    case retried = 1
    case skipped = 2
    case discarded = 3

    package var description: String {
      switch self {
      case .retried: "retried"
      case .skipped: "skipped"
      case .discarded: "discarded"
      }
    }
  }

  package var how: How
  package var reader: UInt32
  package var letters: [LetterID]
  /// Who acted.
  package var by: String

  package init(_ how: How, reader: UInt32, letters: [LetterID], by: String) {
    (self.how, self.reader, self.letters, self.by) = (how, reader, letters, by)
  }
}

extension ResolvedRecord {
  package func encode(into writer: inout ByteWriter) {
    writer.record(.resolved) { writer in
      writer.field(1, how.rawValue)
      writer.field(2, reader)
      for letter in letters { writer.field(3) { letter.encode(into: &$0) } }
      writer.field(4, by)
    }
  }

  /// From the fields of a record; nil when they are not what `encode` writes.
  package init?(_ fields: FieldReader) {
    var how: How?
    self.init(.retried, reader: 0, letters: [], by: "")
    for field in fields {
      switch field.tag {
      case 1: how = How(rawValue: UInt8(truncatingIfNeeded: field.integer))
      case 2: reader = UInt32(truncatingIfNeeded: field.integer)
      case 3: letters.append(LetterID(field.fields))
      case 4: by = field.text
      default: break
      }
    }
    guard let how, reader > 0 else { return nil }
    self.how = how
  }
}

extension LetterID {
  package func encode(into writer: inout ByteWriter) {
    writer.field(1, commit)
    writer.field(2, index)
  }

  package init(_ fields: FieldReader) {
    var (commit, index) = (UInt64(0), UInt32(0))
    for field in fields {
      switch field.tag {
      case 1: commit = field.integer
      case 2: index = UInt32(truncatingIfNeeded: field.integer)
      default: break
      }
    }
    self.init(commit: commit, index: index)
  }
}
