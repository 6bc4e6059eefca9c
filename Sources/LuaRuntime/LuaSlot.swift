internal import CLuaHost
package import Events

/// What a slot holds.
package enum LuaKind: Sendable, Hashable {
  case none, boolean, integer, number, string, null, table, function, other

  init(_ kind: md_lua_kind) {
    switch kind {
    case MD_LUA_NIL: self = .none
    case MD_LUA_BOOLEAN: self = .boolean
    case MD_LUA_INTEGER: self = .integer
    case MD_LUA_NUMBER: self = .number
    case MD_LUA_STRING: self = .string
    case MD_LUA_NULL: self = .null
    case MD_LUA_TABLE: self = .table
    case MD_LUA_FUNCTION: self = .function
    default: self = .other
    }
  }

  /// For messages: what `type` says.
  package var name: String {
    switch self {
    case .none: "nil"
    case .boolean: "boolean"
    case .integer, .number: "number"
    case .string: "string"
    case .null: "null"
    case .table: "table"
    case .function: "function"
    case .other: "userdata"
    }
  }
}

/// A value on the Lua stack: an argument of a host function, a result of a call, an entry of a table that is visited.
///
/// A view: valid inside the closure or host function that was given it. Access is raw, calls no script code and sees
/// through read-only tables.
package struct LuaSlot {
  let lua: OpaquePointer
  let index: Int32

  /// A slot beyond the largest stack: it holds nothing.
  static let nothing: Int32 = 1_000_000

  package var kind: LuaKind { LuaKind(md_lua_slot_kind(lua, index)) }

  package var isNone: Bool { md_lua_slot_kind(lua, index) == MD_LUA_NIL }

  package var boolean: Bool? { kind == .boolean ? md_lua_slot_boolean(lua, index) : nil }

  /// Floats with an integral value count, as they do in Lua.
  package var integer: Int64? {
    switch md_lua_slot_kind(lua, index) {
    case MD_LUA_INTEGER: md_lua_slot_integer(lua, index)
    case MD_LUA_NUMBER: Int64(exactly: md_lua_slot_number(lua, index))
    default: nil
    }
  }

  package var number: Double? {
    switch md_lua_slot_kind(lua, index) {
    case MD_LUA_INTEGER, MD_LUA_NUMBER: md_lua_slot_number(lua, index)
    default: nil
    }
  }

  /// The bytes of a string, without a copy; any bytes, not only UTF-8.
  package var string: UnsafeRawBufferPointer? {
    guard md_lua_slot_kind(lua, index) == MD_LUA_STRING else { return nil }
    return UnsafeRawBufferPointer(md_lua_slot_string(lua, index))
  }

  /// A string as text for people; invalid UTF-8 is repaired.
  package var text: String? { string.map { String(decoding: $0, as: UTF8.self) } }

  /// Elements of a list without holes.
  package var length: Int { Int(md_lua_slot_length(lua, index)) }

  /// Whether a table is marked as a list: it came from a JSON array or from `array{}`.
  package var isArray: Bool { md_lua_slot_is_array(lua, index) }

  /// Where a function was defined; nil for functions of the host.
  package var source: (file: String, line: Int)? {
    var line: Int32 = 0
    let file = md_lua_slot_source(lua, index, &line)
    return line < 0 ? nil : (String(file), Int(line))
  }

  /// Tells tables and functions apart.
  package var identity: UnsafeRawPointer? { md_lua_slot_identity(lua, index) }

  /// Holds the value beyond the view; nil when there is no memory.
  package func hold() -> LuaRef? {
    let number = md_lua_slot_ref(lua, index)
    return number < 0 ? nil : LuaRef(number: number)
  }

  /// Gives the field of a table (nothing if it has none).
  package func withField<Result>(_ name: StaticString, _ body: (LuaSlot) throws -> Result) rethrows -> Result {
    let field = md_lua_push_field(lua, index, name.utf8Start, name.utf8CodeUnitCount)
    defer { md_lua_pop_to(lua, field) }
    return try body(LuaSlot(lua: lua, index: field))
  }

  /// Gives the element of a list, counted from 1.
  package func withElement<Result>(_ element: Int, _ body: (LuaSlot) throws -> Result) rethrows -> Result {
    let slot = md_lua_push_element(lua, index, Int64(element))
    defer { md_lua_pop_to(lua, slot) }
    return try body(LuaSlot(lua: lua, index: slot))
  }

  /// Visits the entries of a table, numbers first, then strings by bytes, until `body` returns false. Keys of other
  /// kinds are left out. False if there was no room to sort them, or a record's field could not be computed.
  @discardableResult
  package func forEach(_ body: (_ key: LuaSlot, _ value: LuaSlot) -> Bool) -> Bool {
    withoutActuallyEscaping(body) { body in
      var visit = Visit(lua: lua, body: body)
      return withUnsafeMutablePointer(to: &visit) { context in
        md_lua_each(lua, index, context) { context, key, value in
          let visit = context.assumingMemoryBound(to: Visit.self)
          let lua = visit.pointee.lua
          return visit.pointee.body(LuaSlot(lua: lua, index: key), LuaSlot(lua: lua, index: value))
        }
      }
    }
  }

  private struct Visit {
    let lua: OpaquePointer
    let body: (LuaSlot, LuaSlot) -> Bool
  }

  /// Appends the value as JSON: keys in the fixed order, at most 64 deep, 100,000 values, 1 MiB. `name` begins the
  /// paths in messages ("data.items[3].price is infinite"). On an error nothing is appended.
  @inline(__always)
  package func encodeJSON(name: StaticString, into writer: inout ByteWriter) throws(LuaError) {
    var bytes = md_lua_text()
    let outcome = name.utf8Start.withMemoryRebound(to: CChar.self, capacity: name.utf8CodeUnitCount) {
      md_lua_encode(lua, index, $0, name.utf8CodeUnitCount, &bytes)
    }
    guard outcome.status == MD_LUA_OK else { throw LuaError(outcome) }
    writer.append(UnsafeRawBufferPointer(bytes))
  }
}
