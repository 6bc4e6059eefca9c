package import Events

/// What has become of a schedule (record kind `schedule`).
package struct ScheduleRecord: Equatable, Sendable {
  package enum What: UInt8, Sendable {
    /// A deploy has brought it, or has changed its times: they count from here.
    case began = 1
    /// A run was made; its entry is in the same commit.
    case ran = 2
    /// Runs have passed that were not made.
    case passed = 3
    /// No script declares it any more; one of that name begins anew.
    case removed = 4
  }

  package var what: What
  package var name: KeyBytes
  /// Began: from when on. Ran: the time that it was due at. Passed: the same of the last one. µs since 1970.
  package var time: Int64 = 0
  /// Of `began`: its times, as text.
  package var recurrence: String?
  /// Of `ran`: the position of what it has made.
  package var position: UInt64 = 0

  package init(_ what: What, _ name: KeyBytes) { (self.what, self.name) = (what, name) }
}

extension ScheduleRecord {
  package func encode(into writer: inout ByteWriter) {
    writer.record(.schedule) { writer in
      writer.field(1, what.rawValue)
      writer.field(2, name.bytes)
      if what != .removed { writer.field(3, time) }
      if let recurrence { writer.field(4, recurrence) }
      if position > 0 { writer.field(5, position) }
    }
  }

  /// From the fields of a record; nil when they are not what `encode` writes.
  package init?(_ fields: FieldReader) {
    var what: What?
    self.init(.began, KeyBytes([]))
    for field in fields {
      switch field.tag {
      case 1: what = What(rawValue: UInt8(truncatingIfNeeded: field.integer))
      case 2: name = KeyBytes(field.value)
      case 3: time = Int64(bitPattern: field.integer)
      case 4: recurrence = field.text
      case 5: position = field.integer
      default: break
      }
    }
    guard let what, !name.bytes.isEmpty else { return nil }
    self.what = what
  }
}
