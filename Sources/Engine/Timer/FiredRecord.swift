package import Events

/// Timers that have fired (record kind `fired`), in the commit that holds their events, in the same order.
package struct FiredRecord: Equatable, Sendable {
  package struct Timer: Equatable, Sendable {
    package var position: UInt64
    package var name: TimerName?

    package init(position: UInt64, name: TimerName?) { (self.position, self.name) = (position, name) }
  }

  package var timers: [Timer] = []

  package init(_ timers: [Timer] = []) { self.timers = timers }
}

extension FiredRecord {
  private static let timerSize = 24

  package func encode(into writer: inout ByteWriter) {
    writer.record(.fired) { writer in
      writer.field(1) { writer in
        for timer in timers {
          writer.append(timer.position)
          writer.append(timer.name?.high ?? 0)
          writer.append(timer.name?.low ?? 0)
        }
      }
    }
  }

  /// From the fields of a record; nil when they are not what `encode` writes.
  package init?(_ fields: FieldReader) {
    for field in fields where field.tag == 1 {
      guard field.value.count % Self.timerSize == 0, let base = field.value.baseAddress else { return nil }
      for offset in stride(from: 0, to: field.value.count, by: Self.timerSize) {
        let name = TimerName(
          high: base.integer(UInt64.self, at: offset + 8), low: base.integer(UInt64.self, at: offset + 16))
        let isNamed = name.high != 0 || name.low != 0
        timers.append(Timer(position: base.integer(UInt64.self, at: offset), name: isNamed ? name : nil))
      }
    }
    if timers.isEmpty { return nil }
  }
}
