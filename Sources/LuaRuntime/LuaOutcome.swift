/// How a call ended.
package enum LuaOutcome: Sendable {
  /// It returned so many values.
  case returned(Int)
  /// The script's error. The interpreter can be used again.
  case failed(LuaError)
  /// A host function ended the call through every `pcall` (`LuaReply.abort`).
  case aborted(LuaAbort)
  /// It used up its instructions or time; the interpreter is dead.
  case time(LuaError)
  /// It used up its memory; the interpreter is dead.
  case memory(LuaError)
  /// Not the script's fault: no attempt is counted.
  case host(LuaError)

  /// The error of an outcome that is one.
  package var error: LuaError? {
    switch self {
    case .returned, .aborted: nil
    case .failed(let error), .time(let error), .memory(let error), .host(let error): error
    }
  }
}

/// A call that a host function ended on purpose.
package struct LuaAbort: Sendable, Hashable {
  /// What the host function said: the DSL's own numbering.
  package var kind: Int
  package var message: String
  /// `file:line: ` of the script's call, or empty.
  package var position: String
}
