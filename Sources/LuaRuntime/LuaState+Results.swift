extension LuaState {
  /// Calls a function with one argument and shows what it returned. Allocates nothing in Swift.
  @discardableResult
  package func call(_ function: LuaRef, _ argument: LuaArgument, results: (LuaResults) -> Void) -> LuaOutcome {
    var item = argument.native
    return Self.call(lua, function, &item, 1, results)
  }
}
