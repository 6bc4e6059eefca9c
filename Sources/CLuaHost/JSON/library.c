// The words `null`, `array` and `json`, and encoding for Swift.
#include "../host.h"

bool md_is_null(lua_State *L, int index) {
  if (lua_type(L, index) != LUA_TUSERDATA) return false;
  lua_rawgeti(L, LUA_REGISTRYINDEX, MD_REF_NULL);
  bool equal = lua_rawequal(L, index < 0 ? index - 1 : index, -1);
  lua_pop(L, 1);
  return equal;
}

bool md_is_array(lua_State *L, int index) {
  if (!lua_getmetatable(L, index)) return false;
  bool marked = lua_rawgetp(L, -1, &md_key_array) == LUA_TBOOLEAN;
  lua_pop(L, 2);
  return marked;
}

void md_mark_array(lua_State *L, int index) {
  index = lua_absindex(L, index);
  lua_rawgeti(L, LUA_REGISTRYINDEX, MD_REF_ARRAY);
  lua_setmetatable(L, index);
}

// array { … }: marks the table itself, so that it stays a list when it is empty. array() makes a new one.
static int array(lua_State *L) {
  md_charge(L, md_host(L), 4);
  lua_settop(L, 1);
  if (lua_isnil(L, 1)) {
    lua_newtable(L);
    lua_replace(L, 1);
  }
  luaL_checktype(L, 1, LUA_TTABLE);
  if (md_is_array(L, 1)) return 1;
  md_check_writable(L, 1);
  if (lua_getmetatable(L, 1)) luaL_error(L, "a table with a metatable cannot become an array");
  md_mark_array(L, 1);
  return 1;
}

static int encode(lua_State *L) {
  md_lua *lua = md_host(L);
  md_charge(L, lua, 8);
  luaL_checkany(L, 1);
  lua_settop(L, 1);
  size_t start = lua->scratch.length;
  if (!md_json_encode(L, lua, 1, "value", 5)) {
    luaL_where(L, 1);
    lua_pushlstring(L, lua->message.bytes, lua->message.length);
    lua_concat(L, 2);
    return lua_error(L);
  }
  md_charge(L, lua, 0);
  md_scratch_push(L, start);
  return 1;
}

static int decode(lua_State *L) {
  md_lua *lua = md_host(L);
  size_t length;
  luaL_checktype(L, 1, LUA_TSTRING);
  const char *text = lua_tolstring(L, 1, &length);
  md_charge(L, lua, 16 + (int64_t)(length >> 3));
  const char *problem = md_json_push(L, lua, text, length);
  if (problem) return luaL_error(L, "not JSON: %s", problem);
  return 1;
}

void md_open_json(lua_State *L) {                            // words
  lua_newuserdatauv(L, 0, 0);
  lua_createtable(L, 0, 2);
  lua_pushliteral(L, "null");
  lua_setfield(L, -2, "__name");
  lua_setmetatable(L, -2);
  lua_pushvalue(L, -1);
  lua_rawseti(L, LUA_REGISTRYINDEX, MD_REF_NULL);
  lua_setfield(L, 1, "null");                                // words

  lua_createtable(L, 0, 1);
  lua_pushboolean(L, 1);
  lua_rawsetp(L, -2, &md_key_array);
  lua_rawseti(L, LUA_REGISTRYINDEX, MD_REF_ARRAY);

  lua_pushcfunction(L, array);
  lua_setfield(L, 1, "array");
  lua_createtable(L, 0, 2);                                  // words json
  static const luaL_Reg functions[] = {{"encode", encode}, {"decode", decode}, {NULL, NULL}};
  md_set_functions(L, functions);
  lua_setfield(L, 1, "json");
}

// --- for Swift

md_lua_outcome md_lua_encode(md_lua *lua, int32_t slot, const char *name, size_t name_length, md_lua_text *bytes) {
  lua_State *L = lua->current;
  size_t start = lua->scratch.length;
  if (!md_json_encode(L, lua, lua_absindex(L, slot), name, name_length)) {
    return (md_lua_outcome){.status = MD_LUA_ERROR, .message = {lua->message.bytes, lua->message.length}};
  }
  *bytes = (md_lua_text){lua->scratch.bytes + start, lua->scratch.length - start};
  lua->scratch.length = start;
  return (md_lua_outcome){.status = MD_LUA_OK};
}
