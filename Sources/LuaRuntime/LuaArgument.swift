internal import CLuaHost

/// A value on its way into Lua. Bytes are read when the value is pushed and must live until the call has ended.
package enum LuaArgument {
  case none
  case boolean(Bool)
  case integer(Int64)
  case number(Double)
  case string(UnsafeRawBufferPointer)
  /// JSON text, decoded when it is pushed.
  case json(UnsafeRawBufferPointer)
  /// The `null` of JSON.
  case null
  case ref(LuaRef)
  /// A lazy record: its fields were set with `LuaState.setField`. A shape has one live record at a time.
  case record(LuaShape)

  @inline(__always)
  var native: md_lua_item {
    switch self {
    case .none: md_lua_item(kind: MD_LUA_NIL, id: 0, length: 0, payload: .init(integer: 0))
    case .boolean(let value):
      md_lua_item(kind: MD_LUA_BOOLEAN, id: 0, length: 0, payload: .init(integer: value ? 1 : 0))
    case .integer(let value): md_lua_item(kind: MD_LUA_INTEGER, id: 0, length: 0, payload: .init(integer: value))
    case .number(let value): md_lua_item(kind: MD_LUA_NUMBER, id: 0, length: 0, payload: .init(number: value))
    case .string(let bytes):
      md_lua_item(kind: MD_LUA_STRING, id: 0, length: bytes.count, payload: .init(bytes: bytes.baseAddress))
    case .json(let bytes):
      md_lua_item(kind: MD_LUA_JSON, id: 0, length: bytes.count, payload: .init(bytes: bytes.baseAddress))
    case .null: md_lua_item(kind: MD_LUA_NULL, id: 0, length: 0, payload: .init(integer: 0))
    case .ref(let ref): md_lua_item(kind: MD_LUA_REF, id: ref.number, length: 0, payload: .init(integer: 0))
    case .record(let shape):
      md_lua_item(kind: MD_LUA_RECORD, id: shape.number, length: 0, payload: .init(integer: 0))
    }
  }
}
