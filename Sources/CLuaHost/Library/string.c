// Strings without patterns and formats. Case and comparison are of ASCII, whatever the locale.
#include "../host.h"

#include <string.h>

// A position of the manual (negative counts from the end) as an offset from 1 on; 0 when it lies before the start.
static size_t from_position(lua_Integer position, size_t length) {
  if (position > 0) return (size_t)position;
  if (position == 0) return 1;
  if (position < -(lua_Integer)length) return 1;
  return length + (size_t)position + 1;
}

static size_t to_position(lua_Integer position, size_t length) {
  if (position > (lua_Integer)length) return length;
  if (position >= 0) return (size_t)position;
  if (position < -(lua_Integer)length) return 0;
  return length + (size_t)position + 1;
}

static int string_len(lua_State *L) {
  size_t length;
  luaL_checklstring(L, 1, &length);
  lua_pushinteger(L, (lua_Integer)length);
  return 1;
}

static int string_sub(lua_State *L) {
  size_t length;
  const char *text = luaL_checklstring(L, 1, &length);
  size_t from = from_position(luaL_checkinteger(L, 2), length), to = to_position(luaL_optinteger(L, 3, -1), length);
  md_charge(L, md_host(L), 1);
  if (from > to) lua_pushliteral(L, "");
  else lua_pushlstring(L, text + from - 1, to - from + 1);
  return 1;
}

static int mapped(lua_State *L, char first, char last, int shift) {
  size_t length;
  const char *text = luaL_checklstring(L, 1, &length);
  md_lua *lua = md_host(L);
  md_charge(L, lua, 1 + (int64_t)(length >> 3));
  size_t start = lua->scratch.length;
  char *out = md_scratch(L, length + 1);
  for (size_t i = 0; i < length; i++) {
    char byte = text[i];
    out[i] = byte >= first && byte <= last ? (char)(byte + shift) : byte;
  }
  lua->scratch.length += length;
  md_scratch_push(L, start);
  return 1;
}

static int string_lower(lua_State *L) { return mapped(L, 'A', 'Z', 'a' - 'A'); }
static int string_upper(lua_State *L) { return mapped(L, 'a', 'z', 'A' - 'a'); }

static int string_reverse(lua_State *L) {
  size_t length;
  const char *text = luaL_checklstring(L, 1, &length);
  md_lua *lua = md_host(L);
  md_charge(L, lua, 1 + (int64_t)(length >> 3));
  size_t start = lua->scratch.length;
  char *out = md_scratch(L, length + 1);
  for (size_t i = 0; i < length; i++) out[i] = text[length - 1 - i];
  lua->scratch.length += length;
  md_scratch_push(L, start);
  return 1;
}

static int string_rep(lua_State *L) {
  md_lua *lua = md_host(L);
  size_t length, separator_length;
  const char *text = luaL_checklstring(L, 1, &length);
  lua_Integer count = luaL_checkinteger(L, 2);
  const char *separator = luaL_optlstring(L, 3, "", &separator_length);
  size_t unit = length + separator_length;
  if (count <= 0 || unit == 0) {
    lua_pushliteral(L, "");
    return 1;
  }
  if ((lua_Unsigned)count > (lua->limits.string + separator_length) / unit) {
    return luaL_error(L, "the resulting string is too large (over %d bytes)", (int)lua->limits.string);
  }
  size_t total = (size_t)count * unit - separator_length, start = lua->scratch.length;
  md_charge(L, lua, 1 + (unit == 1 ? 0 : count >> 2) + (int64_t)(total >> 5));
  char *out = md_scratch(L, total + 1);
  if (unit == 1) {
    memset(out, length ? text[0] : separator[0], total);
    count = 0;
  }
  for (lua_Integer i = 0; i < count; i++) {
    memcpy(out, text, length);
    out += length;
    if (i == count - 1 || separator_length == 0) continue;
    memcpy(out, separator, separator_length);
    out += separator_length;
  }
  lua->scratch.length += total;
  md_scratch_push(L, start);
  return 1;
}

static int string_byte(lua_State *L) {
  size_t length;
  const char *text = luaL_checklstring(L, 1, &length);
  lua_Integer position = luaL_optinteger(L, 2, 1);
  size_t from = from_position(position, length), to = to_position(luaL_optinteger(L, 3, (lua_Integer)from), length);
  if (from > to) return 0;
  size_t count = to - from + 1;
  if (count > 100000 || !lua_checkstack(L, (int)count + 4)) return luaL_error(L, "string slice too long");
  md_charge(L, md_host(L), 1 + (int64_t)count);
  for (size_t i = 0; i < count; i++) lua_pushinteger(L, (unsigned char)text[from - 1 + i]);
  return (int)count;
}

static int string_char(lua_State *L) {
  md_lua *lua = md_host(L);
  int count = lua_gettop(L);
  md_charge(L, lua, 1 + count);
  size_t start = lua->scratch.length;
  char *out = md_scratch(L, (size_t)count + 1);
  for (int i = 1; i <= count; i++) {
    lua_Unsigned byte = (lua_Unsigned)luaL_checkinteger(L, i);
    luaL_argcheck(L, byte <= 255, i, "value out of range");
    out[i - 1] = (char)byte;
  }
  lua->scratch.length += (size_t)count;
  md_scratch_push(L, start);
  return 1;
}

void md_open_string(lua_State *L) {                          // words
  static const luaL_Reg functions[] = {
    {"byte", string_byte}, {"char", string_char}, {"len", string_len}, {"lower", string_lower}, {"rep", string_rep},
    {"reverse", string_reverse}, {"sub", string_sub}, {"upper", string_upper}, {NULL, NULL}};
  lua_createtable(L, 0, 16);
  md_set_functions(L, functions);
  lua_pushliteral(L, "");
  lua_createtable(L, 0, 1);
  lua_pushvalue(L, -3);
  lua_setfield(L, -2, "__index");                            // words string "" metatable
  lua_setmetatable(L, -2);
  lua_pop(L, 1);
  lua_pushvalue(L, -1);
  lua_rawseti(L, LUA_REGISTRYINDEX, MD_REF_STRING);
  lua_setfield(L, -2, "string");
}

