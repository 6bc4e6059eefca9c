/// How a handler's call ended.
package enum CallOutcome: Sendable {
  /// Its effects are in the batch; `log` is what it wrote, in order (empty, without an allocation, for most calls).
  case done(log: [LogLine])
  /// The unit failed: the batch is as before the call.
  case failed(HandlerFailure)
  /// The host could not make the call; it is not the script's fault and no attempt is counted.
  case hostFault(String)
}

/// Which keys an event has.
package enum KeysOutcome {
  /// None, one or several, without repetitions, in the order the script gives them. An empty key: the event goes by
  /// itself. Valid until the next use of the worker.
  case keys(KeyList)
  case failed(HandlerFailure)
  case hostFault(String)
}

/// Keys in the memory of a worker.
package struct KeyList: RandomAccessCollection {
  let bytes: UnsafeRawBufferPointer
  /// Where each key ends.
  let ends: [Int]

  package var startIndex: Int { 0 }
  package var endIndex: Int { ends.count }
  package subscript(_ index: Int) -> UnsafeRawBufferPointer {
    let start = index == 0 ? 0 : ends[index - 1]
    return UnsafeRawBufferPointer(rebasing: bytes[start..<ends[index]])
  }

  /// More keys than this fail the unit.
  package static let maximumCount = 1000
}

/// Why a call failed, kept with the blocked unit and shown to operators.
package struct HandlerFailure: Sendable {
  package enum Kind: UInt8, Sendable {
    /// An error of the script.
    case error = 1
    /// `fail(message)`: not tried again.
    case fail = 2
    /// Instructions or time used up.
    case time = 3
    case memory = 4
    /// More effects than a call may have.
    case limit = 5
  }

  package let kind: Kind
  /// Begins with `file:line:` where that is known.
  package let message: String
  package let traceback: String
  /// What the call wrote before it failed.
  package let log: [LogLine]
}

/// One line that a handler wrote.
package struct LogLine: Sendable, Hashable {
  package enum Level: UInt8, Sendable, CaseIterable {
    case debug = 1
    case info = 2
    case warn = 3
    case error = 4
  }

  package let level: Level
  /// As the script gave it: control characters are for whoever prints it to escape.
  package let text: String
}

/// What one call may do at most.
package enum CallLimits {
  package static let maximumEffects = 10_000
  package static let maximumEffectBytes = 512 * 1024
  package static let maximumLogLines = 1000
  package static let maximumLogBytes = 64 * 1024
  package static let maximumLineBytes = 4096
}
