// The basic functions. Those that can loop, catch or leak an order are ours; the rest keep the manual's meaning.
#include "../host.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *md_type_name(lua_State *L, int index) {
  if (md_is_null(L, index)) return "null";
  return lua_typename(L, lua_type(L, index));
}

void md_set_functions(lua_State *L, const luaL_Reg *functions) {
  for (; functions->name; functions++) {
    lua_pushcfunction(L, functions->func);
    lua_setfield(L, -2, functions->name);
  }
}

// --- text of values

static size_t write_number(lua_State *L, int index, char *out, size_t room) {
  if (lua_isinteger(L, index)) return (size_t)snprintf(out, room, "%lld", (long long)lua_tointeger(L, index));
  double number = lua_tonumber(L, index);
  if (isnan(number)) return (size_t)snprintf(out, room, "nan");  // its sign depends on the machine
  size_t length = (size_t)snprintf(out, room, "%.14g", number);
  if (out[strspn(out, "-0123456789")] == 0) length += (size_t)snprintf(out + length, room - length, ".0");
  return length;
}

// Calls `__tostring`, or uses `__name`. False if there is neither.
static bool push_custom_text(lua_State *L, int index) {
  int type = luaL_getmetafield(L, index, "__tostring");
  if (type != LUA_TNIL) {
    lua_pushvalue(L, index);
    lua_call(L, 1, 1);
    if (!lua_isstring(L, -1)) luaL_error(L, "'__tostring' must return a string");
    return true;
  }
  type = luaL_getmetafield(L, index, "__name");
  if (type == LUA_TSTRING) return true;
  if (type != LUA_TNIL) lua_pop(L, 1);
  return false;
}

const char *md_tostring(lua_State *L, int index, size_t *length) {
  index = lua_absindex(L, index);
  luaL_checkstack(L, 6, NULL);
  switch (lua_type(L, index)) {
    case LUA_TSTRING: lua_pushvalue(L, index); break;
    case LUA_TNUMBER: {
      char text[64];
      lua_pushlstring(L, text, write_number(L, index, text, sizeof text));
      break;
    }
    case LUA_TBOOLEAN: lua_pushstring(L, lua_toboolean(L, index) ? "true" : "false"); break;
    case LUA_TTABLE:
      if (push_custom_text(L, index)) break;
      lua_pushliteral(L, "table");
      break;
    default: lua_pushstring(L, md_type_name(L, index)); break;
  }
  return lua_tolstring(L, -1, length);
}

static int base_tostring(lua_State *L) {
  md_charge(L, md_host(L), 2);
  luaL_checkany(L, 1);
  md_tostring(L, 1, NULL);
  return 1;
}

static int digit_value(int character) {
  if (character >= '0' && character <= '9') return character - '0';
  if (character >= 'a' && character <= 'z') return character - 'a' + 10;
  if (character >= 'A' && character <= 'Z') return character - 'A' + 10;
  return 99;
}

static int based_number(lua_State *L, lua_Integer base) {
  size_t length;
  luaL_checktype(L, 1, LUA_TSTRING);
  const char *text = lua_tolstring(L, 1, &length), *end = text + length;
  luaL_argcheck(L, base >= 2 && base <= 36, 2, "base out of range");
  text += strspn(text, " \f\n\r\t\v");
  bool negative = *text == '-';
  if (*text == '-' || *text == '+') text++;
  lua_Unsigned value = 0;
  if (digit_value(*text) >= base) return 0;
  for (; digit_value(*text) < base; text++) value = value * (lua_Unsigned)base + (lua_Unsigned)digit_value(*text);
  text += strspn(text, " \f\n\r\t\v");
  if (text != end) return 0;
  lua_pushinteger(L, (lua_Integer)(negative ? 0u - value : value));
  return 1;
}

static int base_tonumber(lua_State *L) {
  md_charge(L, md_host(L), 2 + (int64_t)(lua_type(L, 1) == LUA_TSTRING ? lua_rawlen(L, 1) >> 2 : 0));
  if (!lua_isnoneornil(L, 2)) {
    if (based_number(L, luaL_checkinteger(L, 2))) return 1;
    lua_pushnil(L);
    return 1;
  }
  luaL_checkany(L, 1);
  if (lua_type(L, 1) == LUA_TNUMBER) {
    lua_settop(L, 1);
    return 1;
  }
  size_t length;
  const char *text = lua_type(L, 1) == LUA_TSTRING ? lua_tolstring(L, 1, &length) : NULL;
  if (!text || lua_stringtonumber(L, text) != length + 1) lua_pushnil(L);
  return 1;
}

static int base_type(lua_State *L) {
  luaL_checkany(L, 1);
  lua_pushstring(L, md_type_name(L, 1));
  return 1;
}

