/// Who sets a timer, for which of its keys, and under which name. A timer with a name takes the place of the pending one
/// of the same reader, key and name.
package struct TimerScope {
  /// The reader's number.
  package let reader: UInt32
  /// Empty for an event that goes by itself.
  package let key: UnsafeRawBufferPointer
  /// Nil: no other timer takes its place, and nobody can cancel it.
  package let id: UnsafeRawBufferPointer?

  package init(reader: UInt32, key: UnsafeRawBufferPointer, id: UnsafeRawBufferPointer? = nil) {
    (self.reader, self.key, self.id) = (reader, key, id)
  }
}

/// Entries of the kind `timer`: an event that is to come, or, without a due time, the end of a pending one.
extension EntryBatch {
  /// A chain of causes that waits this long (µs) is no circle that runs away: behind such a timer the depth is counted
  /// anew, so that a script may wake itself every minute for years.
  package static let restfulWait: Int64 = 1_000_000

  /// Adds a timer: an event of `type` on `subject` with `data`, JSON, when `due` (µs since 1970) has come.
  ///
  /// - cause: what was handled, at `position`. - origin: where the cause of an instance of a process, which may be an older
  ///   event, stands; nil: there too. - now: the time of the call, µs.
  package func addTimer(
    due: Int64, now: Int64, scope: TimerScope, type: UnsafeRawBufferPointer, subject: UnsafeRawBufferPointer,
    data: UnsafeRawBufferPointer, contractVersion: UInt16 = 0, cause: EntryView, at position: UInt64,
    origin: UInt64? = nil
  ) {
    let depth = due - now >= Self.restfulWait ? 0 : min(cause.depth + 1, EntryView.maximumDepth)
    begin(
      kind: .timer, type: type, subject: subject, data: data, encoding: .json, cause: position,
      root: cause.rootHere(at: origin ?? position), depth: depth, contractVersion: contractVersion)
    inheritAttributes(of: cause)
    addAttribute(.due, integer: due)
    add(scope)
    end()
  }

  /// Adds the end of the pending timer with the scope's name, if there is one.
  package func addTimerEnd(scope: TimerScope, cause: EntryView, at position: UInt64, origin: UInt64? = nil) {
    begin(
      kind: .timer, type: EntryView.timerEndType.bytes,
      subject: cause.subject, data: UnsafeRawBufferPointer(start: nil, count: 0), encoding: .none, cause: position,
      root: cause.rootHere(at: origin ?? position), depth: min(cause.depth + 1, EntryView.maximumDepth))
    inheritAttributes(of: cause)
    add(scope)
    end()
  }

  /// Adds the event of a timer that stands at `position`.
  package func addEvent(of timer: EntryView, at position: UInt64) {
    begin(
      kind: .event, type: timer.type, subject: timer.subject, data: timer.data, encoding: timer.dataEncoding,
      cause: position, root: timer.rootHere(at: position), depth: min(timer.depth + 1, EntryView.maximumDepth),
      contractVersion: timer.contractVersion)
    inheritAttributes(of: timer)
    end()
  }

  private func add(_ scope: TimerScope) {
    addAttribute(.timerreader, integer: Int64(scope.reader))
    if !scope.key.isEmpty { addAttribute(.timerkey, scope.key) }
    if let id = scope.id { addAttribute(.timerid, id) }
  }

  private func addAttribute(_ name: AttributeName, integer: Int64) {
    withUnsafeBytes(of: integer.littleEndian) { addAttribute(name, $0, as: .integer) }
  }
}

extension EntryView {
  /// What the type of a timer entry is that ends another.
  package static let timerEndType: StaticString = "moondance.timer.cancelled"

  /// Of a timer: when it is due, µs since 1970; nil: the entry ends another timer.
  package var due: Int64? {
    guard let value = attributes[.due], value.count == 8, let base = value.baseAddress else { return nil }
    return Int64(bitPattern: base.integer(UInt64.self, at: 0))
  }

  /// Of a timer: who set it. Lives as long as the entry.
  package var timerScope: TimerScope {
    var reader: UInt32 = 0
    var key = UnsafeRawBufferPointer(start: nil, count: 0)
    var id: UnsafeRawBufferPointer?
    for attribute in attributes {
      switch attribute.known {
      case .timerreader?:
        if attribute.value.count == 8, let base = attribute.value.baseAddress {
          reader = UInt32(truncatingIfNeeded: base.integer(UInt64.self, at: 0))
        }
      case .timerkey?: key = attribute.value
      case .timerid?: id = attribute.value
      default: break
      }
    }
    return TimerScope(reader: reader, key: key, id: id)
  }
}
