internal import CLuaHost

/// An assignment, in code that a function reaches, of a local that outlives the call.
package struct LuaAssignment: Sendable, Hashable {
  /// The local's name.
  package var name: String
  package var file: String
  package var line: Int
}

extension LuaState {
  /// Makes every table that a held value can reach read-only, through fields and through the locals that functions
  /// keep. `name` names the value itself in messages.
  package func freeze(_ value: LuaRef, name: String) throws(LuaError) {
    let outcome = md_lua_freeze(lua, value.number, name)
    guard outcome.status == MD_LUA_OK else { throw LuaError(outcome) }
  }

  /// Every assignment of a local that belongs to a file, in this function or in one that it can reach. Empty when the
  /// layout of compiled code is not known.
  package func assignments(in function: LuaRef) throws(LuaError) -> [LuaAssignment] {
    final class Found {
      var list: [LuaAssignment] = []
    }
    let found = Found()
    let outcome = md_lua_each_assignment(lua, function.number, Unmanaged.passUnretained(found).toOpaque()) {
      context, assignment in
      let found = Unmanaged<Found>.fromOpaque(context).takeUnretainedValue()
      let item = assignment.pointee
      found.list.append(LuaAssignment(name: String(item.name), file: String(item.source), line: Int(item.line)))
    }
    guard outcome.status == MD_LUA_OK else { throw LuaError(outcome) }
    return found.list
  }
}
