package import Events

/// How commands ended (record kind `outcome`), in the commit that decided them.
package struct OutcomeRecord: Equatable, Sendable {
  package enum Result: UInt8, Sendable, CustomStringConvertible {
    case accepted = 1
    case rejected = 2
    /// An operator has given it up.
    case discarded = 3
    /// It waited, and nobody owns it any more.
    case unowned = 4

    package var description: String {
      switch self {
      case .accepted: "accepted"
      case .rejected: "rejected"
      case .discarded: "discarded"
      case .unowned: "unowned"
      }
    }
  }

  package var result: Result
  /// The commands; several only when they were given up together.
  package var commands: [UInt64]
  /// Why it was rejected.
  package var reason: String?
  /// Where its effects begin, and how many there are, of all kinds; they are in the same commit, one after the other.
  package var effects: (first: UInt64, count: UInt32)

  package init(_ result: Result, _ commands: [UInt64], reason: String? = nil) {
    (self.result, self.commands, self.reason) = (result, commands, reason)
    effects = (0, 0)
  }

  package static func == (left: OutcomeRecord, right: OutcomeRecord) -> Bool {
    left.result == right.result && left.commands == right.commands && left.reason == right.reason
      && left.effects == right.effects
  }
}

extension OutcomeRecord {
  package func encode(into writer: inout ByteWriter) {
    writer.record(.outcome) { writer in
      writer.field(1, result.rawValue)
      writer.field(2) { writer in
        for command in commands { writer.append(command) }
      }
      if let reason { writer.field(3, reason) }
      if effects.count > 0 {
        writer.field(4, effects.first)
        writer.field(5, effects.count)
      }
    }
  }

  /// From the fields of a record; nil when they are not what `encode` writes.
  package init?(_ fields: FieldReader) {
    self.init(.accepted, [])
    var result: Result?
    for field in fields {
      switch field.tag {
      case 1: result = Result(rawValue: UInt8(truncatingIfNeeded: field.integer))
      case 2:
        guard field.value.count % 8 == 0, let base = field.value.baseAddress else { return nil }
        for offset in stride(from: 0, to: field.value.count, by: 8) {
          commands.append(base.integer(UInt64.self, at: offset))
        }
      case 3: reason = field.text
      case 4: effects.first = field.integer
      case 5: effects.count = UInt32(truncatingIfNeeded: field.integer)
      default: break
      }
    }
    guard let result, !commands.isEmpty else { return nil }
    self.result = result
  }
}
