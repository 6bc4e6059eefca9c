internal import CLuaHost

extension LuaState {
  /// A new table for the globals of one file, which sees the words. While the file loads it can assign them.
  package func makeEnvironment() throws(LuaError) -> LuaRef {
    let number = md_lua_new_environment(lua)
    guard number >= 0 else { throw LuaError(.host, "there is no memory for an environment") }
    return LuaRef(number: number)
  }

  /// Makes every table among the words (`string`, `json` …) read-only. Call it once all words are registered and before
  /// the first script is loaded.
  package func sealWords() throws(LuaError) { try check(md_lua_seal_words(lua)) }

  /// What scripts are told when they change what is read-only. Each text has one `%s`: the name of the table that
  /// belongs to a file, the name of the global. At most 255 bytes.
  package func setMessages(table: String, global: String) { md_lua_set_messages(lua, table, global) }

  /// From now on assigning a global of this environment is an error. The words are found with one hop.
  package func freezeEnvironment(_ environment: LuaRef) throws(LuaError) {
    try check(md_lua_freeze_environment(lua, environment.number))
  }

  private func check(_ outcome: md_lua_outcome) throws(LuaError) {
    guard outcome.status == MD_LUA_OK else { throw LuaError(outcome) }
  }
}
