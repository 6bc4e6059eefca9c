package import Events

/// What one batch did to its reader (record kind `progress`): how far it read, which units failed, which wait behind
/// a failed one, which waiting ones are done.
package struct ProgressRecord: Equatable, Sendable {
  package var reader: UInt32
  /// Every unit up to here is handled, blocked or dead.
  package var through: UInt64
  package var failed: [FailedUnit] = []
  package var queued: [QueuedUnits] = []
  package var handled: [QueuedUnits] = []
  /// Waiting units that were not called, since their type is not heard any more: resolved as `not heard`.
  package var unheard: [QueuedUnits] = []
  /// Of a destination: messages that were delivered, or whose sender was told that they cannot be.
  package var settled: UInt32 = 0

  package init(reader: UInt32, through: UInt64) {
    self.reader = reader
    self.through = through
  }

  /// One call that failed, and what becomes of its key.
  package struct FailedUnit: Equatable, Sendable {
    package enum Disposition: UInt8, Sendable {
      /// Called again at `nextTry`; its followers wait.
      case retry = 0
      /// A dead letter; its followers wait for an operator.
      case deadAndBlocking = 1
      /// A dead letter; its followers go on.
      case deadAndSkipped = 2
    }

    package var position: UInt64
    package var key: KeyBytes
    /// How many calls have failed, this one included; 0 for a fault of the host's, which counts no attempt.
    package var attempt: UInt32
    package var kind: FailureKind
    package var message: String
    package var traceback: String
    package var log: [String]
    package var scriptHash: ContentHash?
    /// When it happened (µs since 1970).
    package var time: Int64
    package var disposition: Disposition
    /// µs since 1970; meaningless for a dead letter.
    package var nextTry: Int64
    /// The commit that holds the failure before this one; 0: this is the unit's first.
    package var previous: UInt64 = 0
    /// What failed is the call of an instance at its deadline; its position is that of the event that opened it.
    package var wake: InstancePlace?
  }

  /// Units of one key, ascending.
  package struct QueuedUnits: Equatable, Sendable {
    package var key: KeyBytes
    package var positions: [UInt64]
  }
}

/// Why a call failed.
package enum FailureKind: UInt8, Sendable, CustomStringConvertible {
  case error = 0
  /// The script called `fail`: no retry.
  case refused = 1
  case time = 2
  case memory = 3
  /// A limit on effects.
  case limit = 4
  /// The host's fault (a file that cannot be read): no attempt is counted.
  case host = 5

  package var description: String {
    switch self {
    case .error: "error"
    case .refused: "fail"
    case .time: "time"
    case .memory: "memory"
    case .limit: "limit"
    case .host: "host"
    }
  }
}

extension ProgressRecord {
  package func encode(into writer: inout ByteWriter) {
    writer.record(.progress) { writer in
      writer.field(1, reader)
      writer.field(2, through)
      for unit in failed { writer.field(3) { unit.encode(into: &$0) } }
      for units in queued { writer.field(4) { units.encode(into: &$0) } }
      for units in handled { writer.field(5) { units.encode(into: &$0) } }
      for units in unheard { writer.field(6) { units.encode(into: &$0) } }
      if settled > 0 { writer.field(7, settled) }
    }
  }

  /// From the fields of a record; nil when they are not what `encode` writes.
  package init?(_ fields: FieldReader) {
    self.init(reader: 0, through: 0)
    for field in fields {
      switch field.tag {
      case 1: reader = UInt32(truncatingIfNeeded: field.integer)
      case 2: through = field.integer
      case 3:
        guard let unit = FailedUnit(field.fields) else { return nil }
        failed.append(unit)
      case 4: queued.append(QueuedUnits(field.fields))
      case 5: handled.append(QueuedUnits(field.fields))
      case 6: unheard.append(QueuedUnits(field.fields))
      case 7: settled = UInt32(truncatingIfNeeded: field.integer)
      default: break
      }
    }
    guard reader > 0 else { return nil }
  }
}

extension ProgressRecord.FailedUnit {
  package func encode(into writer: inout ByteWriter) {
    writer.field(1, position)
    writer.field(2, key.bytes)
    writer.field(3, attempt)
    writer.field(4, kind.rawValue)
    writer.field(5, message)
    if !traceback.isEmpty { writer.field(6, traceback) }
    for line in log { writer.field(7, line) }
    if let scriptHash { writer.field(8, scriptHash.bytes) }
    writer.field(9, time)
    writer.field(10, disposition.rawValue)
    if disposition == .retry { writer.field(11, nextTry) }
    if previous > 0 { writer.field(12, previous) }
    if let wake {
      writer.field(13, wake.keyHash)
      writer.field(14, wake.place)
    }
  }

  package init?(_ fields: FieldReader) {
    self.init(
      position: 0, key: KeyBytes([]), attempt: 0, kind: .error, message: "", traceback: "", log: [],
      scriptHash: nil, time: 0, disposition: .retry, nextTry: 0)
    var wake = InstancePlace(keyHash: 0, place: 0)
    for field in fields {
      switch field.tag {
      case 1: position = field.integer
      case 2: key = KeyBytes(field.value)
      case 3: attempt = UInt32(truncatingIfNeeded: field.integer)
      case 4: kind = FailureKind(rawValue: UInt8(truncatingIfNeeded: field.integer)) ?? .error
      case 5: message = field.text
      case 6: traceback = field.text
      case 7: log.append(field.text)
      case 8: scriptHash = ContentHash(bytes: field.array)
      case 9: time = Int64(bitPattern: field.integer)
      case 10:
        guard let value = Disposition(rawValue: UInt8(truncatingIfNeeded: field.integer)) else { return nil }
        disposition = value
      case 11: nextTry = Int64(bitPattern: field.integer)
      case 12: previous = field.integer
      case 13: wake.keyHash = field.integer
      case 14: wake.place = field.integer
      default: break
      }
    }
    guard position > 0 else { return nil }
    if wake.place > 0 { self.wake = wake }
  }
}

extension ProgressRecord.QueuedUnits {
  package func encode(into writer: inout ByteWriter) {
    writer.field(1, key.bytes)
    writer.field(2) { writer in
      for position in positions { writer.append(position) }
    }
  }

  package init(_ fields: FieldReader) {
    self.init(key: KeyBytes([]), positions: [])
    for field in fields {
      switch field.tag {
      case 1: key = KeyBytes(field.value)
      case 2:
        guard let base = field.value.baseAddress else { continue }
        for offset in stride(from: 0, to: field.value.count - 7, by: 8) {
          positions.append(base.integer(UInt64.self, at: offset))
        }
      default: break
      }
    }
  }
}
