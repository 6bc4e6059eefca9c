import Events

/// One step of an instance of a process: what it was resumed with, and what it did until it waited again.
package struct ProcessStep: Equatable, Sendable {
  package enum Kind: UInt8, Sendable, CustomStringConvertible {
    case start = 1
    case event = 2
    /// Of the command that the step before it sent.
    case outcome = 3
    /// To the request that the step before it made.
    case answer = 4
    /// The time of what it waited for had come.
    case timeout = 5
    /// An event of `aborts`, or an operator: it rolls back.
    case abort = 6
    /// An operator: it ends without rolling back.
    case cancel = 7

    package var description: String {
      switch self {
      case .start: "start"
      case .event: "event"
      case .outcome: "outcome"
      case .answer: "answer"
      case .timeout: "timeout"
      case .abort: "abort"
      case .cancel: "cancel"
      }
    }
  }

  package var kind: Kind
  /// What was heard; 0 for a timeout.
  package var position: UInt64
  /// The time of the turn that handed it out, µs.
  package var now: Int64
  /// How many effects it has, and a digest of them.
  package var effects: UInt32
  package var digest: UInt64
  /// The commit that its effects are in; 0: that of the record that says so.
  package var commit: UInt64

  /// Bytes of one in a record.
  static let size = 37

  func encode(into writer: inout ByteWriter) {
    writer.append(kind.rawValue)
    writer.append(position)
    writer.append(UInt64(bitPattern: now))
    writer.append(effects)
    writer.append(digest)
    writer.append(commit)
  }

  init(kind: Kind, position: UInt64, now: Int64, effects: UInt32, digest: UInt64, commit: UInt64 = 0) {
    (self.kind, self.position, self.now) = (kind, position, now)
    (self.effects, self.digest, self.commit) = (effects, digest, commit)
  }

  /// `base`: `size` bytes.
  init?(_ base: UnsafeRawPointer) {
    guard let kind = Kind(rawValue: base.load(as: UInt8.self)) else { return nil }
    self.init(
      kind: kind, position: base.integer(UInt64.self, at: 1),
      now: Int64(bitPattern: base.integer(UInt64.self, at: 9)), effects: base.integer(UInt32.self, at: 17),
      digest: base.integer(UInt64.self, at: 21), commit: base.integer(UInt64.self, at: 29))
  }
}
