internal import CLuaHost

/// A function of a script that is called in pieces: from one wait to the next. Meaningless in another interpreter.
package struct LuaCoroutine: Hashable, Sendable {
  let number: Int32
}

/// How far a coroutine has come.
package enum LuaProgress: Sendable {
  /// A host function has put it down (`LuaReply.wait`).
  case waits
  /// It has ended as a call ends and can only be closed.
  case ended(LuaOutcome)
}

extension LuaState {
  /// A coroutine that will call `function`. It counts against the interpreter's memory until it is closed.
  package func makeCoroutine(_ function: LuaRef) throws(LuaError) -> LuaCoroutine {
    let number = md_lua_new_coroutine(lua, function.number)
    guard number >= 0 else { throw LuaError(.host, "there is no memory for a coroutine") }
    return LuaCoroutine(number: number)
  }

  /// Lets a coroutine begin, with the arguments of its function, or go on, with what the host function that put it down
  /// returns: each time with a whole budget of instructions and time. Of what it returns at its end at most eight values
  /// are shown. It is the host's fault to resume one that has ended, or to resume inside of a call.
  package func resume(
    _ coroutine: LuaCoroutine, _ values: [LuaArgument] = [], results: (LuaResults) -> Void = { _ in }
  ) -> LuaProgress {
    let outcome = values.map(\.native).withUnsafeBufferPointer {
      md_lua_resume(lua, coroutine.number, $0.baseAddress, Int32($0.count))
    }
    if outcome.status == MD_LUA_WAITS { return .waits }
    guard outcome.status == MD_LUA_OK else { return .ended(Self.failure(outcome)) }
    results(LuaResults(lua: lua, first: outcome.first, count: Int(outcome.count)))
    if outcome.count > 0 { md_lua_pop_to(lua, outcome.first) }
    return .ended(.returned(Int(outcome.count)))
  }

  /// Gives up a coroutine, wherever it is: what it held is garbage. Nothing of the script runs any more.
  package func close(_ coroutine: LuaCoroutine) { md_lua_close_coroutine(lua, coroutine.number) }
}
