internal import CLuaHost

/// The fields of a shape's record, found once: setting one is a store. Valid as long as the state lives.
package struct LuaFields {
  private let items: UnsafeMutablePointer<md_lua_item>
  private let count: Int

  init(items: UnsafeMutablePointer<md_lua_item>, count: Int) {
    self.items = items
    self.count = count
  }

  /// Sets a field, by its place in the shape's names, for the calls that follow.
  package func set(_ position: Int, _ field: LuaField) {
    precondition(position >= 0 && position < count, "a field that the shape does not have")
    items[position] = field.native
  }

  /// Sets a field to text, or to nothing when it is empty.
  package func set(_ position: Int, text: UnsafeRawBufferPointer) {
    set(position, text.isEmpty ? .none : .string(text))
  }
}

extension LuaState {
  /// Where the fields of a shape lie.
  package func fields(of shape: LuaShape) -> LuaFields {
    guard let items = md_lua_shape_fields(lua, shape.number) else { preconditionFailure("a shape of another state") }
    return LuaFields(items: items, count: 32)
  }
}
