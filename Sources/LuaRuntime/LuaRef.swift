internal import CLuaHost

/// A value that an interpreter holds for the host until it is released. Meaningless in another interpreter.
package struct LuaRef: Hashable, Sendable {
  let number: Int32

  /// The table of words that every environment sees.
  package static let words = LuaRef(number: Int32(MD_LUA_WORDS))
  /// Functions for the host's own Lua code: `setmetatable` (raw), `freeze(table, name, text)`, `where(level)`,
  /// `source(function)`.
  package static let privileged = LuaRef(number: Int32(MD_LUA_PRIVILEGED))
}

/// The number of a shape of lazy records.
package struct LuaShape: Hashable, Sendable {
  let number: Int32
}

/// The number of a host function that computes a field of a record.
package struct LuaHosted: Hashable, Sendable {
  let number: Int32
}