// --- errors

// Lua walks to the frame that is named as the place, so a place far out is paid for, or not looked for.
static int base_error(lua_State *L) {
  lua_Integer level = luaL_optinteger(L, 2, 1);
  bool has_place = level > 0 && level <= MD_FARTHEST_LEVEL;
  md_charge(L, md_host(L), has_place ? 2 + level / 4 : 2);
  lua_settop(L, 1);
  if (lua_type(L, 1) == LUA_TSTRING && has_place) {
    luaL_where(L, (int)level);
    lua_insert(L, 1);
    lua_concat(L, 2);
  }
  return lua_error(L);
}

static int base_assert(lua_State *L) {
  if (lua_toboolean(L, 1)) return lua_gettop(L);
  luaL_checkany(L, 1);
  lua_remove(L, 1);
  if (lua_gettop(L) == 0) return luaL_error(L, "assertion failed!");
  lua_settop(L, 1);
  return lua_error(L);
}

// What is fatal or aborts the call goes on to the host; running out of memory is fatal. Lua walks through all frames
// when an error is caught, which may be a million: too much to wait for the next regular look at the clock.
//
// In a coroutine that can wait, Lua comes here by itself after an error or a wait, and `base_pcall` is gone.
static int after_pcall(lua_State *L, int status, lua_KContext context) {
  md_lua *lua = md_host(L);
  if (context && status != LUA_YIELD) {
    lua->scratch.length = lua->base_scratch;
    lua->entry_count = lua->base_entries;
  }
  if (status == LUA_ERRMEM && lua->fatal == MD_LUA_OK) md_mark_fatal(lua, MD_LUA_MEMORY);
  if (md_is_passing(lua)) md_raise_passing(L);
  if (status == LUA_OK || status == LUA_YIELD) return lua_gettop(L);     // true result …
  md_check_budget(L, lua);
  lua_pushboolean(L, 0);
  lua_insert(L, -2);                                                     // … false error
  return 2;
}

static int base_pcall(lua_State *L) {
  md_lua *lua = md_host(L);
  md_charge(L, lua, 4);
  luaL_checkany(L, 1);
  size_t scratch = lua->scratch.length, entries = lua->entry_count;
  lua_pushboolean(L, 1);
  lua_insert(L, 1);                                                      // true function argument …
  int status = lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, lua_isyieldable(L), after_pcall);
  lua->scratch.length = scratch;  // unfinished texts of what was thrown away
  lua->entry_count = entries;
  return after_pcall(L, status, 0);
}

// --- raw access

static int base_rawequal(lua_State *L) {
  luaL_checkany(L, 1);
  luaL_checkany(L, 2);
  lua_pushboolean(L, lua_rawequal(L, 1, 2));
  return 1;
}

static int base_rawlen(lua_State *L) {
  int type = lua_type(L, 1);
  luaL_argexpected(L, type == LUA_TTABLE || type == LUA_TSTRING, 1, "table or string");
  if (type == LUA_TTABLE && md_push_content(L, 1)) lua_replace(L, 1);
  lua_pushinteger(L, (lua_Integer)lua_rawlen(L, 1));
  return 1;
}

static int base_rawget(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checkany(L, 2);
  lua_settop(L, 2);
  if (md_is_record(L, 1)) {
    lua_gettable(L, 1);
    return 1;
  }
  if (md_push_content(L, 1)) lua_replace(L, 1);
  lua_rawget(L, 1);
  return 1;
}

static int base_rawset(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checkany(L, 2);
  luaL_checkany(L, 3);
  lua_settop(L, 3);
  md_check_writable(L, 1);
  lua_rawset(L, 1);
  return 1;
}

static int base_select(lua_State *L) {
  int count = lua_gettop(L);
  if (lua_type(L, 1) == LUA_TSTRING && *lua_tostring(L, 1) == '#') {
    lua_pushinteger(L, count - 1);
    return 1;
  }
  lua_Integer from = luaL_checkinteger(L, 1);
  if (from < 0) from = count + from;
  else if (from > count) from = count;
  luaL_argcheck(L, from >= 1, 1, "index out of range");
  md_charge(L, md_host(L), (count - from) >> 3);
  return count - (int)from;
}

void md_open_base(lua_State *L) {                            // words
  static const luaL_Reg functions[] = {
    {"assert", base_assert},     {"error", base_error},   {"pcall", base_pcall},   {"rawequal", base_rawequal},
    {"rawget", base_rawget},     {"rawlen", base_rawlen}, {"rawset", base_rawset}, {"select", base_select},
    {"tonumber", base_tonumber}, {"tostring", base_tostring}, {"type", base_type}, {NULL, NULL}};
  md_set_functions(L, functions);
  md_open_iteration(L);
}
