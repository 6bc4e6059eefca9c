// setmetatable and getmetatable. What is installed is a copy with allowed metamethods only:
// - `__concat` crashes Debian's liblua5.4 (a freed stack is used when it grows the stack),
// - `__gc` and `__close` run where no hook looks at the budget, `__mode` makes garbage collection visible,
// - `__metatable` belongs to the host.
// getmetatable gives the script its own table back; changing that later does not change any metamethod.
#include "../host.h"

const char *const md_metamethods[] = {
  "__index", "__newindex", "__call", "__len", "__eq", "__lt", "__le", "__unm", "__add", "__sub", "__mul", "__div",
  "__idiv", "__mod", "__pow", "__band", "__bor", "__bxor", "__shl", "__shr", "__bnot", "__tostring", "__name", NULL};

// Pushes the copy of the metatable at `from`, whose raw entries are in `content`.
static void push_copy(lua_State *L, int from, int content) {
  lua_createtable(L, 0, 4);                                  // … copy
  for (const char *const *name = md_metamethods; *name; name++) {
    lua_pushstring(L, *name);
    if (lua_rawget(L, content) == LUA_TNIL) lua_pop(L, 1);
    else lua_setfield(L, -2, *name);
  }
  lua_pushvalue(L, from);
  lua_rawsetp(L, -2, &md_key_original);
}

// The copy of a frozen metatable never changes, so one serves all objects.
static void push_cached_copy(lua_State *L, int from) {       // … content
  int content = lua_gettop(L);
  lua_getmetatable(L, from);                                 // … content host
  if (lua_rawgetp(L, -1, &md_key_copy) == LUA_TTABLE) return;
  lua_pop(L, 1);
  push_copy(L, from, content);                               // … content host copy
  lua_pushvalue(L, -1);
  lua_rawsetp(L, -3, &md_key_copy);
}

int md_setmetatable(lua_State *L) {
  md_lua *lua = md_host(L);
  int type = lua_type(L, 2);
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_argexpected(L, type == LUA_TNIL || type == LUA_TTABLE, 2, "nil or table");
  lua_settop(L, 2);
  md_check_writable(L, 1);
  bool was_array = md_is_array(L, 1);
  md_charge(L, lua, 10);
  if (type == LUA_TNIL) {
    if (was_array) md_mark_array(L, 1);
    else lua_setmetatable(L, 1);
    lua_settop(L, 1);
    return 1;
  }
  if (md_push_content(L, 2)) push_cached_copy(L, 2);
  else push_copy(L, 2, 2);                                   // table metatable … copy
  if (was_array) {
    lua_pushboolean(L, 1);
    lua_rawsetp(L, -2, &md_key_array);
  }
  lua_setmetatable(L, 1);
  lua_settop(L, 1);
  return 1;
}

static int getmetatable(lua_State *L) {
  luaL_checkany(L, 1);
  if (lua_type(L, 1) != LUA_TTABLE || !lua_getmetatable(L, 1)) {
    lua_pushnil(L);
    return 1;
  }
  lua_rawgetp(L, -1, &md_key_original);
  return 1;
}

void md_open_metatables(lua_State *L) {                      // words
  static const luaL_Reg functions[] = {
    {"setmetatable", md_setmetatable}, {"getmetatable", getmetatable}, {NULL, NULL}};
  md_set_functions(L, functions);
}
