internal import CLuaHost

/// What a host function wants to happen. Errors are raised in Lua after the Swift function has returned.
package enum LuaReply {
  /// The results that were added with `LuaCall.add…`, in that order.
  case done
  /// An error of the script, with `file:line: ` of the call in front.
  case error(String)
  /// An error whose message is complete.
  case bareError(String)
  /// Ends the script's whole call, through every `pcall`.
  case abort(kind: Int, message: String)
  /// Puts the coroutine down (`LuaState.resume`): what it is resumed with are the results of this call. Only when
  /// `LuaCall.canWait`.
  case wait
}

/// The call of a host function by a script: its arguments and where its results go.
package struct LuaCall: ~Copyable {
  let frame: UnsafeMutablePointer<md_lua_frame>

  /// Number of arguments.
  package var count: Int { Int(frame.pointee.arguments) }

  /// An argument, counted from 0; one that was not given holds nothing.
  package subscript(position: Int) -> LuaSlot {
    LuaSlot(lua: frame.pointee.lua, index: position < count ? Int32(position) + 1 : LuaSlot.nothing)
  }

  /// Adds a result. At most eight; bytes are copied. JSON that does not decode raises in the script.
  package func add(_ result: LuaArgument) {
    switch result {
    case .string(let bytes): md_lua_return_bytes(frame, MD_LUA_STRING, bytes.baseAddress, bytes.count)
    case .json(let bytes): md_lua_return_bytes(frame, MD_LUA_JSON, bytes.baseAddress, bytes.count)
    default:
      precondition(frame.pointee.results < 8, "a host function returns at most eight values")
      let position = Int(frame.pointee.results)
      frame.pointee.results += 1
      withUnsafeMutableBytes(of: &frame.pointee.result) { items in
        items.bindMemory(to: md_lua_item.self)[position] = result.native
      }
    }
  }

  /// Adds a text as a result.
  package func add(_ text: String) {
    var text = text
    text.withUTF8 { add(.string(UnsafeRawBufferPointer($0))) }
  }

  /// Calls a function that the state holds, within the budget of the call under way.
  package func call(_ function: LuaRef, _ arguments: LuaArgument...) -> LuaOutcome {
    LuaState.call(frame.pointee.lua, function, arguments.map(\.native)) { _ in }
  }

  /// Runs `body` while the clock of the script's call stands still: for work of the host that has a limit of its own.
  package func withoutClock<Result>(_ body: () -> Result) -> Result {
    let lua = frame.pointee.lua
    md_lua_stop_clock(lua)
    defer { md_lua_continue_clock(lua) }
    return body()
  }

  /// Whether `LuaReply.wait` is possible: a coroutine runs, and between its beginning and this call lies no function of the
  /// library that calls back, such as `table.sort`.
  package var canWait: Bool { md_lua_can_yield(frame.pointee.lua) }

  /// The next 64 bits of the generator that `LuaState.seed` set.
  package func random() -> UInt64 { md_lua_random(frame.pointee.lua) }
}

/// Keeps a host function for as long as its interpreter lives.
final class HostFunction {
  let body: (borrowing LuaCall) -> LuaReply

  init(_ body: @escaping (borrowing LuaCall) -> LuaReply) { self.body = body }
}

/// What Lua's trampoline calls. Nothing raises while this frame exists.
func runHostFunction(
  _ context: UnsafeMutableRawPointer, _ frame: UnsafeMutablePointer<md_lua_frame>
) -> md_lua_status {
  let reply = Unmanaged<HostFunction>.fromOpaque(context)._withUnsafeGuaranteedRef { $0.body(LuaCall(frame: frame)) }
  switch reply {
  case .done: return MD_LUA_OK
  case .wait: return MD_LUA_WAITS
  case .error(let message): return fail(frame, message, kind: 0, position: true, MD_LUA_ERROR)
  case .bareError(let message): return fail(frame, message, kind: 0, position: false, MD_LUA_ERROR)
  case .abort(let kind, let message): return fail(frame, message, kind: kind, position: false, MD_LUA_ABORTED)
  }
}

private func fail(
  _ frame: UnsafeMutablePointer<md_lua_frame>, _ message: String, kind: Int, position: Bool, _ status: md_lua_status
) -> md_lua_status {
  var message = message
  message.withUTF8 { md_lua_fail(frame.pointee.lua, $0.baseAddress, $0.count, Int32(kind), position) }
  return status
}
