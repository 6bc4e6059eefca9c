internal import CLuaHost

extension LuaState {
  /// Calls a function with one argument and shows what it returned. Allocates nothing in Swift.
  @discardableResult
  package func call(_ function: LuaRef, _ argument: LuaArgument, results: (LuaResults) -> Void) -> LuaOutcome {
    var item = argument.native
    return Self.call(lua, function, &item, 1, results)
  }

  /// As `call`, with three arguments.
  @discardableResult
  package func call(
    _ function: LuaRef, _ first: LuaArgument, _ second: LuaArgument, _ third: LuaArgument,
    results: (LuaResults) -> Void
  ) -> LuaOutcome {
    withUnsafeTemporaryAllocation(of: md_lua_item.self, capacity: 3) { items in
      items.initializeElement(at: 0, to: first.native)
      items.initializeElement(at: 1, to: second.native)
      items.initializeElement(at: 2, to: third.native)
      return Self.call(lua, function, items.baseAddress, 3, results)
    }
  }
}
