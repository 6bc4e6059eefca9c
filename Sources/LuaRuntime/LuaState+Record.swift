internal import CLuaHost

/// A field of a lazy record. Bytes must live until the call has ended.
package enum LuaField {
  case none
  case boolean(Bool)
  case integer(Int64)
  case number(Double)
  case string(UnsafeRawBufferPointer)
  case json(UnsafeRawBufferPointer)
  /// A host function computes it when it is touched.
  case hosted(LuaHosted)

  @inline(__always)
  var native: md_lua_item {
    switch self {
    case .none: LuaArgument.none.native
    case .boolean(let value): LuaArgument.boolean(value).native
    case .integer(let value): LuaArgument.integer(value).native
    case .number(let value): LuaArgument.number(value).native
    case .string(let bytes): LuaArgument.string(bytes).native
    case .json(let bytes): LuaArgument.json(bytes).native
    case .hosted(let function):
      md_lua_item(kind: MD_LUA_HOSTED, id: function.number, length: 0, payload: .init(integer: 0))
    }
  }
}

extension LuaState {
  /// Registers a shape of lazy records: the names of at most 32 fields, each at most 40 bytes. At most 16 shapes.
  ///
  /// A record is an argument whose fields are computed when the script first touches them, JSON included. Give it to a
  /// call as `.record(shape)` after setting each field; none of that allocates.
  package func registerShape(_ names: [StaticString]) throws(LuaError) -> LuaShape {
    let texts = names.map { name in
      md_lua_text(
        bytes: UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self), length: name.utf8CodeUnitCount)
    }
    let number = texts.withUnsafeBufferPointer { md_lua_register_shape(lua, $0.baseAddress!, Int32($0.count)) }
    guard number >= 0 else { throw LuaError(.host, "a shape of records could not be registered") }
    return LuaShape(number: number)
  }

  /// Sets a field, by its place in the shape's names, for the calls that follow.
  @inline(__always)
  package func setField(_ shape: LuaShape, _ position: Int, _ field: LuaField) {
    precondition(position >= 0 && position < 32, "a record has at most 32 fields")
    md_lua_shape_fields(lua, shape.number)![position] = field.native
  }
}
