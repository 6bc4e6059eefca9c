import Events

/// How far each schedule has come: a fold of the log's `schedule` records.
package struct ScheduleStates: Equatable, Sendable {
  package struct Schedule: Equatable, Sendable {
    /// Its times, as text: others count from the deploy that brings them.
    package var recurrence: String
    /// Every run up to this time was made or has passed; µs since 1970. 0: the log has no time yet, and what is due counts
    /// from the first one that it gets.
    package var through: Int64
    /// The last run that was made: when it was due, and where its entry is.
    package var last: Run?
  }

  package struct Run: Equatable, Sendable {
    package var time: Int64
    package var position: UInt64
  }

  private var schedules: [KeyBytes: Schedule] = [:]

  package init() {}

  package var isEmpty: Bool { schedules.isEmpty }
  package subscript(name: KeyBytes) -> Schedule? { schedules[name] }

  /// By the bytes of the names.
  package var sorted: [(name: KeyBytes, schedule: Schedule)] {
    schedules.map { ($0.key, $0.value) }.sorted { $0.0.bytes.lexicographicallyPrecedes($1.0.bytes) }
  }

  /// False when the record makes no sense after those before it.
  mutating func apply(_ record: ScheduleRecord) -> Bool {
    switch record.what {
    case .began:
      let before = schedules[record.name]
      schedules[record.name] = Schedule(
        recurrence: record.recurrence ?? "", through: max(record.time, before?.through ?? 0), last: before?.last)
    case .ran, .passed:
      guard let before = schedules[record.name], record.time > before.through,
        record.what == .passed || record.position > 0
      else { return false }
      schedules[record.name]!.through = record.time
      if record.what == .ran { schedules[record.name]!.last = Run(time: record.time, position: record.position) }
    case .removed: return schedules.removeValue(forKey: record.name) != nil
    }
    return true
  }

  /// The log has got its first time.
  mutating func begin(at time: Int64) {
    for name in schedules.keys where schedules[name]!.through == 0 { schedules[name]!.through = time }
  }

  /// In the order of the names, so that equal states give equal bytes.
  func encode(into writer: inout ByteWriter) {
    for (name, schedule) in sorted {
      writer.field(1) { writer in
        writer.field(1, name.bytes)
        writer.field(2, schedule.recurrence)
        writer.field(3, schedule.through)
        if let last = schedule.last {
          writer.field(4, last.time)
          writer.field(5, last.position)
        }
      }
    }
  }

  /// Nil when the bytes are not what `encode` writes.
  init?(snapshot fields: FieldReader) {
    for field in fields {
      guard field.tag == 1 else { return nil }
      var name = KeyBytes([])
      var (schedule, last) = (Schedule(recurrence: "", through: 0), Run(time: 0, position: 0))
      for part in field.fields {
        switch part.tag {
        case 1: name = KeyBytes(part.value)
        case 2: schedule.recurrence = part.text
        case 3: schedule.through = Int64(bitPattern: part.integer)
        case 4: last.time = Int64(bitPattern: part.integer)
        case 5: last.position = part.integer
        default: return nil
        }
      }
      if last.position > 0 { schedule.last = last }
      guard !name.bytes.isEmpty, schedules.updateValue(schedule, forKey: name) == nil else { return nil }
    }
  }
}
